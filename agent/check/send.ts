/** From the intent on disk to the cloud's answer: tags, a last look, one call, and what its answer means. */
import { type Deed, recordDeed } from '../audit.ts'
import { afterLostAnswer, afterOutcome, beginAttempt, confirm, leavesOpen } from '../decide/attempt.ts'
import { classify } from '../decide/clock.ts'
import { messageOf } from '../errors.ts'
import { closeIntent, recordAccepted, recordIntent } from '../state-intents.ts'
import type { Outcome } from '../types/outcome.ts'
import type { Intent, Method, Moment, Veto } from '../types.ts'
import { type Episode, lookAgain, record, withDeed } from './episode.ts'
import { localIdentity } from './observe.ts'
import type { Parts } from './parts.ts'
import { syncTags } from './tag-sync.ts'
import { within } from './within.ts'

const CALL_MS = 15_000

/** A call to be sent. */
export interface Call {
  readonly method: Method
  readonly intentId: string | undefined
  /** What the operator's tags forbid; asked once. */
  readonly vetoes: readonly Veto[]
  /** For the audit log. */
  readonly note: string | undefined
}

/** Writes the intent, sends the call once, and says what became of it. */
export async function send(parts: Parts, episode: Episode, call: Call): Promise<Episode> {
  const intent = await writeIntent(parts, episode, call)
  const begun = beginAttempt(episode.state, call.method)
  const tagged = await syncTags(parts, episode.mirror, {
    state: begun,
    look: episode.look,
    urgent: true,
    base: episode.base,
  })
  const ready = {
    ...episode,
    state: begun,
    mirror: tagged.mirror,
    deeds: [...episode.deeds, ...(tagged.deed ? [tagged.deed] : [])],
  }
  const kept = await lastLook(parts, ready, { call, intent })
  if (kept !== undefined) return kept
  const answer = await sendOnce(parts, call.method)
  const outcome = call.intentId === undefined ? answer : afterLostAnswer(answer)
  if (outcome.result === 'accepted') await recordAccepted(parts.host, parts.paths.intents, intent.id)
  const told = { ...deedOf(outcome, call.method, call.note), intentId: intent.id }
  const deed = await recordDeed(parts.host, parts.paths.audit, told)
  const overtaken = await changed(parts, ready)
  const done = withDeed(ready, deed)
  if (overtaken && outcome.result !== 'refused') return { ...done, overtaken }
  const settled = await settle(parts, done, { outcome, call, intent })
  if (overtaken) return { ...settled, overtaken, backOff: settled.state.attempt }
  const fallBack = settled.state.attempt.stopInstead && !ready.state.attempt.stopInstead
  return fallBack ? send(parts, settled, { ...call, method: 'stop', intentId: undefined }) : settled
}

/**
 * The tags may have taken seconds: who the machine is, who is on it and what forbids acting are asked once more, right
 * before the call. Gives back the episode that ends here, or nothing where the call is to be sent.
 */
async function lastLook(
  parts: Parts,
  episode: Episode,
  sending: { readonly call: Call; readonly intent: Intent },
): Promise<Episode | undefined> {
  const { call, intent } = sending
  const unsent = call.intentId === undefined
  const last = await lookAgain(parts, episode, { vetoes: call.vetoes, intent: unsent ? undefined : intent })
  const answer = confirm(last.decision, last.look.readings)
  if (answer === 'act') return undefined
  // A call that was sent before may have been accepted: its intent stays open, and IdleAction with it.
  if (unsent) await closeIntent(parts.host, parts.paths.intents, { id: intent.id, result: 'abandoned' })
  const { interval, reason } = last.decision
  if (interval.newRun || interval.kind === 'gap') return { ...episode, overtaken: true }
  const detail = `${answer === 'cancel' ? 'cancelled' : 'postponed'} right before the call: ${reason}`
  const seen =
    answer === 'cancel' ? { ...episode, look: last.look, decision: last.decision, state: last.decision.state } : episode
  const state = unsent ? { ...seen.state, tags: { ...seen.state.tags, IdleAction: '' as const } } : seen.state
  return record(parts, { ...seen, state }, { action: call.method, result: 'refused', detail })
}

async function writeIntent(parts: Parts, episode: Episode, call: Call): Promise<Intent> {
  // The look's own clocks: a sleep since then shows in them.
  const { identity, clocks: at } = episode.look.moment
  const intent: Intent = {
    id: call.intentId ?? `${Math.round(at.wallMs).toString(36)}-${parts.host.self.pid.toString(36)}`,
    runId: episode.state.run.id,
    ...identity,
    method: call.method,
    at,
    phase: 'intended',
    personSeen: episode.state.run.personSeen,
  }
  await recordIntent(parts.host, parts.paths.intents, intent)
  return intent
}

/** Is this still the run of the machine that the decision was made in? Asked after every wait around the call. */
async function changed(parts: Parts, episode: Episode): Promise<boolean> {
  const { moment } = episode.look
  // Metadata would take too much time here; not asked, it cannot explain a jump of the wall clock either.
  const identity = await localIdentity(parts, parts.host)
  const now = { clocks: parts.host.clocks(), identity, cloudInitRunning: moment.cloudInitRunning }
  const state = { ...episode.state, identity: moment.identity, last: moment.clocks }
  const interval = classify(state, now, parts.policy.checkIntervalMs)
  return interval.newRun || interval.kind === 'gap'
}

async function sendOnce(parts: Parts, method: Method): Promise<Outcome> {
  try {
    return await within(parts.host, { ms: CALL_MS, what: method }, (signal) => parts.cloud.act(method, signal))
  } catch (error) {
    return { result: 'unknown', message: messageOf(error) }
  }
}

async function settle(
  parts: Parts,
  episode: Episode,
  sent: { readonly outcome: Outcome; readonly call: Call; readonly intent: Intent },
): Promise<Episode> {
  const { outcome, call, intent } = sent
  const now: Moment = { ...episode.look.moment, clocks: parts.host.clocks() }
  const state = afterOutcome(episode.state, outcome, { method: call.method, now, policy: parts.policy })
  const done = { ...episode, state }
  if (outcome.result !== 'refused') return done
  // The tag goes on saying what may still happen.
  if (staysOpen(outcome, call)) {
    const { IdleAction } = episode.state.tags
    return { ...done, state: { ...state, tags: { ...state.tags, IdleAction } } }
  }
  await closeIntent(parts.host, parts.paths.intents, { id: intent.id, result: 'refused' })
  return done
}

/** Is the intent still open after this answer, because a call sent before may have been accepted? */
function staysOpen(outcome: Outcome, call: Call): boolean {
  return call.intentId !== undefined && leavesOpen(outcome)
}

/** What the audit log says of an answer. */
export function deedOf(outcome: Outcome, method: Method, note?: string): Deed {
  if (outcome.result === 'accepted') {
    const detail = `accepted: ${outcome.detail}${note === undefined ? '' : `; ${note}`}`
    return { action: method, result: 'done', detail }
  }
  if (outcome.result === 'refused') {
    const { code, why, message } = outcome
    return { action: method, result: 'refused', detail: `${code} (${why}): ${message}`, code }
  }
  return { action: method, result: 'failed', detail: `outcome unknown: ${outcome.message}` }
}
