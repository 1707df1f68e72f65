/** The X displays of this machine, and when somebody last used each; read where an X server runs. */
import { messageOf } from '../errors.ts'
import type { Display, Host } from '../host/host.ts'
import { displayServers } from './known-programs.ts'
import { breathe, commandLine, ifPermitted, type Process, type ProcessTable, uidOf, whileItLives } from './processes.ts'

/** One X server. */
export interface DisplayUse {
  readonly pid: number
  readonly uid: number
  readonly comm: string
  /** Milliseconds since the last input; left out where it cannot be asked for, as in a container. */
  readonly idleMs?: number
  /** Why what is there did not answer. */
  readonly problem?: string
}

const mostDisplays = 32
const answerMs = 1500

/**
 * Numbers of displays by the pid that the lock of each names. Anybody may leave a lock with another's pid: the Host trusts
 * no socket but of that process's user. Not from the command line, which may have none (`-displayfd`).
 */
async function numbersByPid(host: Host, signal: AbortSignal): Promise<ReadonlyMap<number, readonly number[]>> {
  const numbers = new Map<number, number[]>()
  for (const [step, name] of ((await ifPermitted(() => host.list('/tmp/.X11-unix'))) ?? []).entries()) {
    await breathe(host, step, signal)
    const number = /^X(\d{1,5})$/.exec(name)?.[1]
    if (number === undefined) continue
    // What is there may be anything of anybody's.
    const pid = /^ *(\d{1,10})\n$/.exec(
      (await ifPermitted(() => host.readText(`/tmp/.X${number}-lock`, 64))) ?? '',
    )?.[1]
    if (pid !== undefined) numbers.set(Number(pid), [...(numbers.get(Number(pid)) ?? []), Number(number)])
  }
  return numbers
}

/** Where the server takes its cookies from: `-auth FILE`, relative to its folder under xrdp. */
async function authFileOf(host: Host, pid: number): Promise<Pick<Display, 'authFile'>> {
  const words = (await ifPermitted(() => commandLine(host, pid)))?.text.split('\0') ?? []
  const file = words[words.indexOf('-auth') + 1]
  if (!words.includes('-auth') || file === undefined || file === '') return {}
  if (file.startsWith('/')) return { authFile: file }
  const folder = await ifPermitted(() => whileItLives(host, pid, () => host.readLink(`/proc/${pid}/cwd`)))
  return folder === undefined ? {} : { authFile: `${folder}/${file}` }
}

async function ask(
  host: Host,
  displays: readonly Display[],
  signal: AbortSignal,
): Promise<Pick<DisplayUse, 'idleMs' | 'problem'>> {
  const limit = host.deadline(answerMs)
  try {
    const until = AbortSignal.any([signal, limit.signal])
    const told = await Promise.all(displays.map((display) => host.displayIdleMs(display, until)))
    const known = told.filter((ms) => ms !== undefined)
    return known.length === 0 ? {} : { idleMs: Math.min(...known) }
  } catch (error) {
    signal.throwIfAborted()
    return { problem: messageOf(error) }
  } finally {
    limit.clear()
  }
}

async function readDisplay(
  host: Host,
  { process, numbers }: { readonly process: Process; readonly numbers: readonly number[] },
  signal: AbortSignal,
): Promise<readonly DisplayUse[]> {
  const { pid, comm } = process
  const uid = await uidOf(host, pid)
  if (uid === undefined) return []
  const auth = numbers.length === 0 ? {} : await authFileOf(host, pid)
  const displays = numbers.map((number): Display => ({ number, uid, ...auth }))
  return [{ pid, uid, comm, ...(await ask(host, displays, signal)) }]
}

/** All X servers, each asked for its last input. Throws if there are too many. */
export async function readDisplays(
  host: Host,
  table: ProcessTable,
  signal: AbortSignal,
): Promise<readonly DisplayUse[]> {
  const servers = [...table.values()].filter(({ comm }) => displayServers.has(comm))
  if (servers.length === 0) return []
  if (servers.length > mostDisplays) throw new Error(`more than ${mostDisplays} X servers run`)
  const numbers = await numbersByPid(host, signal)
  // Side by side: each may hang.
  const read = servers.map((process) => readDisplay(host, { process, numbers: numbers.get(process.pid) ?? [] }, signal))
  return (await Promise.all(read)).flat()
}
