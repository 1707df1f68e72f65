/** The verdict in one sentence for a person: why it is still up, or why it stops. */

import type { Clocks, Policy, State, WantedAction } from '../types.ts'
import { actionInWords, evidenceInWords } from '../words.ts'
import type { Judgement } from './policy.ts'
import type { Standing } from './state.ts'
import { duration, timeOfDay } from './words.ts'

interface Context {
  readonly judgement: Judgement
  readonly policy: Policy
  readonly clocks: Clocks
}

/** What is really done where `wanted` is configured: a machine that cannot hibernate in this run is stopped. */
export function methodIn<Wanted extends WantedAction>({ attempt, run }: State, wanted: Wanted): Wanted | 'stop' {
  return wanted === 'hibernate' && (attempt.stopInstead || run.canHibernate === false) ? 'stop' : wanted
}

export function explain(state: State, standing: Standing, context: Context): string {
  const { judgement, clocks } = context
  const blind = judgement.unknown[0]
  if (standing.phase === 'grace') return graceWords(state, standing, context)
  if (judgement.active !== undefined) return `in use: ${judgement.active.reason}`
  if (blind !== undefined && state.run.began.monoMs === state.last.monoMs)
    return `first look (${state.run.cause}): nothing to compare with yet, so it stays up`
  if (blind !== undefined) return `unknown, so it stays up: ${blind.sensor}: ${blind.reason}`
  const quiet = `nothing needed this machine for ${duration(standing.idleMs)}`
  const due = standing.due === undefined ? '' : timeOfDay(standing.due, clocks)
  if (standing.phase === 'held') return `${quiet}; held: ${heldWords(state, standing, clocks)}`
  if (standing.phase === 'acting')
    return context.policy.action === 'report' ? `${quiet}; only reported, nothing is stopped` : quiet
  const veto = standing.vetoes[0]
  if (veto !== undefined) return `${quiet}; held: ${veto.reason}`
  return due === '' ? quiet : `${quiet}; ${actionInWords(methodIn(state, context.policy.action))} at ${due}`
}

function graceWords(state: State, standing: Standing, context: Context): string {
  const { judgement, clocks } = context
  const over = standing.now >= state.run.graceUntil
  const until = over ? 'cloud-init is still at work' : `grace until ${timeOfDay(state.run.graceUntil, clocks)}`
  const seen = judgement.active === undefined ? '' : `; in use: ${judgement.active.reason}`
  return `${until} (${state.run.cause})${seen}`
}

function heldWords(state: State, standing: Standing, clocks: Clocks): string {
  const veto = standing.vetoes[0]
  if (veto !== undefined) return veto.reason
  const { held } = standing
  const retry = state.attempt.retryAt
  if (retry !== undefined && retry >= (held?.until ?? 0)) {
    return `${state.attempt.refusal ?? 'the cloud does not answer'}, again at ${timeOfDay(retry, clocks)}`
  }
  if (held === undefined) return 'waiting'
  return `${evidenceInWords(held.evidence)} until ${timeOfDay(held.until, clocks)}`
}
