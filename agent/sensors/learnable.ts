/** What of a sensor's figures is learned as noise; types only. */

/** What is usual of the figure behind an option. */
export interface Usual {
  /** In the option's unit; the floor that the limit is made from. */
  readonly amount: number
  /** To be read after "(": "0.14 is usual for foo.service here". */
  readonly words: string
}

/** Floors by key: of cpu by unit, else by option. */
export type FloorByKey = Readonly<Record<string, number>>

export interface Learnable<Sample> {
  /** Pure: the figures of an interval of `ms`, by key. May throw. */
  figures(now: Sample, before: Sample, ms: number): FloorByKey
  /** Pure: what of the interval is usual, by option. May throw. */
  usual(
    now: Sample,
    before: Sample,
    given: { readonly ms: number; readonly floor: FloorByKey },
  ): Readonly<Record<string, Usual>>
}
