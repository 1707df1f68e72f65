/** Says in a reading who it was, and for how long they have been the cause. Loaded only where there is somebody to name. */
import type { Host } from '../host/host.ts'
import { who } from '../sensors/who.ts'
import { duration } from '../sensors/words.ts'
import type { Known } from '../state.ts'
import type { Culprit } from '../types/culprit.ts'
import type { Instant, Reading } from '../types.ts'
import { within } from './within.ts'

const WHO_MS = 1_000

type Active = Extract<Reading, { kind: 'active' }>

/** Of an interval that ends now: its length, and whom the check before named. */
export interface Since {
  readonly now: Instant
  readonly ms: number
  readonly before: Known | undefined
}

/** "0.97 cores for 2 min, limit 0.10": how long it lasts goes before the limit. */
function lasting(reason: string, ms: number): string {
  const end = reason.lastIndexOf(', limit ')
  const at = end < 0 ? reason.length : end
  return `${reason.slice(0, at)} for ${duration(ms)}${reason.slice(at)}`
}

/** The reading with its culprit, and what the next check has to know of them. Unchanged where they cannot be looked up. */
export async function attributed(
  host: Host,
  given: { readonly reading: Active; readonly by: Culprit },
  { now, ms, before }: Since,
): Promise<{ readonly reading: Active; readonly known?: Known }> {
  const { reading, by } = given
  try {
    const { key, words } = await within(host, { ms: WHO_MS, what: 'who it was' }, (signal) => who(host, by, signal))
    const known = { key, since: before?.key === key ? before.since : now - ms }
    // What is no rate happened at a moment.
    const text = reading.value === undefined ? reading.reason : lasting(reading.reason, now - known.since)
    const glue = by.named === true ? ', ' : ': '
    return { reading: { ...reading, reason: words === '' ? text : `${words}${glue}${text}` }, known }
  } catch (error) {
    if (error instanceof Error) return { reading }
    throw error
  }
}
