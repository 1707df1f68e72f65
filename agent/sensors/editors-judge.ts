/** What the clients of remote editors do; the door to all that is loaded where one may run. */
import type { Host } from '../host/host.ts'
import type { Reading } from '../types.ts'
import { grownOrNew, judgeClients, type Service, unreadable, withUsual } from './client-use.ts'
import { readServed, type Served } from './clients.ts'
import { msPerTick, secondsOf } from './counts.ts'
import { findEditors } from './editor-programs.ts'
import type { editorsOptions } from './editors.ts'
import type { Subject } from './gated.ts'
import { withoutIdleEditors } from './idle-editors.ts'
import type { Context, Span } from './sensor.ts'
import { rate } from './words.ts'

export interface EditorsSample extends Service {
  /** CPU ticks of extension hosts and file watchers. */
  readonly helpers: readonly (readonly [pid: number, start: number, ticks: number])[]
}

type O = typeof editorsOptions

/** More than watching files takes. */
const idleCores = 0.05
const mostHelpers = 200

async function read(host: Host, signal: AbortSignal, before?: EditorsSample): Promise<EditorsSample> {
  const at = host.clocks().monoMs
  const { servers, helpers } = await findEditors(host, signal)
  const service = withUsual({ at, served: await readServed(host, servers, signal) }, before)
  const ticks = helpers.map(({ pid, start, utime, stime }) => [pid, start, utime + stime] as const)
  return { ...service, helpers: ticks.sort((a, b) => b[2] - a[2]).slice(0, mostHelpers) }
}

/** "uid 1000: VS Code server". */
function named({ uid, name }: Served): string {
  return `uid ${uid}: ${name}`
}

/** Cores that extension hosts were busy with; those that are new count whole. */
function helpersCores(now: EditorsSample, before: EditorsSample, span: Span): number {
  const earlier = new Map(before.helpers.map(([pid, start, ticks]) => [`${pid}:${start}`, ticks]))
  let ticks = 0
  for (const [pid, start, count] of now.helpers) ticks += grownOrNew(count, earlier.get(`${pid}:${start}`))
  return (ticks * msPerTick) / 1000 / secondsOf(span.ms)
}

/** The first of: bytes from a client above its usual, bytes that cannot be read, a client, extensions at work without one, nobody. */
function judge(now: EditorsSample, before: EditorsSample | undefined, { span, limits }: Context<O>): Reading {
  const { used, unread, connected } = judgeClients(now, before, span)
  if (used !== undefined) {
    const { server, perSecond, at } = used
    const reason = `${named(server)}, client connected, ${rate(perSecond)} in (pid ${server.pid})`
    // An editor is a person's, though programs may speak over it as well.
    return { kind: 'active', reason, at, person: false }
  }
  if (unread !== undefined) {
    const who = `clients of ${unread.name} (pid ${unread.pid})`
    return unreadable(unread.uid, `bytes of the ${who} cannot be read: ${unread.unread}`)
  }
  const hold = (reason: string): Reading => ({
    kind: 'hold',
    reason,
    evidence: 'connection',
    limitMinutes: limits.connection_hold_minutes,
  })
  if (connected !== undefined) return hold(`${named(connected)}, client connected and not used (pid ${connected.pid})`)
  const cores = before === undefined ? 0 : helpersCores(now, before, span)
  if (cores > idleCores) {
    const pid = now.helpers[0]?.[0]
    return hold(`an editor's extensions (pid ${pid}) busy with ${cores.toFixed(2)} cores, nobody connected`)
  }
  const [first] = now.served
  if (first === undefined) return { kind: 'idle', reason: 'only extensions of an editor are left, idle' }
  return { kind: 'idle', reason: `${named(first)}, nobody connected (pid ${first.pid})` }
}

/** One door to all of it: each more would cost every check a chunk of what both sides use. */
export const remoteEditors = {
  findEditors,
  withoutIdleEditors,
  subject: { read, judge } satisfies Subject<EditorsSample, O>,
}
