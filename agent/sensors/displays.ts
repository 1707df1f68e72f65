/** The X displays of this machine, and when somebody last used each; read where an X server runs. */
import { messageOf } from '../errors.ts'
import type { Display, Host } from '../host/host.ts'
import { fewer, localClients } from './clients.ts'
import { msPerTick } from './counts.ts'
import { displayServers } from './desktop-programs.ts'
import { commandLine, ifPermitted, type Process, type ProcessTable, uidOf, whileItLives } from './processes.ts'

/** One X server. */
export interface DisplayUse {
  readonly pid: number
  readonly uid: number
  readonly comm: string
  /** Milliseconds since the last input; left out where it cannot be asked for, as in a container, or has no program to show. */
  readonly idleMs?: number
  /** That long ago it began, and there has been none. */
  readonly fresh?: true
  /** Why what is there did not answer. */
  readonly problem?: string
}

/** Of a user, where there are more in all. */
const mostDisplays = 32
const answerMs = 1500

/** A display counts from its beginning as if there had been input then, and may take so long to begin. */
const beginMs = 5000

/**
 * Numbers of the displays that programs are connected to. Not from the command line, which may have none (`-displayfd`), nor
 * from the lock, which is not there then. A display without programs is used by nobody, and must not be asked: its server
 * begins anew, as after input, when the last program leaves.
 */
async function numbersOf(host: Host, pid: number, signal: AbortSignal): Promise<readonly number[]> {
  const numbers = (await localClients(host, pid, signal)).map(
    (name) => /^@?\/tmp\/\.X11-unix\/X(\d{1,5})$/.exec(name)?.[1],
  )
  return [...new Set(numbers.filter((number) => number !== undefined))].map(Number)
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
  { start, displays }: { readonly start: number; readonly displays: readonly Display[] },
  signal: AbortSignal,
): Promise<Pick<DisplayUse, 'idleMs' | 'fresh'>> {
  const limits = { timeoutMs: answerMs, signal }
  const told = await Promise.all(displays.map((display) => host.displayIdleMs(display, limits)))
  const known = told.filter((ms) => ms !== undefined)
  if (known.length === 0) return {}
  const idleMs = Math.min(...known)
  const fresh = host.clocks().bootMs - idleMs < start * msPerTick + beginMs
  return { idleMs, ...(fresh ? { fresh } : {}) }
}

async function readDisplay(
  host: Host,
  { pid, start, comm }: Process,
  signal: AbortSignal,
): Promise<readonly DisplayUse[]> {
  const uid = await uidOf(host, pid)
  if (uid === undefined) return []
  const who = { pid, uid, comm }
  try {
    const numbers = await numbersOf(host, pid, signal)
    if (numbers.length === 0) return [who]
    const auth = await authFileOf(host, pid)
    const displays = numbers.map((number): Display => ({ number, uid, ...auth }))
    return [{ ...who, ...(await ask(host, { start, displays }, signal)) }]
  } catch (error) {
    signal.throwIfAborted()
    return [{ ...who, problem: messageOf(error) }]
  }
}

/** All X servers, each asked for its last input; of a user who has very many, the oldest. */
export async function readDisplays(
  host: Host,
  table: ProcessTable,
  signal: AbortSignal,
): Promise<readonly DisplayUse[]> {
  const servers = [...table.values()].filter(({ comm }) => displayServers.has(comm))
  if (servers.length === 0) return []
  // The oldest: a screen is there before what tests start on it.
  const looked = await fewer(host, servers, { most: mostDisplays, order: (a, b) => a.start - b.start })
  // Side by side: each may hang.
  return (await Promise.all(looked.map((process) => readDisplay(host, process, signal)))).flat()
}
