/** What passes over an ssh connection whether somebody uses it or not: keep-alives of editors and tunnels, told by their steadiness. */
import type { Instant } from '../types.ts'

/** Bytes by direction, in an interval or in a while. */
export interface Flow {
  readonly received: number
  readonly sent: number
}

/** What passed in the intervals of a stretch of time, in bytes a minute. */
interface Stretch {
  /** Least of any interval. */
  readonly least: Flow
  /** Most received in any interval since somebody last typed on the connection's terminals. */
  readonly most?: number
}

/** What passed over one connection of late. */
export interface Usual extends Stretch {
  /** Beginning of the present stretch. */
  readonly since: Instant
  readonly intervals: number
  /** The stretch before. */
  readonly before?: Stretch
  /** Since when more than always passes went both ways in each interval. */
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

/** An interval of `ms` that ends now. */
export interface Passed {
  readonly now: Instant
  readonly ms: number
  /** In bytes of the whole interval. */
  readonly bytes: Flow
  /** Somebody typed on one of the connection's terminals. */
  readonly typed: boolean
  /** People were warned, and nobody has typed since. */
  readonly warned: boolean
}

function joined(one: Stretch, other: Stretch): Stretch {
  const received = Math.min(one.least.received, other.least.received)
  const least = { received, sent: Math.min(one.least.sent, other.least.sent) }
  return one.most === undefined ? { least } : { least, most: Math.max(one.most, other.most ?? 0) }
}

/** What is known of the connection after an interval. */
export function usualAfter(old: Usual | undefined, { now, ms, bytes, typed, warned }: Passed): Usual {
  const least = { received: (bytes.received * 60_000) / ms, sent: (bytes.sent * 60_000) / ms }
  const latest: Stretch = typed ? { least } : { least, most: least.received }
  // What always passes is no flow: an editor's window is open all day, and whoever edits in it pauses.
  const flows = least.received >= limit(old, 'received') && least.sent >= limit(old, 'sent')
  const flowing = flows ? { flowing: old?.flowing ?? now - ms } : {}
  const fresh = { since: now - ms, intervals: 1, ...latest, ...flowing }
  if (old === undefined) return fresh
  const { since, intervals } = old
  const kept = (stretch: Stretch): Stretch => (typed ? { least: stretch.least } : stretch)
  if (intervals >= stretchIntervals && now - since >= stretchMs) {
    // After a warning nothing is forgotten: else what a client sends once an hour would answer it each time.
    const mosts = [old.most, warned ? old.before?.most : undefined].filter((one) => one !== undefined)
    return { ...fresh, before: kept({ least: old.least, ...(mosts.length === 0 ? {} : { most: Math.max(...mosts) }) }) }
  }
  const before = old.before === undefined ? {} : { before: kept(old.before) }
  return { since, intervals: intervals + 1, ...joined(latest, old), ...before, ...flowing }
}

/** Bytes a minute that a direction has to exceed: the limit, on top of what always passes. */
function limit(usual: Usual | undefined, direction: keyof Flow): number {
  if (usual?.before === undefined) return bytesPerMinute
  return bytesPerMinute + Math.min(mostUsual, usual.before.least[direction], usual.least[direction])
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

/** Keep-alives come now three, now two in an interval; a key more than that is somebody's. */
const jitter = 1.5

/** Did clearly more come in, in bytes a second, than in any interval since the last key that was seen? Not where none is known. */
export function isUnheardOf(perSecond: Flow, usual: Usual | undefined): boolean {
  const known = [usual?.most, usual?.before?.most].filter((one) => one !== undefined)
  return known.length > 0 && perSecond.received * 60 > jitter * Math.max(...known)
}
