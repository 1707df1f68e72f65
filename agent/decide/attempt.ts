/** Before and after the call: what the second look means, and what an answer of the cloud does to the state. */

import { drawn } from '../draw.ts'
import type { Outcome, Refusal, Refused } from '../types/outcome.ts'
import type { Decision, Method, Moment, NamedReading, Policy, State, Veto } from '../types.ts'
import { retryMax } from './clock.ts'
import { freshAttempt, underWay } from './run.ts'
import { refusedReason } from './tags.ts'

const MINUTE_MS = 60_000
const PERMISSIONS_SETTLE_MS = 30 * MINUTE_MS
const SILENCE_MS = 15 * MINUTE_MS

/** First and longest wait before the same call is tried again, in minutes; it doubles with each refusal, from the fourth on where it began at 0. */
const retryMinutes: Record<Refusal, { readonly first: number; readonly most: number }> = {
  'not-ready': { first: 0, most: 0 },
  unsupported: { first: 0, most: 0 },
  forbidden: { first: 15, most: 60 },
  credentials: { first: 0, most: 15 },
  throttled: { first: 2, most: 15 },
  protected: { first: 15, most: 60 },
  'opt-in': { first: 15, most: 60 },
  owned: { first: 60, most: 360 },
  'wrong-state': { first: 5, most: 15 },
  unreachable: { first: 0, most: 15 },
  other: { first: 5, most: 60 },
}

/**
 * The second look: `act` if it would still act; `postpone` if only a rate was above its limit (it leaves the clock and is
 * judged again by the next check over the whole interval); else `cancel`.
 */
export function confirm(second: Decision, readings: readonly NamedReading[]): 'act' | 'postpone' | 'cancel' {
  if (second.actions.some((action) => action.kind === 'act')) return 'act'
  const strong = readings.filter((reading) => reading.kind === 'active')
  const ratesOnly = strong.length > 0 && strong.every((reading) => reading.at === undefined)
  const blind = readings.some((reading) => reading.kind === 'unknown')
  return ratesOnly && !blind && !second.interval.newRun ? 'postpone' : 'cancel'
}

/**
 * An operator's tag forbids acting: it is asked again after five intervals, or when it ends, not at every check, since
 * asking may cost a call. One that cannot be read is an answer that does not come. The tag goes on with the words that it has.
 */
export function heldByOperator(
  state: State,
  vetoes: readonly Veto[],
  { now, policy }: { readonly now: Moment; readonly policy: Policy },
): State {
  const [first] = vetoes
  if (first === undefined) return state
  const { silences: _, ...attempt } = state.attempt
  const ends = vetoes.map(({ until }) => until ?? Number.POSITIVE_INFINITY)
  const retryAt = Math.min(now.clocks.monoMs + 5 * policy.checkIntervalMs, Math.max(...ends))
  const unread = first.name === 'operator-tags'
  const next = unread ? afterSilence(state, now, policy) : { ...state, attempt: { ...attempt, retryAt } }
  const refusal = first.reason
  const reasonClass = state.reasonClass === `held:${first.name}` ? refusedReason(refusal).class : state.reasonClass
  return { ...next, reasonClass, attempt: { ...next.attempt, refusal } }
}

/**
 * The state where the API did not answer the call, or what is asked before it: no refusal. Tried again in the next check, then in
 * the next quarter of an hour, then every quarter, at moments of this machine's own: out of an outage as many come in every minute.
 */
export function afterSilence(state: State, now: Moment, policy: Policy): State {
  const { refusal: _, silences: before = 0, ...attempt } = state.attempt
  const silences = before + 1
  const ms = silences === 1 ? policy.checkIntervalMs : SILENCE_MS * (silences === 2 ? shareOf(now) : 1)
  const retryAt = now.clocks.monoMs + ownMoment(ms, now, policy)
  return { ...state, attempt: { ...attempt, silences, retryAt } }
}

/** The state while the call is under way; what refused another one before is no reason any more. */
export function beginAttempt(state: State, method: Method): State {
  return { ...state, tags: { ...state.tags, IdleAction: underWay(method), IdleReason: '' }, reasonClass: '' }
}

/**
 * The state after the cloud answered. Accepted: the run has ended. Refused: `IdleAction` is cleared, `IdleReason` says
 * why, the clock is left alone, and the call is due again after a wait that fits the refusal. Unknown: the open intent tells.
 */
