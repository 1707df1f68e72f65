/** What passes over an ssh connection whether somebody uses it or not: keep-alives of editors and tunnels, told by their steadiness. */
import type { Instant } from '../types.ts'

/** Bytes by direction, in an interval or in a while. */
export interface Flow {
  readonly received: number
  readonly sent: number
}

/** What passed over one connection of late, in bytes a minute. */
export interface Usual {
  /** Beginning of the present stretch of time. */
  readonly since: Instant
  readonly intervals: number
  /** Least of any interval in it. */
  readonly least: Flow
  /** Least of any interval in the stretch before. */
  readonly before?: Flow
  /** Since when there is traffic both ways in each interval. */
  readonly flowing?: Instant
}

/** Both directions above this are use; keep-alives of ssh itself stay below it (detection.md 4). */
export const bytesPerMinute = 1000

/** A stretch lasts so long at least, and so many intervals: nobody uses a connection as evenly as that. */
const stretchMs = 900_000
const stretchIntervals = 5

/**
 * An editor's window left open is some 1,300 bytes a minute each way, in two keep-alives every 5 s; several on one connection
 * are as many times that. What always passes above this may be use.
 */
const mostUsual = 10_000

function least(one: Flow, other: Flow): Flow {
  return { received: Math.min(one.received, other.received), sent: Math.min(one.sent, other.sent) }
}

/** What is known of the connection after an interval of `ms` that ends now, in which these bytes passed. */
export function usualAfter(
  old: Usual | undefined,
  passed: Flow,
  { now, ms }: { readonly now: Instant; readonly ms: number },
): Usual {
  const rate = { received: (passed.received * 60_000) / ms, sent: (passed.sent * 60_000) / ms }
  const flows = Math.min(rate.received, rate.sent) >= bytesPerMinute
  const flowing = flows ? { flowing: old?.flowing ?? now - ms } : {}
  if (old === undefined) return { since: now - ms, intervals: 1, least: rate, ...flowing }
  const { since, intervals, before } = old
  if (intervals >= stretchIntervals && now - since >= stretchMs)
    return { since: now - ms, intervals: 1, least: rate, before: old.least, ...flowing }
  const more = { ...(before === undefined ? {} : { before }), ...flowing }
  return { since, intervals: intervals + 1, least: least(old.least, rate), ...more }
}

/** Bytes a minute that a direction has to exceed: the limit, on top of what always passes. */
function limit(usual: Usual | undefined, direction: keyof Flow): number {
  if (usual?.before === undefined) return bytesPerMinute
  return bytesPerMinute + Math.min(mostUsual, usual.before[direction], usual.least[direction])
}

/**
 * Are so many bytes a second no more than pass always? Or have they passed without a pause for longer than `limitMs`, as
 * between machines: a person pauses.
 */
export function isUsual(
  perSecond: Flow,
  usual: Usual | undefined,
  { now, limitMs }: { readonly now: Instant; readonly limitMs: number },
): boolean {
  if (perSecond.received * 60 < limit(usual, 'received') || perSecond.sent * 60 < limit(usual, 'sent')) return true
  return usual?.flowing !== undefined && now - usual.flowing > limitMs
}
