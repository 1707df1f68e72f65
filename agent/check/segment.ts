/** Does a check only go on with what the check before said? Then the history has nothing to write. */
import type { JsonObject } from '../parse.ts'
import type { Clocks, Decision } from '../types.ts'

/** A wall clock that was stepped by less leaves a segment whole. */
const STEP_MS = 60_000

/** What a check said, and when. */
export interface Said {
  /** As `keyOf` makes it. */
  readonly key: string
  readonly decision: Decision
  readonly now: Clocks
}

/** What the checks of one segment have in common. */
export function keyOf({ verdict, phase, cause }: Decision): string {
  return [verdict, phase, cause.kind, cause.sensor ?? cause.veto, cause.evidence].join()
}

/** The stored segment, grown by this check; `undefined` where another one begins, and where a state of another version holds none. */
export function grown(before: JsonObject, { key, decision, now }: Said): object | undefined {
  const { interval, cause } = decision
  const apart = !(Math.abs(now.wallMs - interval.ms - Number(before['until'])) < STEP_MS)
  if (before['key'] !== key || !interval.covered || apart) return undefined
  return { ...before, until: now.wallMs, checks: Number(before['checks']) + 1, cause }
}
