/** Rates and moments of a scenario, and what they come to by a given moment. Moments are minutes of the scenario, results in its units; pure. */

/** So much a second, for a part of the time; `every` and `lasts` are seconds: a burst of `lasts` each `every`. */
export interface Part {
  readonly rate: number
  readonly from?: number
  readonly until?: number
  readonly every?: number
  readonly lasts?: number
}

/** A rate a second: all the time, or in parts that add up. */
export type Load = number | Part | readonly Part[]

/** Moments: each of them alone, or one every `every` seconds. */
export type Times = readonly (number | { readonly from: number; readonly until?: number; readonly every: number })[]

const MINUTE = 60_000

function partsOf(load: Load): readonly Part[] {
  if (typeof load === 'number') return load === 0 ? [] : [{ rate: load }]
  return 'rate' in load ? [load] : load
}

function bounds({ from, until }: Part): readonly [number, number] {
  return [
    from === undefined ? Number.NEGATIVE_INFINITY : from * MINUTE,
    until === undefined ? Number.POSITIVE_INFINITY : until * MINUTE,
  ]
}

/** Milliseconds of bursts in the first `ms` of a rhythm. */
function burstsMs(ms: number, everyMs: number, lastsMs: number): number {
  return Math.floor(ms / everyMs) * lastsMs + Math.min(ms % everyMs, lastsMs)
}

/** What a load comes to between two moments, given in milliseconds. */
export function total(load: Load, fromMs: number, untilMs: number): number {
  let sum = 0
  for (const part of partsOf(load)) {
    const [first, last] = bounds(part)
    const [begin, end] = [Math.max(fromMs, first), Math.min(untilMs, last)]
    if (end <= begin) continue
    const { every, lasts } = part
    if (every === undefined || lasts === undefined) sum += (part.rate * (end - begin)) / 1000
    else {
      // A rhythm without a beginning of its own begins long before everything else.
      const zero = Number.isFinite(first) ? first : -1_000_000 * every * 1000
      const ms = burstsMs(end - zero, every * 1000, lasts * 1000) - burstsMs(begin - zero, every * 1000, lasts * 1000)
      sum += (part.rate * ms) / 1000
    }
  }
  return sum
}

/** The rate at one moment. */
export function rateAt(load: Load, atMs: number): number {
  return total(load, atMs - 1, atMs) * 1000
}

/** The latest moment up to `atMs`, in milliseconds; `undefined` before the first. */
export function latest(times: Times, atMs: number): number | undefined {
  let last: number | undefined
  for (const one of times) {
    const found = typeof one === 'number' ? (one * MINUTE <= atMs ? one * MINUTE : undefined) : lastOf(one, atMs)
    if (found !== undefined && (last === undefined || found > last)) last = found
  }
  return last
}

function lastOf(range: Exclude<Times[number], number>, atMs: number): number | undefined {
  const end = Math.min(atMs, range.until === undefined ? Number.POSITIVE_INFINITY : range.until * MINUTE)
  const steps = Math.floor((end - range.from * MINUTE) / (range.every * 1000))
  return steps < 0 ? undefined : range.from * MINUTE + steps * range.every * 1000
}

/** The first moment from `fromMs` on; `undefined` after the last. */
export function firstFrom(times: Times, fromMs: number): number | undefined {
  let first: number | undefined
  for (const one of times) {
    const begin = typeof one === 'number' ? one * MINUTE : one.from * MINUTE
    const every = typeof one === 'number' ? 0 : one.every * 1000
    const steps = every === 0 ? 0 : Math.max(0, Math.ceil((fromMs - begin) / every))
    const found = begin + steps * every
    if (found < fromMs || (typeof one !== 'number' && one.until !== undefined && found > one.until * MINUTE)) continue
    if (first === undefined || found < first) first = found
  }
  return first
}

/** How many moments there were up to `atMs`. */
export function countUntil(times: Times, atMs: number): number {
  let count = 0
  for (const one of times) {
    if (typeof one === 'number') count += one * MINUTE <= atMs ? 1 : 0
    else {
      const last = lastOf(one, atMs)
      if (last !== undefined) count += Math.round((last - one.from * MINUTE) / (one.every * 1000)) + 1
    }
  }
  return count
}
