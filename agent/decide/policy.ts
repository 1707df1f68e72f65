/** From the readings of one interval to a verdict, the strongest evidence and the holds. */
import type { Instant, Interval, NamedReading, State, Verdict } from '../types.ts'

/** What all readings of one check together say. */
export interface Judgement {
  readonly verdict: Verdict
  /** Latest strong evidence. */
  readonly active?: {
    readonly at: Instant
    readonly sensor: string
    readonly reason: string
    readonly person: boolean
  }
  /** Sensors whose subject exists and could not be read, with why. */
  readonly unknown: readonly { readonly sensor: string; readonly reason: string }[]
}

/** Combines readings three-valued: any active, else any unknown, else idle. No reading at all is unknown. */
export function combine(readings: readonly NamedReading[], interval: Interval, now: Instant): Judgement {
  const unknown = readings
    .filter((reading) => reading.kind === 'unknown')
    .map(({ sensor, reason }) => ({ sensor, reason }))
  const strong = readings.filter((reading) => reading.kind === 'active')
  const sawAnything = readings.some((reading) => reading.kind !== 'absent')
  if (!sawAnything) unknown.push({ sensor: 'all', reason: 'no sensor applies to this host' })
  const active = latest(strong, interval, now)
  const verdict = active !== undefined ? 'active' : unknown.length > 0 ? 'unknown' : 'idle'
  return { verdict, unknown, ...(active === undefined ? {} : { active }) }
}

type Strong = Extract<NamedReading, { kind: 'active' }>

/** Evidence time is the reading's own, never in the future; after a step of the wall clock it is the check's (kernel.md 4.2 row 9). */
function latest(strong: readonly Strong[], interval: Interval, now: Instant): Judgement['active'] {
  let best: { at: Instant; sensor: string; reason: string } | undefined
  for (const reading of strong) {
    const at = interval.kind === 'step' ? now : Math.min(now, reading.at ?? now)
    if (best === undefined || at > best.at) best = { at, sensor: reading.sensor, reason: reading.reason }
  }
  if (best === undefined) return undefined
  return { ...best, person: strong.some((reading) => reading.person === true) }
}

/** Remembers when each kind of weak evidence was last seen, and for how long it may hold. */
export function rememberHolds(seen: State['seen'], readings: readonly NamedReading[], now: Instant): State['seen'] {
  const next = { ...seen }
  for (const reading of readings) {
    if (reading.kind !== 'hold') continue
    // Two sensors may have evidence of one kind: the longer limit holds.
    const other = next[reading.evidence]
    const limitMs = Math.max(other?.at === now ? other.limitMs : 0, reading.limitMinutes * 60_000)
    next[reading.evidence] = { at: now, limitMs }
  }
  return next
}

/**
 * Until when weak evidence holds (kernel.md 5.3), or `undefined`. While evidence is fresh it holds to its limit; once it
 * ended, for `leadMs` more; never past `idleSince` + limit + lead, so nothing can re-arm it.
 */
export function heldUntil(
  seen: State['seen'],
  idleSince: Instant,
  at: { readonly now: Instant; readonly leadMs: number },
): { readonly until: Instant; readonly evidence: string } | undefined {
  let longest: { until: Instant; evidence: string } | undefined
  for (const [evidence, mark] of Object.entries(seen)) {
    const limit = idleSince + mark.limitMs + at.leadMs
    const until = mark.at >= at.now ? limit : Math.min(mark.at + at.leadMs, limit)
    if (longest === undefined || until > longest.until) longest = { until, evidence }
  }
  return longest
}