export function afterOutcome(
  state: State,
  outcome: Outcome,
  context: { readonly method: Method; readonly now: Moment; readonly policy: Policy },
): State {
  if (outcome.result === 'accepted') return { ...state, run: { ...state.run, ended: true }, attempt: freshAttempt }
  if (outcome.result === 'unknown') return afterSilence(state, context.now, context.policy)
  const mono = context.now.clocks.monoMs
  const refusals = state.attempt.refusals + 1
  const since = outcome.why === 'not-ready' ? (state.attempt.notReadySince ?? mono) : undefined
  const gaveUp = since !== undefined && mono - since >= context.policy.notReadyMs
  const stopInstead =
    state.attempt.stopInstead || (context.method === 'hibernate' && (outcome.why === 'unsupported' || gaveUp))
  const refusal = wordsOf(outcome)
  const reason = refusedReason(refusal)
  return {
    ...state,
    tags: { ...state.tags, IdleAction: '', IdleReason: reason.text },
    reasonClass: reason.class,
    attempt: {
      refusals,
      retryAt: mono + Math.max(askedMs(outcome, context.now), waitMs(outcome.why, refusals, { ...context, state })),
      ...(since === undefined ? {} : { notReadySince: since }),
      stopInstead,
      refusal,
    },
  }
}

/** One sentence for `status` and the tag: what refused, and what an operator can do about it. */
function wordsOf({ code, why, advice }: Refused): string {
  return advice === undefined ? `${code} (${why})` : `${code} (${why}): ${advice}`
}

/** Refusals that EC2 gives only after a look at a running instance: no earlier call is under way then. */
const ofRunning: ReadonlySet<Refusal> = new Set(['not-ready', 'unsupported'])

/**
 * The answer to a call that was sent again, as an answer to both, since the first may have been accepted: an instance that
 * still runs and is in no state to be stopped (cloud.md 1.3) is stopping already.
 */
export function afterLostAnswer(outcome: Outcome): Outcome {
  if (outcome.result !== 'refused' || outcome.why !== 'wrong-state') return outcome
  return { result: 'accepted', detail: `${outcome.code}: it is on its way down since the call before` }
}

/** May the first call still be carried out after this answer to the second? */
export function leavesOpen(outcome: Outcome): boolean {
  return outcome.result === 'refused' && !ofRunning.has(outcome.why)
}

/** Milliseconds that the cloud asked to wait, and up to a minute more: many machines may have been asked at once. */
function askedMs({ retryAfterMs }: Refused, now: Moment): number {
  return retryAfterMs === undefined ? 0 : retryAfterMs + shareOf(now) * MINUTE_MS
}

function waitMs(
  why: Refusal,
  refusals: number,
  { state, now, policy }: { readonly state: State; readonly now: Moment; readonly policy: Policy },
): number {
  if (why === 'forbidden' && now.clocks.monoMs - state.run.began.monoMs < PERMISSIONS_SETTLE_MS) return 0
  const { first, most } = retryMinutes[why]
  const grown = Math.max(first, refusals > 3 ? 1 : 0) * 2 ** Math.min(refusals - 1, 10)
  const minutes = Math.min(grown, most)
  if (minutes === 0 || (why !== 'throttled' && why !== 'unreachable')) return minutes * MINUTE_MS
  // Many machines meet these at once: each comes again at a moment of its own.
  if (why === 'throttled') return ownMoment(Math.min(grown * (1 + shareOf(now) / 2), most) * MINUTE_MS, now, policy)
  return ownMoment((grown < most ? most * shareOf(now) : most) * MINUTE_MS, now, policy)
}

function shareOf({ clocks, identity }: Moment): number {
  return drawn(`${identity.instanceId} ${clocks.wallMs}`)
}

/**
 * About so many milliseconds, to a moment that a check can wait for: one that it cannot, in this interval or at the end of one, is the
 * beginning of the next check, which cron starts everywhere at once.
 */
function ownMoment(ms: number, { clocks, identity }: Moment, policy: Policy): number {
  const { checkIntervalMs } = policy
  const at = clocks.wallMs + ms
  const share = drawn(`${identity.instanceId} ${at}`)
  const next = clocks.wallMs - (clocks.wallMs % checkIntervalMs) + checkIntervalMs
  return Math.max(next, at - (at % checkIntervalMs)) + share * retryMax(policy) - clocks.wallMs
}
