// One line of a contest: a contender's figures over all machines, and how ours differ from them on the same machines.
import { FALSE_MINUTES } from './constants.ts'
import type { Score } from './play.ts'
import type { Contender } from './policy.ts'
import { type Figures, figuresOf, type Interval, interval, mean, paired, quantile } from './score.ts'

export interface Row {
  readonly name: string
  readonly about: string
  /** All stops of all machines, and the share that was false within each of FALSE_MINUTES. */
  readonly stops: number
  readonly falseShares: readonly number[]
  readonly falseStops: Interval & { readonly median: number; readonly worstTenth: number }
  readonly hardStops: number
  readonly interrupted: number
  readonly captured: Interval & { readonly median: number; readonly worstTenth: number }
  readonly ratios: readonly number[]
  /** Ours less theirs. */
  readonly fewer: Interval
  readonly more: Interval
}

export interface Contest {
  readonly name: string
  readonly about: string
  readonly machines: number
  readonly rows: readonly Row[]
}

function pairs(theirs: readonly Score[], ours: readonly Score[]): readonly (readonly [Figures, Figures])[] {
  return theirs.flatMap((score, at) => {
    const own = ours[at]
    const [a, b] = [figuresOf(score), own === undefined ? undefined : figuresOf(own)]
    return a === undefined || b === undefined ? [] : [[a, b] as const]
  })
}

export function rowOf({ name, about }: Contender, theirs: readonly Score[], ours: readonly Score[]): Row {
  const both = pairs(theirs, ours)
  const of = (pick: (one: Figures) => number) => both.map(([their]) => pick(their))
  const own = (pick: (one: Figures) => number) => both.map(([, our]) => pick(our))
  const falseStops = of((one) => one.falseStops)
  const captured = of((one) => one.captured)
  const stops = theirs.reduce((sum, score) => sum + score.stops, 0)
  const share = (at: number) => theirs.reduce((sum, score) => sum + (score.falseStops[at] ?? 0), 0) / Math.max(1, stops)
  return {
    name,
    about,
    stops,
    falseShares: FALSE_MINUTES.map((_, at) => share(at)),
    falseStops: { ...interval(falseStops), median: quantile(falseStops, 0.5), worstTenth: quantile(falseStops, 0.9) },
    hardStops: mean(of((one) => one.hardStops)),
    interrupted: mean(of((one) => one.interrupted)),
    captured: { ...interval(captured), median: quantile(captured, 0.5), worstTenth: quantile(captured, 0.1) },
    ratios: [0, 1].map((at) =>
      quantile(
        of((one) => one.ratios[at] ?? Number.NaN),
        0.5,
      ),
    ),
    fewer: paired(
      own((one) => one.falseStops),
      falseStops,
    ),
    more: paired(
      own((one) => one.captured),
      captured,
    ),
  }
}

/** Peers that save as much as we do, or more: those with the fewest false stops among them is who we are measured by. */
export function measuredBy({ rows }: Contest): Row | undefined {
  const [ours, ...others] = rows
  if (ours === undefined) return undefined
  const able = others.filter(({ captured }) => captured.mean >= ours.captured.mean)
  return able.reduce<Row | undefined>(
    (best, row) => (best === undefined || row.falseStops.mean < best.falseStops.mean ? row : best),
    undefined,
  )
}

/** Peers with fewer false stops than ours that save no less: there should be none. */
export function betterThanOurs({ rows }: Contest): readonly Row[] {
  const [ours, ...others] = rows
  if (ours === undefined) return []
  return others.filter(
    ({ falseStops, captured }) => falseStops.mean < ours.falseStops.mean && captured.mean >= ours.captured.mean,
  )
}
