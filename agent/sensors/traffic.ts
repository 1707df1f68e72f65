/** What passed over SSH connections in an interval, and who has come: tunnels, transfers and editors without a terminal. */
import type { Instant, Reading } from '../types.ts'
import { grown, msPerTick, secondsOf } from './counts.ts'
import type { Span } from './sensor.ts'
import type { Connection } from './ssh.ts'
import { bytesPerMinute, type Flow, isUnheardOf, isUsual, usualAfter } from './usual.ts'

/** A connection with bytes in both directions, when they passed last, and how many a second. */
export interface Traffic extends Pick<Connection, 'pid' | 'terminals'>, Flow {
  readonly at: Instant
  /** No more than passes always, or without a pause for too long. */
  readonly usual: boolean
}

/** What the connections showed in the interval. */
export interface Connected {
  /** A connection that was authenticated since the last sample, and when; with a terminal it is a person's. */
  readonly fresh?: { readonly pid: number; readonly at: Instant; readonly person: boolean; readonly uid?: number }
  /** The latest first. */
  readonly used: readonly Traffic[]
  /** One that was used up to the sample before and has closed since: for a part of the interval it was used, too. */
  readonly closed?: Pick<Connection, 'pid'>
  /** One with a terminal over which more came in than in any interval since the last key: perhaps keys that no program reads. */
  readonly unheardOf?: Pick<Connection, 'pid' | 'terminals'>
  /** A connection without a terminal whose bytes could not be read, or are told by another source than before. */
  readonly unreadable?: Pick<Connection, 'pid' | 'source'> & { readonly before: Connection['source'] }
}

/** Bytes of a connection in the interval; `undefined` if its counters do not cover it. A socket that is new counts whole. Throws if a counter went down. */
function growth(now: Connection, before: Connection): Flow | undefined {
  if (now.source === 'none' || now.source !== before.source) return undefined
  let [received, sent] = [0, 0]
  for (const [id, receivedNow, sentNow] of now.bytes) {
    const old = before.bytes.find((entry) => entry[0] === id)
    received += grown(receivedNow, old?.[1] ?? 0, `bytes received by sshd (pid ${now.pid})`)
    sent += grown(sentNow, old?.[2] ?? 0, `bytes sent by sshd (pid ${now.pid})`)
  }
  return { received, sent }
}

/** Connections, and when they were sampled. */
export interface Connections {
  readonly at: Instant
  readonly connections: readonly Connection[]
}

/** The same, with the names of terminals that somebody has typed on since the sample before. */
type Sampled = Connections & { readonly typedOn: ReadonlySet<string>; readonly warned: boolean }

function keyOf({ pid, start }: Connection): string {
  return `${pid}:${start}`
}

function fell(now: Connection, before: Connection): boolean {
  return now.bytes.some(([id, received, sent]) => {
    const old = before.bytes.find((entry) => entry[0] === id)
    return old !== undefined && (received < old[1] || sent < old[2])
  })
}

/** Connections with what passes over them always, as far as they were there before. */
export function withUsual(
  { at, connections, typedOn, warned }: Sampled,
  before: Connections | undefined,
): readonly Connection[] {
  const earlier = new Map(before?.connections.map((one) => [keyOf(one), one]))
  const ms = at - (before?.at ?? at)
  return connections.map((one) => {
    const old = earlier.get(keyOf(one))
    if (old === undefined || ms <= 0 || fell(one, old)) return one
    const bytes = growth(one, old)
    const typed = one.terminals.some((name) => typedOn.has(name))
    return bytes === undefined ? one : { ...one, usual: usualAfter(old.usual, { now: at, ms, bytes, typed, warned }) }
  })
}

/** An instant within the interval; anything outside it is its end. */
function within(at: Instant, { now, ms }: Span): Instant {
  return at > now.monoMs - ms && at < now.monoMs ? at : now.monoMs
}

/** What connections are judged with. */
export interface Asked {
  readonly span: Span
  /** How long traffic without a pause is use, in milliseconds. */
  readonly limitMs: number
  /** Somebody typed lately, somewhere on this machine. */
  readonly attended: boolean
}

/** A command that somebody's scheduler sends is over by then; schedulers and our checks all run at full minutes. */
const briefMs = 5000

/**
 * What a connection shows that is new, or had just come when it was seen before. One without a terminal is a command, a tunnel
 * or an editor: strong, since a job may have begun with it, unless it has just come, or comes where nobody has typed for
 * long, as a client does that connects by itself.
 */
function arrival(connection: Connection, old: Connection | undefined, { span, attended }: Asked): Connected['fresh'] {
  const { pid, start, uid, terminals, unproven } = connection
  const ageMs = span.now.bootMs - start * msPerTick
  const person = terminals.length > 0
  if (unproven === true || (old !== undefined && (person || ageMs - span.ms >= briefMs))) return undefined
  if (!person && !(attended && ageMs >= briefMs)) return undefined
  return { pid, at: within(span.now.monoMs - ageMs, span), person, ...(uid === undefined ? {} : { uid }) }
}

function closedInUse(
  now: readonly Connection[],
  before: readonly Connection[],
  { span, limitMs }: Asked,
): Connection | undefined {
  const open = new Set(now.map(keyOf))
  return before.find((one) => {
    const flowing = one.usual?.flowing
    return flowing !== undefined && span.now.monoMs - flowing <= limitMs && !open.has(keyOf(one))
  })
}

/** Judges all connections; of several new ones the latest. */
export function judgeConnections(now: readonly Connection[], before: readonly Connection[], asked: Asked): Connected {
  const { span, limitMs } = asked
  let result: Omit<Connected, 'used'> = {}
  const used: Traffic[] = []
  const earlier = new Map(before.map((one) => [keyOf(one), one]))
  const seconds = secondsOf(span.ms)
  for (const connection of now) {
    const { pid, terminals, source, quietMs = 0, unproven = false } = connection
    const old = earlier.get(keyOf(connection))
    const fresh = arrival(connection, old, asked)
    if (fresh !== undefined && !(fresh.at <= (result.fresh?.at ?? -1))) result = { ...result, fresh }
    if (old === undefined) continue
    const passed = growth(connection, old)
    if (passed === undefined) {
      const counts = terminals.length === 0 && !unproven
      if (counts) result = { ...result, unreadable: { pid, source, before: old.source } }
      continue
    }
    const rate = { received: passed.received / seconds, sent: passed.sent / seconds }
    if (terminals.length > 0 && isUnheardOf(rate, old.usual)) result = { ...result, unheardOf: { pid, terminals } }
    if (Math.min(rate.received, rate.sent) * 60 < bytesPerMinute) continue
    const usual = isUsual(rate, connection.usual, { now: span.now.monoMs, limitMs })
    used.push({ pid, terminals, at: within(span.now.monoMs - quietMs, span), usual, ...rate })
  }
  const closed = closedInUse(now, before, asked)
  return { ...result, used: used.sort((a, b) => b.at - a.at), ...(closed === undefined ? {} : { closed }) }
}

/** What is said of a connection whose bytes cannot be told. */
export function unreadable({ pid, source, before }: NonNullable<Connected['unreadable']>): Reading {
  const connection = `the ssh connection of pid ${pid}`
  const names = { sockets: 'ss', process: `/proc/${pid}/io`, none: 'nobody' }
  const reason =
    source === 'none'
      ? `bytes of ${connection} cannot be read: no ss, and no ${names.process}`
      : `bytes of ${connection} cannot be compared: ${names[source]} tells them, and ${names[before]} did before`
  return { kind: 'unknown', reason }
}
