/** Runs of the machine: how one begins, its grace, and what became of an intent that ended the one before. */

import type {
  Action,
  Attempt,
  FalseStop,
  Intent,
  IntentOutcome,
  Interval,
  Method,
  Moment,
  Policy,
  State,
  StateTags,
  Veto,
} from '../types.ts'
import { differ, passed, SLEPT_MS } from './clock.ts'
import { duration } from './words.ts'

const HOUR_MS = 3_600_000
/** Somebody who is there again so soon after a stop did not want it. */
export const FALSE_STOP_MS = 30 * 60_000
const FALSE_STOP_MEMORY_MS = 28 * 24 * HOUR_MS
/** A machine that still runs so long after a stop that was accepted, or may have been, did not stop. */
const FAILED_AFTER_MS = 5 * 60_000
const CLOUD_INIT_WAIT_MS = 2 * HOUR_MS

export const freshAttempt: Attempt = { refusals: 0, stopInstead: false }

/** What the journal's open intent turned out to be, or `undefined` while that is not known yet; `told` is from the state. */
export function reconcile(now: Moment, policy: Policy, told?: IntentOutcome): IntentOutcome | undefined {
  const intent = now.intent
  if (intent === undefined) return undefined
  const result = resultOf(intent, now, policy)
  // Saved by a check that did not come to closing the intent: it stands, whatever the machine went through since.
  if (told?.intentId === intent.id && result !== 'abandoned') return told
  if (result === undefined) return undefined
  // A start that was known before the stop does not tell when it came back.
  const startedMs = Date.parse(intent.startedAt === now.identity.startedAt ? '' : (now.identity.startedAt ?? ''))
  const backMs = Number.isNaN(startedMs) ? now.clocks.wallMs : Math.min(startedMs, now.clocks.wallMs)
  const offMs = Math.max(0, backMs - intent.at.wallMs)
  const gone = result === 'hibernated' || result === 'stopped'
  return { intentId: intent.id, result, offMs: gone ? offMs : 0, falseStop: gone && offMs < FALSE_STOP_MS }
}

/** Was the stop carried out? */
function isGone(
  outcome: IntentOutcome | undefined,
): outcome is IntentOutcome & { readonly result: 'hibernated' | 'stopped' } {
  return outcome?.result === 'hibernated' || outcome?.result === 'stopped'
}

function resultOf(intent: Intent, now: Moment, policy: Policy): IntentOutcome['result'] | undefined {
  if (differ(intent.instanceId, now.identity.instanceId)) return 'abandoned'
  if (intent.bootId !== now.identity.bootId) return 'stopped'
  const away = wasAway(intent, now)
  if (away !== false) return away === true ? 'hibernated' : undefined
  const since = passed(intent.at, now.clocks).monoMs
  if (since < FAILED_AFTER_MS + policy.checkIntervalMs) return undefined
  return intent.phase === 'withdrawn' ? 'abandoned' : 'failed'
}

/**
 * Did the machine sleep since the intent was written? Judged by what the intent itself recorded, so that the answer stays
 * the same when the state was saved or lost in between. `undefined` while metadata, which would tell, cannot be read.
 * A step of the wall clock or a gap proves nothing: where no clock, hook or provider shows a resume, there is none.
 */
function wasAway(intent: Intent, now: Moment): boolean | undefined {
  const is = now.identity
  if (is.resumeStamp !== undefined && is.resumeStamp !== intent.resumeStamp) return true
  if (intent.startedAt !== undefined && is.startedAt !== undefined) return is.startedAt !== intent.startedAt
  if (passed(intent.at, now.clocks).sleptMs > SLEPT_MS) return true
  return intent.startedAt === undefined ? false : undefined
}

/** A stop that was accepted and did not happen is more than a line about the past: the machine costs on, and only a person can look why. */
export function inVain(outcome: IntentOutcome | undefined, now: Moment): readonly Action[] {
  if (outcome?.result !== 'failed' || now.intent?.phase !== 'accepted') return []
  const since = duration(now.clocks.monoMs - now.intent.at.monoMs)
  return [
    { kind: 'alert', reason: `still running ${since} after a stop that was accepted; see its state in the console` },
  ]
}

/** An accepted stop that is still to happen forbids another one, until it counts as failed. */
export function pendingStop(now: Moment, outcome: IntentOutcome | undefined, policy: Policy): readonly Veto[] {
  if (now.intent?.phase !== 'accepted' || outcome !== undefined) return []
  const until = now.intent.at.monoMs + FAILED_AFTER_MS + policy.checkIntervalMs
  return [{ name: 'stop-pending', reason: 'a stop was accepted and is still to happen', until }]
}

