/** Whether somebody uses a desktop of this machine; loaded where one runs. */
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Reading } from '../types.ts'
import { judgeClients, type Service, withUsual } from './client-use.ts'
import { readServed, type Served, type Server } from './clients.ts'
import { readDcvClients } from './dcv.ts'
import { beyondX, desktopServers, isDesktop } from './desktop-programs.ts'
import type { desktopsOptions } from './desktops.ts'
import { type DisplayUse, readDisplays } from './displays.ts'
import type { Subject } from './gated.ts'
import { processTable } from './processes.ts'
import type { Context, Span } from './sensor.ts'
import { counted, duration, processName, rate } from './words.ts'

export interface DesktopsSample extends Service {
  readonly displays: readonly DisplayUse[]
  /** Clients that DCV tells of. */
  readonly dcv?: number
  /** Why it does not. */
  readonly dcvProblem?: string
}

type O = typeof desktopsOptions

async function dcvClients(host: Host, signal: AbortSignal): Promise<Pick<DesktopsSample, 'dcv' | 'dcvProblem'>> {
  try {
    return { dcv: await readDcvClients(host, signal) }
  } catch (error) {
    signal.throwIfAborted()
    return { dcvProblem: messageOf(error) }
  }
}

async function read(host: Host, signal: AbortSignal, before?: DesktopsSample): Promise<DesktopsSample> {
  const at = host.clocks().monoMs
  const table = await processTable(host, signal)
  const servers: Server[] = []
  for (const { pid, start, comm } of table.values()) {
    const name = desktopServers.get(comm)
    if (name === undefined) continue
    servers.push({ pid, start, name, ...(beyondX.has(comm) ? { beyondX: true as const } : {}) })
  }
  const runsDcv = [...table.values()].some(({ comm }) => comm === 'dcvserver')
  const [displays, served, dcv] = await Promise.all([
    readDisplays(host, table, signal),
    readServed(host, servers, signal),
    runsDcv ? dcvClients(host, signal) : {},
  ])
  return { ...withUsual({ at, served }, before), displays, ...dcv }
}

/** "uid 1000: desktop (Xorg, pid 4242)". */
function named({ uid, comm, pid }: DisplayUse): string {
  return `uid ${uid}: desktop, ${processName(comm, pid)}`
}

/** The latest input of the interval. One that is older than the interval, or than this display, is none. */
function input(now: DesktopsSample, { now: clocks, ms }: Span): Reading | undefined {
  let latest: (DisplayUse & { readonly idleMs: number }) | undefined
  for (const display of now.displays) {
    const { idleMs } = display
    if (idleMs !== undefined && idleMs < Math.min(ms, latest?.idleMs ?? ms)) latest = { ...display, idleMs }
  }
  if (latest === undefined) return undefined
  const { idleMs, uid, comm } = latest
  const reason = `${named(latest)}: input ${duration(idleMs)} ago`
  // Keys that a program sends to a display without a screen are no person's.
  const person = comm !== 'Xvfb'
  const at = clocks.monoMs - idleMs
  return { kind: 'active', reason, at, person, ...(person && uid !== 0 ? { uids: [uid] } : {}) }
}

function tells({ idleMs }: DisplayUse): boolean {
  return idleMs !== undefined
}

/** Does one of the user's own displays tell of the input of those who see them over this server? Anybody can start another display. */
function isOwn({ uid }: Served, { displays }: DesktopsSample): boolean {
  return displays.some((one) => one.uid === uid && tells(one))
}

/** Where every display tells of its input, bytes tell nothing more: a clock on a screen makes some, too. */
function byBytes(now: DesktopsSample, before: DesktopsSample | undefined, span: Span): Reading | undefined {
  const told = now.displays.length > 0 && now.displays.every(tells)
  const served = now.served.filter((one) => (one.beyondX === true ? !isOwn(one, now) : !told))
  const { used } = judgeClients({ ...now, served }, before, span)
  if (used === undefined) return undefined
  const { server, perSecond, at } = used
  const reason = `uid ${server.uid}: desktop over ${server.name}, client connected, ${rate(perSecond)} in (pid ${server.pid})`
  return { kind: 'active', reason, at, person: false }
}

function unreadable(now: DesktopsSample): Reading | undefined {
  const hung = now.displays.find(({ problem }) => problem !== undefined)
  if (hung !== undefined) return { kind: 'unknown', reason: `${named(hung)} cannot be asked: ${hung.problem}` }
  if (now.dcvProblem !== undefined) return { kind: 'unknown', reason: `DCV cannot be asked: ${now.dcvProblem}` }
  const unread = now.served.find(
    (one) => one.unread !== undefined && (one.beyondX === true ? !isOwn(one, now) : !now.displays.some(tells)),
  )
  if (unread === undefined) return undefined
  const who = `clients of ${unread.name} (pid ${unread.pid})`
  return { kind: 'unknown', reason: `bytes of the ${who} cannot be read: ${unread.unread}` }
}

/** The first of: input on a display, bytes from a client where a display does not tell, something unreadable, a client, nobody. */
function judge(now: DesktopsSample, before: DesktopsSample | undefined, { span, limits }: Context<O>): Reading {
  const clients = judgeClients(now, before, span)
  const found = input(now, span) ?? byBytes(now, before, span) ?? unreadable(now)
  if (found !== undefined) return found
  const { connected } = clients
  if (connected !== undefined || (now.dcv ?? 0) > 0) {
    const name = connected?.name ?? 'DCV'
    const pid = connected === undefined ? '' : ` (pid ${connected.pid})`
    const reason = `client connected to a desktop over ${name}${pid}, no input`
    return { kind: 'hold', reason, evidence: 'connection', limitMinutes: limits.connection_hold_minutes }
  }
  const [first] = now.displays
  const others = now.displays.length > 1 ? ` (${counted(now.displays.length, 'desktop')})` : ''
  if (first === undefined) return { kind: 'idle', reason: 'a desktop server runs, nobody connected' }
  return { kind: 'idle', reason: `${named(first)}: nobody connected, no input since the last check${others}` }
}

/** One door to all of it, as with editors. */
export const shownDesktops = { isDesktop, subject: { read, judge } satisfies Subject<DesktopsSample, O> }
