/** The state tags that the present standing calls for. */

import type { Clocks, Phase, Policy, State, StateTags } from '../types.ts'
import { evidenceInWords, iso } from '../words.ts'
import type { Judgement } from './policy.ts'
import type { Standing } from './state.ts'
import { timeOfDay, toWall } from './words.ts'

const REASON_LIMIT = 120
/** Those that come after `idle_threshold_minutes`. */
const idlePhases: ReadonlySet<Phase> = new Set(['idle', 'held', 'acting'])

interface Context {
  readonly judgement: Judgement
  readonly policy: Policy
  readonly clocks: Clocks
}

/**
 * Tags change only with the state they mirror: `IdleSince` keeps its text for the whole idle period, `IdleReason` while
 * its class stays the same, `IdleAction` until the next strong activity.
 */
export function nextTags(state: State, standing: Standing, context: Context): { tags: StateTags; reasonClass: string } {
  const was = state.tags
  const idle = idlePhases.has(standing.phase)
  // idleSince moves only through a check that is not idle, so an idle period keeps its text even when the wall clock is stepped.
  const since = was.IdleStatus === 'idle' ? was.IdleSince : iso(toWall(state.idleSince, context.clocks))
  const cause = reasonOf(state, standing, context)
  return {
    tags: {
      IdleStatus: idle ? 'idle' : 'active',
      IdleSince: idle ? since : '',
      IdleAction: context.judgement.verdict === 'active' ? '' : was.IdleAction,
      IdleReason: cause.class === state.reasonClass ? was.IdleReason : cut(cause.text),
    },
    reasonClass: cause.class,
  }
}

/** Not through a pair of surrogates: half of one is no text for a cloud. */
function cut(text: string): string {
  return text.slice(0, REASON_LIMIT).replace(/[\uD800-\uDBFF]$/, '')
}

/** What `IdleReason` says after a refusal, and its class. */
export function refusedReason(refusal: string): { class: string; text: string } {
  return { class: `refused:${refusal}`, text: cut(`refused: ${refusal}`) }
}

function reasonOf(state: State, standing: Standing, context: Context): { class: string; text: string } {
  const { judgement, clocks, policy } = context
  const blind = judgement.unknown[0]
  const blindMs = state.unknownSince === undefined ? 0 : standing.now - state.unknownSince
  if (blind !== undefined && blindMs >= Math.max(policy.idleThresholdMs, 1)) {
    return { class: `unknown:${blind.sensor}`, text: `unknown: ${blind.sensor}: ${blind.reason}` }
  }
  if (standing.phase !== 'held') return { class: '', text: '' }
  const veto = standing.vetoes[0]
  if (veto !== undefined) return { class: `held:${veto.name}`, text: `held: ${veto.reason}` }
  if (state.attempt.refusal !== undefined) return refusedReason(state.attempt.refusal)
  const held = standing.held
  // Nothing but the moment of another try is waited for.
  if (held === undefined || held.until <= standing.now) return { class: '', text: '' }
  return {
    class: `held:${held.evidence}`,
    text: `held: ${evidenceInWords(held.evidence)} until ${timeOfDay(held.until, clocks)}`,
  }
}
