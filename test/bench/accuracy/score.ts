// From what became of each machine to figures about all of them: means, medians, worst tenths, and intervals over machines.
import { createRandom } from '../../scenarios/random.ts'
import { BOOTSTRAP, SWITCH_MINUTES } from './constants.ts'
import type { Score } from './play.ts'

/** What is compared, one figure a machine; for each is said whether more is better. */
export interface Figures {
  /** A week, within 30 min. */
  readonly falseStops: number
  readonly hardStops: number
  /** Minutes a week. */
  readonly interrupted: number
  /** Share of the idle time that the best stopper with SWITCH_MINUTES[0] saves; 1 is as good. */
  readonly captured: number
  /** Idle minutes and stops as cost, beside the least that was possible: for each of SWITCH_MINUTES. */
  readonly ratios: readonly number[]
}

/** `undefined` of a machine with nothing to save. */
export function figuresOf(score: Score): Figures | undefined {
  const { weeks, stops, idleOn, idleAlways, best } = score
  const avoidable = idleAlways - (best[0]?.idleOn ?? 0)
  if (avoidable <= 0 || weeks === 0) return undefined
  return {
    falseStops: (score.falseStops[0] ?? 0) / weeks,
    hardStops: score.hardStops / weeks,
    interrupted: score.interrupted / weeks,
    captured: (idleAlways - idleOn) / avoidable,
    ratios: SWITCH_MINUTES.map((minutes, at) => (idleOn + minutes * stops) / Math.max(1, best[at]?.cost ?? 1)),
  }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The value below which the share `q` lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** Mean of one figure a machine with its interval: machines are drawn again with replacement (percentile bootstrap). */
export function interval(values: readonly number[]): Interval {
  const random = createRandom(BOOTSTRAP.seed)
  const draw = () => mean(values.map(() => values[random.whole(0, values.length - 1)] ?? 0))
  const means = Array.from({ length: BOOTSTRAP.resamples }, draw)
  return { mean: mean(values), low: quantile(means, BOOTSTRAP.low), high: quantile(means, BOOTSTRAP.high) }
}

/** How much more one has than the other on the same machines. */
export function paired(ours: readonly number[], theirs: readonly number[]): Interval {
  return interval(ours.map((value, at) => value - (theirs[at] ?? Number.NaN)))
}
