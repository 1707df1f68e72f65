/** Whether somebody uses a desktop of this machine; loaded where one runs. */
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Reading } from '../types.ts'
import { type ClientUse, judgeClients, type Service, type Use, unreadable, withUsual } from './client-use.ts'
import { readServed, type Server } from './clients.ts'
import { readDcvClients } from './dcv.ts'
import { desktopServers, isDesktop } from './desktop-programs.ts'
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
    servers.push({ pid, start, name })
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
    const { idleMs, fresh } = display
    if (idleMs !== undefined && fresh !== true && idleMs < Math.min(ms, latest?.idleMs ?? ms))
      latest = { ...display, idleMs }
  }
  if (latest === undefined) return undefined
  const { idleMs, uid, comm } = latest
  const reason = `${named(latest)}: input ${duration(idleMs)} ago`
  // Keys that a program sends to a display without a screen are no person's.
  const person = comm !== 'Xvfb'
  const at = clocks.monoMs - idleMs
  return { kind: 'active', reason, at, person, ...(person && uid !== 0 ? { uids: [uid] } : {}) }
}

/** What a display tells of its own input is better than bytes of its clients: a clock on a screen makes some, too. It tells nothing of others. */
function untold(sample: DesktopsSample): DesktopsSample {
  const tells = new Set(sample.displays.filter(({ idleMs }) => idleMs !== undefined).map(({ pid }) => pid))
  return { ...sample, served: sample.served.filter(({ pid }) => !tells.has(pid)) }
}

function usedBy({ server, perSecond, at }: Use): Reading {
  const reason = `uid ${server.uid}: desktop over ${server.name}, client connected, ${rate(perSecond)} in (pid ${server.pid})`
  return { kind: 'active', reason, at, person: false }
}

/** What could not be read: first what is of the system's own processes, which is unknown and no hold. */
function unread(now: DesktopsSample, client: ClientUse['unread']): Reading | undefined {
  const found = now.displays
    .filter(({ problem }) => problem !== undefined)
    .map((one) => unreadable(one.uid, `${named(one)} cannot be asked: ${one.problem}`))
  if (client !== undefined) {
    const who = `clients of ${client.name} (pid ${client.pid})`
    found.push(unreadable(client.uid, `bytes of the ${who} cannot be read: ${client.unread}`))
  }
  if (now.dcvProblem !== undefined) found.push({ kind: 'unknown', reason: `DCV cannot be asked: ${now.dcvProblem}` })
  return found.find(({ kind }) => kind === 'unknown') ?? found[0]
}

/** The first of: input on a display, bytes from a client whose server is no display that tells, something unreadable, a client, nobody. */
function judge(now: DesktopsSample, before: DesktopsSample | undefined, { span, limits }: Context<O>): Reading {
  const clients = judgeClients(untold(now), before, span)
  const found = input(now, span) ?? (clients.used === undefined ? unread(now, clients.unread) : usedBy(clients.used))
  if (found !== undefined) return found
  const { connected } = judgeClients(now, before, span)
  if (connected !== undefined || (now.dcv ?? 0) > 0) {
    const name = connected?.name ?? 'DCV'
    const pid = connected === undefined ? '' : ` (pid ${connected.pid})`
    const reason = `client connected to a desktop over ${name}${pid}, no input`
    return { kind: 'hold', reason, evidence: 'connection', limitMinutes: limits.connection_hold_minutes }
  }
  const [first] = now.displays
  const others = now.displays.length > 1 ? ` (${counted(now.displays.length, 'desktop')})` : ''
  if (first === undefined) return { kind: 'idle', reason: 'a desktop server runs, nobody connected' }
  const keys = first.idleMs === undefined ? 'and it does not tell of input' : 'no input since the last check'
  return { kind: 'idle', reason: `${named(first)}: nobody connected, ${keys}${others}` }
}

/** One door to all of it, as with editors. */
export const shownDesktops = { isDesktop, subject: { read, judge } satisfies Subject<DesktopsSample, O> }
