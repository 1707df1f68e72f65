/** Keeps the cloud's tags in step with the state: written when they change, all in one call, never in the way of an action. */
import type { Deed } from '../audit.ts'
import type { Stored, TagMirror } from '../state.ts'
import type { State, StateTags } from '../types.ts'
import type { Episode } from './episode.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'

/** What the tags are to be, and what they follow from. */
export interface Wanted {
  readonly state: Pick<State, 'tags' | 'attempt'>
  readonly look: Pick<Look, 'moment' | 'sampledAt'>
  /** True just before an action, and after one that came to nothing: earlier failures do not postpone what is said of it. */
  readonly urgent: boolean
  /** What the disk holds now. */
  readonly base: Stored | undefined
}

/** What is known of the cloud's tags afterwards, and what was done. */
export interface Synced {
  readonly mirror: TagMirror
  readonly deed?: Deed
}

/** Writes the tags if the cloud shows others. Never throws for the cloud; the mirror says what is known to be there. */
export async function syncTags(parts: Parts, given: TagMirror, wanted: Wanted): Promise<Synced> {
  const id = wanted.look.moment.identity.instanceId
  if (!parts.policy.enabled || id === undefined) return { mirror: given }
  // What another instance had to wait for, of which this one is a copy, does not bind it.
  const own = given.instanceId === undefined || given.instanceId === id
  const mirror: TagMirror = own ? given : { failures: 0 }
  const known = mirror.instanceId === id ? mirror.written : undefined
  if (known !== undefined && same(known, wanted.state.tags)) return { mirror: withoutTurn(mirror) }
  // Loaded where the tags changed, or could not be written.
  return (await import('./tag-write.ts')).writeTags(parts, mirror, { ...wanted, id, known })
}

/** Milliseconds until tags are to be written, if that is before the next check; else 0. */
export async function untilTurn(parts: Parts, episode: Episode): Promise<number> {
  // Nearly always: nobody waits.
  if (episode.mirror.notBeforeBootMs === undefined) return 0
  return (await import('./tag-turn.ts')).turnBeforeNext(parts, episode)
}

/** What was to be written is there, or is not wanted any more: the next change has a moment of its own. */
function withoutTurn(mirror: TagMirror): TagMirror {
  if (mirror.notBeforeBootMs === undefined) return mirror
  const { notBeforeBootMs: _, bootId: __, sinceBootMs: ___, ...rest } = mirror
  return rest
}

function same(was: StateTags, is: StateTags): boolean {
  const before = new Map(Object.entries(was))
  return Object.entries(is).every(([name, value]) => before.get(name) === value)
}
