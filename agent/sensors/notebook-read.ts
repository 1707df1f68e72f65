/** Finds kernels of Jupyter and sessions of RStudio, and what their processes and servers show. */
import type { Host } from '../host/host.ts'
import { parseCount } from './counts.ts'
import { shells } from './known-programs.ts'
import { askServers, type Server, type Told } from './notebook-ask.ts'
import { kernelOf } from './notebook-kernels.ts'
import { type NotebooksSample, type Seat, type Seen, withUse } from './notebook-seats.ts'
import {
  breathe,
  ifPermitted,
  type Process,
  type ProcessTable,
  parseSwitches,
  parseUid,
  processTable,
  whileItLives,
} from './processes.ts'

/** Most that are looked at of one user. */
const mostOfUser = 200

/** Of processes with one kernel's connection file: the kernel, what it has forked, a shell that started it. */
interface Found {
  /** `undefined` for a session of RStudio. */
  readonly id?: string
  readonly process: Process
  readonly uid: number
  readonly gid: number
  readonly switches: number
  /** Folder of the connection file, where its path is whole. */
  readonly folder?: string
  /** The process that started it. */
  readonly parent: number
}

function folderOf(words: readonly string[]): { folder?: string } {
  const path = /^(?:-{1,2}[\w-]+=)?(\/.+)\/kernel-[\w-]+\.json$/
  const folder = words.map((word) => path.exec(word)?.[1]).find((one) => one !== undefined)
  return folder === undefined || folder.length > 1000 ? {} : { folder }
}

/** The older of two processes is the kernel, the younger what it forked; but a shell has only started it. */
function older(a: Found, b: Found): Found {
  const [first, second] = a.process.start <= b.process.start ? [a, b] : [b, a]
  return shells.has(first.process.comm) ? { ...second, parent: first.parent } : first
}

async function find(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly Found[]> {
  const found = new Map<string, Found>()
  const counts = new Map<number, number>()
  let step = 0
  for (const process of table.values()) {
    await breathe(host, step++, signal)
    const { pid, comm, ppid } = process
    const kernel = comm === 'rsession' ? undefined : await kernelOf(host, table, process)
    if (comm !== 'rsession' && kernel === undefined) continue
    const status = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/status`))
    if (status === undefined) continue
    const uid = parseUid(status)
    const gid = parseCount(/^Gid:\t(\d+)/m.exec(status)?.[1], 'Gid in /proc/PID/status')
    const one = { process, uid, gid, switches: parseSwitches(status), parent: ppid }
    const key = `${uid}:${kernel?.id ?? `rsession ${pid}`}`
    const same = found.get(key)
    if (same === undefined) counts.set(uid, (counts.get(uid) ?? 0) + 1)
    if ((counts.get(uid) ?? 0) > mostOfUser) continue
    const whole = kernel === undefined ? one : { ...one, id: kernel.id, ...folderOf(kernel.words) }
    found.set(key, same === undefined ? whole : older(same, whole))
  }
  return [...found.values()]
}

/** Waits for events as an idle kernel's main thread does, and one in an asynchronous cell: epoll_wait(2), by kernel version. */
const forEvents = /^(ep_poll|do_epoll_p?wait)$/

/**
 * R's main thread in system(), which waits for the program or for its output, and in a plain sleep. At its prompt a session
 * of RStudio waits on a condition variable, which is a futex, or polls.
 */
const forProgram = /^(do_wait|(anon_)?pipe_read|hrtimer_nanosleep)$/

/**
 * Is its main thread in the middle of something, as /proc/PID/wchan shows? Cells run in the main thread of ipykernel and
 * there is no other place to be but its loop: `time.sleep` shows as hrtimer_nanosleep, a subprocess as do_wait, a socket as poll. "0" is
 * told of a thread that runs, and of all where this is forbidden. Other kernels have loops of their own: not told.
 */
async function inCall(host: Host, { process: { pid, comm }, id }: Found): Promise<boolean> {
  const text = await ifPermitted(() => whileItLives(host, pid, () => host.readText(`/proc/${pid}/wchan`)))
  const where = (text ?? '').trim().replace(/\..*/, '')
  if (where === '' || where === '0') return false
  if (id === undefined) return forProgram.test(where)
  return /^(python|pypy)/.test(comm) && !forEvents.test(where)
}

function serversOf(table: ProcessTable, found: readonly Found[]): readonly Server[] {
  const servers = new Map<number, Server>()
  for (const { id, uid, gid, parent, folder } of found) {
    const process = table.get(parent)
    if (id === undefined || process === undefined || servers.has(parent)) continue
    servers.set(parent, { process, uid, gid, ...(folder === undefined ? {} : { folder }) })
  }
  return [...servers.values()]
}

async function seatOf(host: Host, found: Found, told: Told | undefined): Promise<Seen> {
  const { process, uid, switches, id } = found
  const { pid, start } = process
  // A server of before jupyter_server 2.10 says idle while a cell runs, once a browser has asked the kernel anything beside it.
  const busy = told?.busy === true || (await inCall(host, found))
  const kind = id === undefined ? 'rsession' : 'kernel'
  return { pid, start, uid, kind, busy, switches, ...(told === undefined ? {} : { told }) }
}

/** Reads all seats. Asks a server at most once, over loopback; one that cannot be asked leaves what the processes show. */
export async function readNotebooks(
  host: Host,
  signal: AbortSignal,
  before: NotebooksSample | undefined,
): Promise<NotebooksSample> {
  const table = await processTable(host, signal)
  const found = await find(host, table, signal)
  const told = await askServers(host, serversOf(table, found), signal)
  const { monoMs: at, wallMs } = host.clocks()
  // Of an earlier run of the machine.
  const earlier = before === undefined || before.at > at ? undefined : before
  const old = new Map(earlier?.seats.map((seat) => [`${seat.pid}:${seat.start}`, seat]))
  const moment = { at, wallMs, before: earlier?.at ?? at }
  const seats: Seat[] = []
  for (const one of found) {
    const seen = await seatOf(host, one, told.get(one.parent)?.get(one.id ?? ''))
    seats.push(withUse(seen, old.get(`${seen.pid}:${seen.start}`), moment))
  }
  return { at, seats }
}
