/** Whose bytes went to and from the disks: read only when there were many, since it costs a file for each process. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { msPerTick } from './counts.ts'
import { bytesOf } from './disk-bytes.ts'
import { housekeepingUnit } from './known-agents.ts'
import { ownProcess, type Process, type ProcessTable, processTable, whileItLives } from './processes.ts'
import { processName } from './words.ts'

/** Bytes of one process, its ended children's with it. */
export type ProcessBytes = readonly [pid: number, start: number, bytes: number]

/** Most processes kept from one sample to the next, those with the most bytes. */
const mostKept = 300

/** Most processes whose control group is looked at. */
const mostExamined = 20

/** kthreadd's children are the kernel's own threads, which write for others. */
const kthreadd = 2

interface Bytes {
  readonly users: readonly ProcessBytes[]
  /** Some process may not be looked at. */
  readonly hidden: boolean
}

/** Bytes of all processes but process 1, to whom fall those of everybody who has ended, the kernel's, and this one. */
async function readBytes(host: Host, table: ProcessTable, signal: AbortSignal): Promise<Bytes> {
  const own = await ownProcess(host)
  const all: ProcessBytes[] = []
  let hidden = false
  for (const process of table.values()) {
    const { pid, ppid, start } = process
    if (pid === 1 || pid === kthreadd || ppid === kthreadd || pid === own?.pid) continue
    signal.throwIfAborted()
    try {
      const bytes = await bytesOf(host, process)
      if (bytes !== undefined && bytes > 0) all.push([pid, start, bytes])
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      hidden = true
    }
  }
  return { users: all.sort((a, b) => b[2] - a[2]).slice(0, mostKept), hidden }
}

/** An earlier moment: the boot-time clock then, and the bytes of processes, if they were read. */
export interface Earlier {
  readonly bootMs: number
  readonly users?: readonly ProcessBytes[]
}

/** What a process added since; 0 where that cannot be told. */
function added([pid, start, bytes]: ProcessBytes, { bootMs, users }: Earlier): number {
  if (start * msPerTick >= bootMs) return bytes
  if (users === undefined) return 0
  const old = users.find((one) => one[0] === pid && one[1] === start)
  // One that was not kept had none then, or less than all that were.
  const cut = users.length < mostKept ? 0 : (users.at(-1)?.[2] ?? 0)
  return Math.max(0, bytes - (old?.[2] ?? Math.min(bytes, cut)))
}

/** Units that an operator counts to housekeeping, by the Host object of a look. */
export const leftOutUnits = new WeakMap<Host, ReadonlySet<string>>()

async function isHousekeeping(host: Host, pid: number): Promise<boolean> {
  const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cgroup`))
  return (text ?? '').split('\n').some((line) => {
    const unit = /^\d+:(?:name=systemd)?:\/system\.slice\/([^/]+)/.exec(line)?.[1]
    return unit !== undefined && (housekeepingUnit.test(unit) || leftOutUnits.get(host)?.has(unit) === true)
  })
}

/** Who used the disks since an earlier moment. */
export interface Users extends Bytes {
  /** Bytes of living processes that are no housekeeping, as far as they can be told. */
  readonly others: number
  /** The living process with most of them, and how many. */
  readonly most?: { readonly name: string; readonly pid: number; readonly bytes: number }
}

/** Reads the bytes of all processes and compares. */
export async function diskUsers(host: Host, earlier: Earlier, signal: AbortSignal): Promise<Users> {
  const table = await processTable(host, signal)
  const read = await readBytes(host, table, signal)
  const grew = read.users
    .map((one) => ({ process: table.get(one[0]), bytes: added(one, earlier) }))
    .filter((one): one is { process: Process; bytes: number } => one.process !== undefined && one.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
  let others = 0
  let most: Users['most']
  for (const [index, { process, bytes }] of grew.entries()) {
    if (index < mostExamined && (await isHousekeeping(host, process.pid))) continue
    others += bytes
    most ??= { name: processName(process.comm, process.pid), pid: process.pid, bytes }
  }
  return { ...read, others, ...(most === undefined ? {} : { most }) }
}
