/** From a due action to the cloud's answer: preflight, second look, intent, tags, one call. */
import { type Deed, recordDeed } from '../audit.ts'
import { isProtected, keepAwakeUntil } from '../clouds/tags.ts'
import { afterOutcome, beginAttempt, confirm } from '../decide/attempt.ts'
import { classify } from '../decide/clock.ts'
import { messageOf } from '../errors.ts'
import type { Stored } from '../state.ts'
import { closeIntent, recordAccepted, recordIntent } from '../state-intents.ts'
import type { Action, Decision, Intent, Method, Moment, Outcome, State, Veto } from '../types.ts'
import { type Look, localMoment, look, within } from './observe.ts'
import type { Parts } from './parts.ts'
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
  const second = await lookAgain(parts, episode, preflight.vetoes)
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
    return refuse(parts, seen, { action: action.method, result: 'refused', detail })
  }
  const method = action.intentId === undefined && !preflight.canHibernate ? 'stop' : action.method
  return send(parts, seen, { method, intentId: action.intentId })
}

/** What is asked only before an action: the operator's tags, and whether hibernation is configured. */
async function beforeActing(parts: Parts, action: Act): Promise<{ vetoes: readonly Veto[]; canHibernate: boolean }> {
  const [vetoes, canHibernate] = await Promise.all([operatorVetoes(parts), hibernates(parts, action)])
  return { vetoes, canHibernate }
}

async function operatorVetoes(parts: Parts): Promise<readonly Veto[]> {
  const { tagPrefix, operatorTags } = parts.settings
  try {
    const limit = { ms: 8_000, what: 'operator tags' }
    const tags = await within(parts.host, limit, (signal) => parts.cloud.operatorTags(tagPrefix, signal))
    const now = parts.host.clocks()
    const vetoes: Veto[] = []
    if (isProtected(tags.Protected)) vetoes.push({ name: 'protected', reason: `the tag ${tagPrefix}:Protected is set` })
    const until = keepAwakeUntil(tags.KeepAwakeUntil)
    if (until === 'unreadable') {
      vetoes.push({ name: 'keep-awake', reason: `the date in the tag ${tagPrefix}:KeepAwakeUntil cannot be read` })
    } else if (until !== undefined && until > now.wallMs) {
      const end = new Date(until).toISOString().slice(0, 16)
      vetoes.push({
        name: 'keep-awake',
        reason: `the tag ${tagPrefix}:KeepAwakeUntil says ${end}Z`,
        until: now.monoMs + until - now.wallMs,
      })
    }
    return vetoes
  } catch (error) {
    if (operatorTags === 'optional') return []
    return [{ name: 'operator-tags', reason: `the operator's tags cannot be read: ${messageOf(error)}` }]
  }
}

/** Where it cannot be told, the call itself will: the cloud refuses what it cannot do. */
async function hibernates(parts: Parts, action: Act): Promise<boolean> {
  if (action.method === 'stop') return false
  try {
    return await within(parts.host, { ms: 3_000, what: 'hibernation flag' }, (signal) =>
      parts.cloud.canHibernate(signal),
    )
  } catch (error) {
    if (error instanceof Error) return true
    throw error
  }
}

/** Some seconds later, everything once more, judged together with the interval before. */
async function lookAgain(
  parts: Parts,
  episode: Episode,
  extra: readonly Veto[],
): Promise<{ look: Look; decision: Decision }> {
  const { checkIntervalMs } = parts.policy
  const sinceBase = parts.host.clocks().monoMs - (episode.base?.sampledAt.monoMs ?? 0)
  const atLeast = Math.min(SHORTEST_RATE_MS, checkIntervalMs) - sinceBase
  await parts.host.sleep(Math.max(Math.min(SECOND_LOOK_MS, checkIntervalMs / 2), atLeast))
  const first = episode.look.moment
  const again = await look(parts, episode.base, first.intent)
  const decision = parts.decide({
    state: episode.base?.state,
    readings: again.readings,
    vetoes: [...again.vetoes, ...extra],
    policy: parts.policy,
    // Of three looks in one check the first counts: no two of them lie further apart than an interval.
    now: { ...again.moment, lookedAt: first.lookedAt ?? first.clocks.monoMs },
  })
  return { look: { ...again, vetoes: [...again.vetoes, ...extra] }, decision }
}

interface Call {
  readonly method: Method
  readonly intentId: string | undefined
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
  if (await changed(parts, ready)) {
    await closeIntent(parts.host, parts.paths.intents, { id: intent.id, result: 'abandoned' })
    return { ...ready, overtaken: true }
  }
  const outcome = await sendOnce(parts, call.method)
  if (outcome.result === 'accepted') await recordAccepted(parts.host, parts.paths.intents, intent.id)
  const deed = deedOf(outcome, call.method, intent.id)
  await recordDeed(parts.host, parts.paths.audit, deed)
  if (await changed(parts, ready)) return { ...ready, overtaken: true }
  return settle(parts, withDeed(ready, deed), { outcome, call, intent })
}

async function writeIntent(parts: Parts, episode: Episode, call: Call): Promise<Intent> {
  const { identity } = episode.look.moment
  const at = parts.host.clocks()
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
  const { intent: _, lookedAt: ___, ...now } = await localMoment(parts, moment)
  // Metadata is not asked again, so it cannot explain a jump of the wall clock either.
  const { startedAt: __, ...local } = now.identity
  const bare = { ...now, identity: local }
  const state = {
    ...episode.state,
    identity: moment.identity,
    last: moment.clocks,
    run: { ...episode.state.run, ended: false },
  }
  const interval = classify(state, bare, parts.policy.checkIntervalMs)
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
  return fallBack ? send(parts, done, { method: 'stop', intentId: undefined }) : done
}

function deedOf(outcome: Outcome, method: Method, intentId: string): Deed {
  if (outcome.result === 'accepted')
    return { action: method, result: 'done', detail: `accepted: ${outcome.detail}`, intentId }
  if (outcome.result === 'refused') {
    return {
      action: method,
      result: 'refused',
      detail: `${outcome.code} (${outcome.why}): ${outcome.message}`,
      intentId,
    }
  }
  return { action: method, result: 'failed', detail: `outcome unknown: ${outcome.message}`, intentId }
}

async function refuse(parts: Parts, episode: Episode, deed: Deed): Promise<Episode> {
  await recordDeed(parts.host, parts.paths.audit, deed)
  return withDeed(episode, deed)
}

function withDeed(episode: Episode, deed: Deed): Episode {
  return { ...episode, deeds: [...episode.deeds, deed] }
}
