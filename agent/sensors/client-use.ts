/** What clients of servers did in an interval, by the bytes that they sent. */
import type { Instant, Reading } from '../types.ts'
import type { Served, Server } from './clients.ts'
import { secondsOf } from './counts.ts'
import { isSystemUser } from './known-agents.ts'
import type { Span } from './sensor.ts'
import { bytesPerMinute, isUsual, usualAfter } from './usual.ts'

function keyOf({ pid, start }: Server): string {
  return `${pid}:${start}`
}

/** How much a counter grew whose number may have become another's: whole, if it is less than before, or there was none. */
export function grownOrNew(now: number, before: number | undefined): number {
  return before === undefined || now < before ? now : now - before
}

/** Bytes that came from clients in the interval; a connection that is new, or has another's number, counts whole. `undefined` where they are not known. */
function received(now: Served, before: Served | undefined): number | undefined {
  if (now.unread !== undefined || before === undefined || before.unread !== undefined) return undefined
  const earlier = new Map(before.sockets)
  let bytes = 0
  for (const [ino, count] of now.sockets) bytes += grownOrNew(count, earlier.get(ino))
  return bytes
}

/** All servers at one moment. */
export interface Service {
  readonly at: Instant
  readonly served: readonly Served[]
}

/** The same with what their clients always send, as far as they were there before. */
export function withUsual({ at, served }: Service, before: Service | undefined): Service {
  const earlier = new Map(before?.served.map((one) => [keyOf(one), one]))
  const ms = at - (before?.at ?? at)
  const learned = served.map((one): Served => {
    const old = earlier.get(keyOf(one))
    const bytes = ms <= 0 ? undefined : received(one, old)
    if (bytes === undefined) return one
    // What they get may be output that nobody looks at: only what they send tells of them.
    const passed = { now: at, ms, bytes: { received: bytes, sent: bytes }, typed: false, warned: false }
    return { ...one, usual: usualAfter(old?.usual, passed) }
  })
  return { at, served: learned }
}

/** What clients sent, in bytes a second, and when. */
export interface Use {
  readonly server: Served
  readonly perSecond: number
  readonly at: Instant
}

/** What clients showed in an interval. */
export interface ClientUse {
  /** Sent more than always: the latest. */
  readonly used?: Use
  /** Are, or were, there and sent no more than always. */
  readonly connected?: Served
  /** May have sent anything. */
  readonly unread?: Served & { readonly unread: string }
}

/** Traffic without a pause for longer than this is no person's: people sleep. */
const pausesMs = 86_400_000

/** What a user's own process keeps from being read holds for so long: else anybody could keep a machine up for ever by it. */
const unreadMinutes = 1440

/** What it comes to that something about a process of that user cannot be read. */
export function unreadable(uid: number, reason: string): Reading {
  if (isSystemUser(uid)) return { kind: 'unknown', reason }
  return { kind: 'hold', reason, evidence: 'process', limitMinutes: unreadMinutes }
}

/** Judges the clients of all servers. */
export function judgeClients(now: Service, before: Service | undefined, span: Span): ClientUse {
  const earlier = new Map(before?.served.map((one) => [keyOf(one), one]))
  let result: ClientUse = {}
  for (const server of now.served) {
    const old = earlier.get(keyOf(server))
    const { unread, quietMs = 0, dials } = server
    // One of the system's is told first: it is unknown, a user's only holds.
    if (unread !== undefined && (result.unread === undefined || isSystemUser(server.uid)))
      result = { ...result, unread: { ...server, unread } }
    // New servers have their first clients counted from the next check on; that they have some holds until then, but for what dials.
    const perSecond = (received(server, old) ?? 0) / secondsOf(span.ms)
    const flow = { received: perSecond, sent: perSecond }
    const busy = perSecond * 60 >= bytesPerMinute
    const at = quietMs < span.ms ? span.now.monoMs - quietMs : span.now.monoMs
    if (busy && !isUsual(flow, server.usual, { now: span.now.monoMs, limitMs: pausesMs })) {
      if (result.used === undefined || at > result.used.at) result = { ...result, used: { server, perSecond, at } }
    }
    const there = dials === true ? busy : server.clients + (old?.clients ?? 0) > 0
    if (there) result = { ...result, connected: server }
  }
  return result
}
