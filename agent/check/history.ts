/** Where a check says something else than the one before: the segment that it ends goes to the history, and another begins. */
import type { Deed } from '../audit.ts'
import { beginSegment, isSegment } from '../history/segment.ts'
import { keepSegment } from '../history.ts'
import type { Segment } from '../types/cause.ts'
import type { Parts } from './parts.ts'
import type { Said } from './segment.ts'

/** The next segment as the state keeps it, and a deed where the history cannot be written, which keeps no check from its work. */
export async function closeSegment(
  { host, paths }: Pick<Parts, 'host' | 'paths'>,
  stored: unknown,
  { key, decision, now }: Said,
): Promise<{ readonly segment: Segment & { readonly key: string }; readonly deeds: readonly Deed[] }> {
  const before = isSegment(stored) ? stored : undefined
  const deeds = before === undefined ? [] : await keepSegment(host, paths.history, before)
  return { segment: { ...beginSegment(before, decision, now), key }, deeds }
}
