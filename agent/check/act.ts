/** From a due action to the cloud's answer: preflight, second look, intent, tags, one call. */
import { type Deed, recordDeed } from '../audit.ts'
import { afterOutcome, beginAttempt, confirm, heldByOperator } from '../decide/attempt.ts'
import { classify } from '../decide/clock.ts'
import { messageOf } from '../errors.ts'
import type { Stored } from '../state.ts'
import { closeIntent, recordAccepted, recordIntent } from '../state-intents.ts'
import type { Outcome, Refused } from '../types/outcome.ts'
import type { Action, Decision, Intent, Method, Moment, State, Veto } from '../types.ts'
import { type Look, localIdentity, look, within } from './observe.ts'
import type { Parts } from './parts.ts'
import { beforeActing } from './preflight.ts'
import { syncTags } from './tag-sync.ts'

const SECOND_LOOK_MS = 6_000
const SHORTEST_RATE_MS = 30_000
const CALL_MS = 15_000

/** What a check holds in hand between deciding and saving. */
export interface Episode {
  readonly base: Stored | undefined
  readonly look: Look
  readonly decision: Decision
  readonly state: State
  readonly mirror: Stored['mirror']
  readonly deeds: readonly Deed[]
  /** True if the machine slept in the middle of this check: the next check finds out, this one writes nothing more. */
  readonly overtaken?: boolean
}

type Act = Extract<Action, { kind: 'act' }>

/** Carries a due action out, or says what kept it. */
export async function attempt(parts: Parts, episode: Episode, action: Act): Promise<Episode> {
  const preflight = await beforeActing(parts, action)
  const { refusal } = preflight
  if (refusal !== undefined && preflight.vetoes.length === 0) return refuseUnsent(parts, episode, { action, refusal })
  const second = await secondLook(parts, episode, preflight.vetoes)
  const answer = confirm(second.decision, second.look.readings)
  if (answer === 'postpone') {
    const reason = second.look.readings.find((reading) => reading.kind === 'active')?.reason ?? ''
    return refuse(parts, episode, {
      action: action.method,
      result: 'refused',
      detail: `postponed by the second look: ${reason}`,
    })
  }
  const seen = { ...episode, look: second.look, decision: second.decision, state: second.decision.state }
  if (answer === 'cancel') {
    const detail = `cancelled by the second look: ${second.decision.reason}`
    const state = heldByOperator(
      seen.state,
      preflight.vetoes.filter(({ name }) => name !== 'operator-tags'),
      {
        now: second.look.moment.clocks.monoMs,
        intervalMs: parts.policy.checkIntervalMs,
      },
    )
    return refuse(parts, { ...seen, state }, { action: action.method, result: 'refused', detail })
  }
  const method = action.intentId === undefined && !preflight.canHibernate ? 'stop' : action.method
  return send(parts, seen, { method, intentId: action.intentId, vetoes: preflight.vetoes, note: preflight.note })
}

/** The machine is not ours to stop: treated as a refusal of the cloud, but nothing is written ahead and nothing is sent. */
async function refuseUnsent(
  parts: Parts,
  episode: Episode,
  { action, refusal }: { readonly action: Act; readonly refusal: Refused },
): Promise<Episode> {
  const now: Moment = { ...episode.look.moment, clocks: parts.host.clocks() }
  const after = afterOutcome(episode.state, refusal, { method: action.method, now, policy: parts.policy })
  // An open intent may still be carried out, so the tag goes on saying so.
  const { IdleAction } = action.intentId === undefined ? after.tags : episode.state.tags
  const state = { ...after, tags: { ...after.tags, IdleAction } }
  return refuse(parts, { ...episode, state }, deedOf(refusal, action.method))
}

/** Some seconds later, everything once more, judged together with the interval before. */
async function secondLook(parts: Parts, episode: Episode, vetoes: readonly Veto[]): Promise<Seen> {
  const { checkIntervalMs } = parts.policy
  const sinceBase = parts.host.clocks().monoMs - (episode.base?.sampledAt.monoMs ?? 0)
  const atLeast = Math.min(SHORTEST_RATE_MS, checkIntervalMs) - sinceBase
  await parts.host.sleep(Math.max(Math.min(SECOND_LOOK_MS, checkIntervalMs / 2), atLeast))
  return lookAgain(parts, episode, { vetoes, intent: episode.look.moment.intent })
}

interface Seen {
  readonly look: Look
  readonly decision: Decision
}

async function lookAgain(
  parts: Parts,
  episode: Episode,
  known: { readonly vetoes: readonly Veto[]; readonly intent: Intent | undefined },
): Promise<Seen> {
  const first = episode.look.moment
  const again = await look(parts, episode.base, { intent: known.intent, due: true })
  const vetoes = [...again.vetoes, ...known.vetoes]
  const decision = parts.decide({
    state: episode.base?.state,
    readings: again.readings,
    vetoes,
    policy: parts.policy,
    // Of several looks in one check the first counts: no two of them lie further apart than an interval.
    now: { ...again.moment, lookedAt: first.lookedAt ?? first.clocks.monoMs },
  })
  return { look: { ...again, vetoes }, decision }
}

interface Call {
  readonly method: Method
  readonly intentId: string | undefined
  /** What the operator's tags forbid; asked once. */
  readonly vetoes: readonly Veto[]
  /** For the audit log. */
  readonly note: string | undefined
}

async function send(parts: Parts, episode: Episode, call: Call): Promise<Episode> {
  const intent = await writeIntent(parts, episode, call)
  const begun = beginAttempt(episode.state, call.method)
  const tagged = await syncTags(parts, episode.mirror, {
    tags: begun.tags,
    moment: episode.look.moment,
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
  const outcome = await sendOnce(parts, call.method)
  if (outcome.result === 'accepted') await recordAccepted(parts.host, parts.paths.intents, intent.id)
  const told = { ...deedOf(outcome, call.method, call.note), intentId: intent.id }
  const deed = await recordDeed(parts.host, parts.paths.audit, told)
  if (await changed(parts, ready)) {
    if (outcome.result === 'refused')
      await closeIntent(parts.host, parts.paths.intents, { id: intent.id, result: 'refused' })
    return { ...ready, overtaken: true }
  }
  return settle(parts, withDeed(ready, deed), { outcome, call, intent })
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
  return refuse(parts, { ...seen, state }, { action: call.method, result: 'refused', detail })
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
  const state = {
    ...episode.state,
    identity: moment.identity,
    last: moment.clocks,
    run: { ...episode.state.run, ended: false },
  }
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
  await closeIntent(parts.host, parts.paths.intents, { id: intent.id, result: 'refused' })
  const fallBack = state.attempt.stopInstead && !episode.state.attempt.stopInstead
  return fallBack ? send(parts, done, { ...call, method: 'stop', intentId: undefined }) : done
}

function deedOf(outcome: Outcome, method: Method, note?: string): Deed {
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

async function refuse(parts: Parts, episode: Episode, deed: Deed): Promise<Episode> {
  return withDeed(episode, await recordDeed(parts.host, parts.paths.audit, deed))
}

function withDeed(episode: Episode, deed: Deed): Episode {
  return { ...episode, deeds: [...episode.deeds, deed] }
}
