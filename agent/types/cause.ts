/** What a verdict rests on, and how long it stood; types only, no code. */

/** What decided a check, by name; `sensor` where a reading did, `veto` where a veto did, neither where it was the clock. */
export interface Cause {
  readonly sensor?: string
  readonly veto?: string
  /** `hold` and `veto`: idle, and something moves the due time; `refused`: idle, and the last call was refused; `grace`: nothing is counted yet. */
  readonly kind: 'active' | 'unknown' | 'hold' | 'veto' | 'refused' | 'grace' | 'idle'
  /** Of a hold: its kind of weak evidence. */
  readonly evidence?: string
  readonly reason: string
}

/** How a run of checks began that does not follow on the one before. */
export interface Beginning {
  /** Kind of the interval before it (types.ts), such as `boot`, `resume`, `gap`, `step`. */
  readonly kind: string
  /** After a boot: when that was, wall time. */
  readonly up?: number
  /** What became of the stop before it, if it was ours. */
  readonly result?: string
  readonly offMs?: number
  readonly falseStop?: boolean
}

/** Checks in a row with the same verdict, phase and cause; times are wall times in milliseconds. */
export interface Segment {
  /** The check before its first, since that one judged the time between them; its first check itself where nobody vouches for that time. */
  readonly from: number
  /** Its last check. */
  readonly until: number
  readonly verdict: string
  readonly state: string
  /** With the reason that the last check gave. */
  readonly cause: Omit<Cause, 'kind'> & { readonly kind: string }
  /** The reason that the first check gave, where that was another. */
  readonly first?: string
  readonly checks: number
  readonly idleSince?: number
  readonly began?: Beginning
}
