/** Every number that the learned noise floor goes by, with where it comes from. Tuned by tools of the accuracy bench; nothing else holds a copy. */

/** From the floor of a figure to its limit: `max(fixed, min(floor × times + plus, ceiling))`. */
export interface Rule {
  readonly times: number
  readonly plus: number
  /** The limit is never raised above this, whatever was learned. */
  readonly ceiling: number
  /** What is less counts as nothing; the first bin of the histogram ends here. */
  readonly smallest: number
}

/** By sensor and option; the figures are in the option's unit. Design, settings: floor + 0.05 with a floor of at most 0.30; × 3 up to 50,000 and 1,000,000. */
export const rules = {
  cpu: { cores: { times: 1, plus: 0.05, ceiling: 0.35, smallest: 0.001 } },
  network: {
    in_bytes_per_second: { times: 3, plus: 0, ceiling: 50_000, smallest: 10 },
    out_bytes_per_second: { times: 3, plus: 0, ceiling: 50_000, smallest: 10 },
  },
  disk: { bytes_per_second: { times: 3, plus: 0, ceiling: 1_000_000, smallest: 100 } },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Rule>>>>

/** The floor is this quantile of the quiet time (design rule 6, facts 5.7). */
export const quantile = 0.2

/** Three days have to be seen (design rule 6), on as many calendar days: not one long weekend of a test. */
export const neededMinutes = 3 * 1440
export const neededDays = 3

/** What was seen counts half after two weeks of further quiet time: a daemon that was removed is forgotten in days, since its floor is a low quantile. Proposal. */
export const halfLifeMinutes = 14 * 1440

/** What was last seen so many days ago says nothing any more. Proposal. */
export const staleDays = 60

/** Bins to a doubling: a floor is known within 19 %, and taken as the lower edge, so too small rather than too large. */
export const binsPerOctave = 4

/** So much quiet time without a break is one observation: a job in bursts of some minutes is not taken for noise between them. Proposal. */
export const roundMinutes = 10

/** Units of the system whose CPU time is watched; those with the most. Each costs 0.1 ms at every check (kernel.md 7). */
export const mostUnits = 32

/** A unit that uses less than this, in cores over its life, needs no floor: fifty of them stay below the limit. */
export const leastCores = 0.002
