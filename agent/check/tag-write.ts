/** Writes the tags that changed, or says when: what a steady check does without. */
import { type Deed, recordDeed } from '../audit.ts'
import { tagKey, writtenTags } from '../clouds/tags.ts'
import { messageOf } from '../errors.ts'
import { saveState, type TagMirror } from '../state.ts'
import type { StateTags } from '../types.ts'
import type { Parts } from './parts.ts'
import type { Synced, Wanted } from './tag-sync.ts'
import { afterFailure, narrowed, turnIn, withTurn } from './tag-turn.ts'
import { within } from './within.ts'

/** A check with nothing to do ends within 10 s, whatever hangs: a look that was slow leaves a write less time, and this much at least. */
const CHECK_MS = 9_000
const LEAST_MS = 1_000

/** What is to be written, by which instance, and what the cloud is known to show of it. */
interface Change extends Wanted {
  readonly id: string
  readonly known: StateTags | undefined
}

/** One call, where it is this machine's turn or the tags are urgent. Never throws for the cloud. */
export async function writeTags(parts: Parts, mirror: TagMirror, wanted: Change): Promise<Synced> {
  const { id, known } = wanted
  const { tags } = wanted.state
  const { moment } = wanted.look
  const urgent = wanted.urgent && (tags.IdleAction !== '' || isUnderWay(known))
  const windowMs = parts.settings.tagWindowMs ?? 0
  const waiting = { id, moment, urgent, intervalMs: parts.policy.checkIntervalMs, windowMs }
  if (!urgent) {
    // A stop that nobody answered is tried again at its own moment, and writes what failed before.
    if (mirror.failures > 0 && awaitsStop(wanted)) return { mirror }
    const turn = withTurn(mirror, waiting)
    if (turnIn(turn, moment) > 0) return { mirror: turn }
  }
  if (known !== undefined && wanted.base !== undefined) {
    // A crash between the write and the save must not leave a memory of tags that are no longer there.
    await saveState(parts.host, parts.paths.state, { ...wanted.base, mirror: unsure(mirror) })
  }
  const error = await write(parts, { ...wanted, urgent })
  const said: Deed =
    error === undefined
      ? { action: 'tag', result: 'done', detail: changedKeys(known, tags).join(' ') }
      : { action: 'tag', result: 'failed', detail: messageOf(error) }
  const deed = await recordDeed(parts.host, parts.paths.audit, said)
  if (error !== undefined)
    return {
      mirror: { ...unsure(mirror), instanceId: id, ...afterFailure(mirror, error, waiting) },
      deed,
    }
  return { mirror: { written: tags, instanceId: id, failures: 0, ...spreadAfter(mirror, waiting) }, deed }
}

/** Does the cloud say that it is being stopped? In its turn that would be taken back after the next try, which says it again. */
function isUnderWay(shown: StateTags | undefined): boolean {
  return shown?.IdleAction === 'hibernating' || shown?.IdleAction === 'stopping'
}

function awaitsStop({ state, look }: Change): boolean {
  const { silences, retryAt = 0 } = state.attempt
  return silences !== undefined && retryAt > look.moment.clocks.monoMs
}

/** Only a first try at its own moment tells that the window is wide enough. */
function spreadAfter(
  mirror: TagMirror,
  { urgent, intervalMs }: { readonly urgent: boolean; readonly intervalMs: number },
): Pick<TagMirror, 'spreadMs'> {
  const { spreadMs } = mirror
  if (!urgent && mirror.failures === 0) return narrowed(mirror, intervalMs)
  return spreadMs === undefined ? {} : { spreadMs }
}

/** A write that failed may have been executed all the same: what the cloud shows is not known any more. */
function unsure(mirror: TagMirror): TagMirror {
  const { written: _, ...rest } = mirror
  return rest
}

/** Gives back what went wrong. */
async function write(parts: Parts, { state: { tags }, urgent, look }: Change): Promise<unknown> {
  const keyed = Object.fromEntries(writtenTags.map((name) => [tagKey(parts.settings.tagPrefix, name), tags[name]]))
  try {
    const lookedMs = look.moment.clocks.monoMs - look.sampledAt.monoMs
    const ms = Math.max(LEAST_MS, Math.min(urgent ? 4_000 : 8_000, Math.round(CHECK_MS - lookedMs)))
    const limit = { ms, what: 'tags' }
    await within(parts.host, limit, (signal) => parts.cloud.writeTags(keyed, signal))
    return undefined
  } catch (error) {
    return error
  }
}

function changedKeys(was: StateTags | undefined, is: StateTags): readonly string[] {
  const before = new Map(Object.entries(was ?? {}))
  return Object.entries(is).flatMap(([name, value]) => (before.get(name) === value ? [] : [`${name}=${value}`]))
}
