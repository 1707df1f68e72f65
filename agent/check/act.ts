/** From a due action to a call: preflight and second look. */
import { afterOutcome, confirm, heldByOperator } from '../decide/attempt.ts'
import type { Refused } from '../types/outcome.ts'
import type { Action, Moment, Veto } from '../types.ts'
import { type Episode, lookAgain, record, type Seen } from './episode.ts'
import type { Parts } from './parts.ts'
import { beforeActing } from './preflight.ts'
import { deedOf, send } from './send.ts'

const SECOND_LOOK_MS = 6_000
const SHORTEST_RATE_MS = 30_000

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
    return record(parts, episode, {
      action: action.method,
      result: 'refused',
      detail: `postponed by the second look: ${reason}`,
    })
  }
  const seen = { ...episode, look: second.look, decision: second.decision, state: second.decision.state }
  if (answer === 'cancel') {
    const detail = `cancelled by the second look: ${second.decision.reason}`
    const now = second.look.moment
    const state = heldByOperator(seen.state, preflight.vetoes, { now, policy: parts.policy })
    return record(parts, { ...seen, state }, { action: action.method, result: 'refused', detail })
  }
  // An intent that counts as failed by now is not sent again: closing it would close the call.
  const { method, intentId } = second.decision.actions.find((one) => one.kind === 'act') ?? action
  const { canHibernate, vetoes, note } = preflight
  return send(parts, seen, {
    method: intentId === undefined && !canHibernate ? 'stop' : method,
    intentId,
    vetoes,
    note,
  })
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
  return record(parts, { ...episode, state }, deedOf(refusal, action.method))
}

/** Some seconds later, everything once more, judged together with the interval before. */
async function secondLook(parts: Parts, episode: Episode, vetoes: readonly Veto[]): Promise<Seen> {
  const { checkIntervalMs } = parts.policy
  const sinceBase = parts.host.clocks().monoMs - (episode.base?.sampledAt.monoMs ?? 0)
  const atLeast = Math.min(SHORTEST_RATE_MS, checkIntervalMs) - sinceBase
  await parts.host.sleep(Math.max(Math.min(SECOND_LOOK_MS, checkIntervalMs / 2), atLeast))
  return lookAgain(parts, episode, { vetoes, intent: episode.look.moment.intent })
}
