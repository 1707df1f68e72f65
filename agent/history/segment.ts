/** Segments: is this one, and how does the next begin? Pure; a steady check only grows the one there is (check/segment.ts). */
import { isObject } from '../parse.ts'
import type { Segment } from '../types/cause.ts'
import type { Clocks, Decision } from '../types.ts'

/** Is it a time that can be shown? Half of what a date can hold, so that the sum of two is one as well. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 4e15
}

/** Is it a segment, as far as anybody reads one? A damaged line or a state of another version may hold anything. */
export function isSegment(value: unknown): value is Segment {
  if (!isObject(value)) return false
  const { from, until, checks, idleSince, cause, began } = value
  return (
    [from, until, idleSince ?? 0].every(isTime) &&
    Number.isFinite(checks) &&
    isObject(cause) &&
    [value['verdict'], value['state'], cause['kind'], cause['reason']].every((text) => typeof text === 'string') &&
    (began === undefined || (isObject(began) && typeof began['kind'] === 'string' && isTime(began['up'] ?? 0)))
  )
}

/** The segment that a check begins after `before`, of which the state knew, or after nothing. */
export function beginSegment(before: Segment | undefined, decision: Decision, clocks: Clocks): Segment {
  const { interval, cause, verdict, phase, state } = decision
  const now = clocks.wallMs
  const counting = verdict === 'idle' && phase !== 'grace'
  const began = beginning(before, decision, clocks)
  const alone = interval.covered ? now - interval.ms : now
  return {
    from: began === undefined ? (before?.until ?? alone) : alone,
    until: now,
    verdict,
    state: phase,
    cause,
    first: cause.reason,
    checks: 1,
    ...(counting ? { idleSince: Math.round(now + state.idleSince - clocks.monoMs) } : {}),
    ...(began === undefined ? {} : { began }),
  }
}

/** A wall clock that was stepped by less leaves two segments adjoined. */
const STEP_MS = 60_000

/** `undefined` where the check follows on the one before. */
function beginning(before: Segment | undefined, decision: Decision, clocks: Clocks): Segment['began'] {
  const { interval, outcome } = decision
  const now = clocks.wallMs
  const apart = before !== undefined && Math.abs(now - interval.ms - before.until) >= STEP_MS
  if (before !== undefined && interval.covered && !apart) return undefined
  const kind = interval.covered ? (apart ? 'step' : 'first') : interval.kind
  return {
    kind,
    ...(kind === 'boot' ? { up: Math.round(now - clocks.bootMs) } : {}),
    ...(outcome === undefined ? {} : { result: outcome.result, offMs: outcome.offMs, falseStop: outcome.falseStop }),
  }
}
