/**
 * Keeps the line for the next login in step with what was done: there from the stop until somebody has come back to read
 * it, and until the end of grace, so that it is not gone when the first connection was no login but a copied file.
 */
import type { Deed } from '../audit.ts'
import { inGrace } from '../decide/run.ts'
import { duration } from '../decide/words.ts'
import { HostError } from '../errors.ts'
import { leaveNote, type Return, returnLine, takeNote } from '../note.ts'
import type { Episode } from './episode.ts'
import type { Parts } from './parts.ts'

/** A note that cannot be written is told, and keeps nothing from being done. */
export async function keepNote(parts: Parts, episode: Episode): Promise<readonly Deed[]> {
  if (parts.host.root !== '/') return []
  try {
    const told = noteOf(episode)
    if (told !== undefined) await leaveNote(parts.host, parts.paths.note, returnLine(told))
    else if (isRead(episode)) await takeNote(parts.host, parts.paths.note)
    return []
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return [{ action: 'note', result: 'failed', detail: error.message }]
  }
}

function noteOf({ base, state, decision }: Episode): Return | undefined {
  if (state.run.ended) {
    const what = state.tags.IdleAction === 'hibernating' ? 'hibernated' : 'stopped'
    return { what, since: state.tags.IdleSince }
  }
  const result = decision.outcome?.result
  if (result !== 'hibernated' && result !== 'stopped') return undefined
  return { what: result, off: duration(decision.outcome?.offMs ?? 0), since: base?.state.tags.IdleSince ?? '' }
}

function isRead({ state, decision, look }: Episode): boolean {
  if (decision.outcome?.result === 'failed') return true
  return state.run.personSeen && !inGrace(state, look.moment)
}
