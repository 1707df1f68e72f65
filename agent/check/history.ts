/** Where a check says something else than the one before: the segment that it ends goes to the history, and another begins. */
import type { Deed } from '../audit.ts'
import { beginSegment, isSegment } from '../history/segment.ts'
import { keepSegment } from '../history.ts'
import type { Segment } from '../types/cause.ts'
import type { Episode } from './episode.ts'
import type { Parts } from './parts.ts'

/** The next segment as the state keeps it, and a deed where the history cannot be written, which keeps no check from its work. */
export async function closeSegment(
  { host, paths }: Parts,
  { base, decision, look }: Episode,
  key: string,
): Promise<{ readonly segment: Segment & { readonly key: string }; readonly deeds: readonly Deed[] }> {
  const before = isSegment(base?.segment) ? base.segment : undefined
  const deeds = before === undefined ? [] : await keepSegment(host, paths.history, before)
  return { segment: { ...beginSegment(before, decision, look.moment.clocks), key }, deeds }
}
