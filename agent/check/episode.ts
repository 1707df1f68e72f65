/** What a check holds in hand between deciding and saving, and how it grows: another look, another deed. */
import { type Deed, recordDeed } from '../audit.ts'
import type { Stored } from '../state.ts'
import type { Attempt, Decision, Intent, Moment, State, Veto } from '../types.ts'
import { type Look, look } from './observe.ts'
import type { Parts } from './parts.ts'

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
  /** How long a refusal is waited for, in a check that was overtaken, perhaps by no more than a step of the wall clock. */
  readonly backOff?: Attempt
}

/** A further look, and what it means. */
export interface Seen {
  readonly look: Look
  readonly decision: Decision
}

/** Looks once more in the same check; the readings cover the time since the samples of the check before. */
export async function lookAgain(
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
    now: { ...again.moment, ...asked(first), lookedAt: first.lookedAt ?? first.clocks.monoMs },
  })
  return { look: { ...again, vetoes }, decision }
}

/** What is asked once in a run, and not again by each look. */
function asked({ canHibernate }: Moment): Pick<Moment, 'canHibernate'> {
  return canHibernate === undefined ? {} : { canHibernate }
}

/** The episode with a deed that goes to the audit log. */
export async function record(parts: Parts, episode: Episode, deed: Deed): Promise<Episode> {
  return withDeed(episode, await recordDeed(parts.host, parts.paths.audit, deed))
}

/** The episode with a deed that is recorded already. */
export function withDeed(episode: Episode, deed: Deed): Episode {
  return { ...episode, deeds: [...episode.deeds, deed] }
}
