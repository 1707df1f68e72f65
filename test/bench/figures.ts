// What a row of measured runs comes to: median, spread, and the ratio to the runs they alternated with.

/** Smallest, middle and largest of some figures, in their unit. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Throws for an empty list. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b)
  const at = (index: number): number => {
    const figure = sorted[index]
    if (figure === undefined) throw new TypeError('no figures, no median')
    return figure
  }
  const half = sorted.length / 2
  const median = sorted.length % 2 === 0 ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half))
  return { min: at(0), median, max: at(sorted.length - 1) }
}

/** Ratios of each figure to the one measured beside it, so that a machine whose speed drifts does not matter. */
export function pairRatios(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) throw new TypeError(`${ours.length} and ${theirs.length} figures are no pairs`)
  return spreadOf(ours.map((figure, index) => figure / (theirs[index] ?? Number.NaN)))
}