/** The state at the beginning of a new run of the machine. Nothing of the old clock survives. */
export function beginRun(
  before: State | undefined,
  now: Moment,
  context: { readonly policy: Policy; readonly interval: Interval; readonly outcome: IntentOutcome | undefined },
): State {
  const { policy, interval, outcome } = context
  const clone = differ(before?.identity.instanceId, now.identity.instanceId)
  const kept = clone ? undefined : before
  const news = kept?.told?.intentId === outcome?.intentId ? undefined : outcome
  const unseenStops = countUnseen(kept, now.intent, news)
  const mono = now.clocks.monoMs
  const graceUntil = mono + graceMs(policy.bootGraceMs, unseenStops)
  return {
    identity: mergeIdentity(interval.kind === 'boot' || clone ? undefined : before, now),
    last: now.clocks,
    cadenceMs: [],
    run: {
      id: `${now.identity.bootId}@${Math.round(mono)}`,
      began: now.clocks,
      cause: interval.reason,
      graceUntil,
      personSeen: false,
      ended: false,
    },
    idleSince: graceUntil,
    idleSinceReason: graceUntil > mono ? 'end of grace' : 'the run began',
    seen: {},
    alerted: false,
    tags: { IdleStatus: 'active', IdleSince: '', IdleAction: actionTag(kept, now.intent, outcome), IdleReason: '' },
    reasonClass: '',
    attempt: freshAttempt,
    unseenStops,
    falseStops: rememberFalseStop(kept?.falseStops ?? [], now, news),
    ...(isGone(outcome) ? { told: outcome } : {}),
    score: kept?.score ?? { wouldHaveStopped: 0, wouldHaveBeenFalse: 0 },
  }
}

/** The state in a further check of the same run. */
export function continueRun(
  before: State,
  now: Moment,
  context: { readonly interval: Interval; readonly outcome: IntentOutcome | undefined },
): State {
  const { outcome } = context
  const open = outcome === undefined ? mayHappen(now.intent) : undefined
  const inVain = outcome?.result === 'failed' || outcome?.result === 'abandoned'
  const action = inVain ? '' : (open ?? before.tags.IdleAction)
  return {
    ...before,
    identity: mergeIdentity(before, now),
    last: now.clocks,
    cadenceMs: [...before.cadenceMs, context.interval.ms].slice(-3),
    tags: { ...before.tags, IdleAction: action },
  }
}

/** An id or a start time that could not be read this time keeps its last known value. */
function mergeIdentity(before: State | undefined, now: Moment): State['identity'] {
  return { ...before?.identity, ...now.identity }
}

/** Each stop of a run in which nobody was seen doubles the grace, up to an hour (or what is configured, if more). */
function graceMs(configuredMs: number, unseenStops: number): number {
  return Math.min(Math.max(HOUR_MS, configuredMs), configuredMs * 2 ** Math.min(unseenStops, 20))
}

function countUnseen(
  before: State | undefined,
  intent: Intent | undefined,
  outcome: IntentOutcome | undefined,
): number {
  if (!isGone(outcome)) return before?.unseenStops ?? 0
  return intent?.personSeen === true ? 0 : (before?.unseenStops ?? 0) + 1
}

/** What `IdleAction` says at the beginning of a run: how the last attempt ended, or that it has not ended yet. */
function actionTag(
  before: State | undefined,
  intent: Intent | undefined,
  outcome: IntentOutcome | undefined,
): StateTags['IdleAction'] {
  if (isGone(outcome)) return outcome.result
  const open = outcome === undefined ? mayHappen(intent) : undefined
  if (open !== undefined) return open
  const was = before?.tags.IdleAction ?? ''
  return was === 'hibernating' || was === 'stopping' ? '' : was
}

/** What `IdleAction` says of an open intent; nothing of one that was withdrawn. */
function mayHappen(intent: Intent | undefined): StateTags['IdleAction'] | undefined {
  return intent === undefined || intent.phase === 'withdrawn' ? undefined : underWay(intent.method)
}

/** What `IdleAction` says while the call is under way. */
export function underWay(method: Method): StateTags['IdleAction'] {
  return method === 'hibernate' ? 'hibernating' : 'stopping'
}

/** Is the machine still in its grace? cloud-init prolongs it, for at most two hours. */
export function inGrace(state: State, now: Moment): boolean {
  const mono = now.clocks.monoMs
  if (mono < state.run.graceUntil) return true
  return now.cloudInitRunning && mono - state.run.began.monoMs < CLOUD_INIT_WAIT_MS
}

/** Weekday or weekend, and the hour, in UTC: `weekday-18`. */
export function hourClass(wallMs: number): string {
  const date = new Date(wallMs)
  const weekend = date.getUTCDay() === 0 || date.getUTCDay() === 6
  return `${weekend ? 'weekend' : 'weekday'}-${String(date.getUTCHours()).padStart(2, '0')}`
}

function rememberFalseStop(
  list: readonly FalseStop[],
  now: Moment,
  outcome: IntentOutcome | undefined,
): readonly FalseStop[] {
  const fresh = list.filter((entry) => isFresh(entry, now.clocks.wallMs)).slice(-19)
  const stoppedAt = now.intent?.at.wallMs
  if (outcome?.falseStop !== true || stoppedAt === undefined) return fresh
  return [...fresh, { wallMs: stoppedAt, hourClass: hourClass(stoppedAt) }]
}

/** One from far ahead is of a clock that was wrong then, and would count for years. */
function isFresh({ wallMs }: FalseStop, nowMs: number): boolean {
  return Math.abs(nowMs - wallMs) < FALSE_STOP_MEMORY_MS
}

/** How much longer the threshold is at this hour: 1, 1.5 after one false stop in 28 days in this hour class, 2 after more. */
export function patience(falseStops: readonly FalseStop[], wallMs: number): number {
  const here = hourClass(wallMs)
  const count = falseStops.filter((entry) => entry.hourClass === here && isFresh(entry, wallMs)).length
  return 1 + Math.min(count, 2) * 0.5
}
