/** Keeps the cloud's tags in step with the state: written when they change, all in one call, never in the way of an action. */
import { type Deed, recordDeed } from '../audit.ts'
import { tagKey, writtenTags } from '../clouds/tags.ts'
import { messageOf } from '../errors.ts'
import { type Stored, saveState, type TagMirror } from '../state.ts'
import type { Moment, StateTags } from '../types.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

const RETRY_CEILING_MS = 3_600_000
/** A check with nothing to do ends within 10 s, whatever hangs: a look that was slow leaves a write less time, and this much at least. */
const CHECK_MS = 9_000
const LEAST_MS = 1_000

interface Wanted {
  readonly tags: StateTags
  readonly look: Pick<Look, 'moment' | 'sampledAt'>
  /** True just before an action: earlier failures do not postpone it. */
  readonly urgent: boolean
  /** What the disk holds now. */
  readonly base: Stored | undefined
}

/** Writes the tags if the cloud shows others. Never throws for the cloud; the mirror says what is known to be there. */
export async function syncTags(
  parts: Parts,
  mirror: TagMirror,
  wanted: Wanted,
): Promise<{ readonly mirror: TagMirror; readonly deed?: Deed }> {
  const { tags } = wanted
  const { moment } = wanted.look
  const id = moment.identity.instanceId
  if (!parts.policy.enabled || id === undefined) return { mirror }
  const known = mirror.instanceId === id ? mirror.written : undefined
  if (known !== undefined && same(known, tags)) return { mirror }
  if (!wanted.urgent && postponed(mirror, moment)) return { mirror }
  if (known !== undefined && wanted.base !== undefined) {
    // A crash between the write and the save must not leave a memory of tags that are no longer there.
    await saveState(parts.host, parts.paths.state, { ...wanted.base, mirror: unsure(mirror) })
  }
  const result = await write(parts, wanted)
  const done = result.result === 'done'
  const said = done ? { ...result, detail: changedKeys(known, tags).join(' ') } : result
  const deed = await recordDeed(parts.host, parts.paths.audit, said)
  return {
    mirror: done
      ? { written: tags, instanceId: id, failures: 0 }
      : { ...unsure(mirror), ...failed(parts, mirror, moment) },
    deed,
  }
}

/** A write that failed may have been executed all the same: what the cloud shows is not known any more. */
function unsure(mirror: TagMirror): TagMirror {
  const { written: _, ...rest } = mirror
  return rest
}

async function write(parts: Parts, { tags, urgent, look }: Wanted): Promise<Deed> {
  const keyed = Object.fromEntries(writtenTags.map((name) => [tagKey(parts.settings.tagPrefix, name), tags[name]]))
  try {
    const lookedMs = look.moment.clocks.monoMs - look.sampledAt.monoMs
    const ms = Math.max(LEAST_MS, Math.min(urgent ? 4_000 : 8_000, Math.round(CHECK_MS - lookedMs)))
    const limit = { ms, what: 'tags' }
    await within(parts.host, limit, (signal) => parts.cloud.writeTags(keyed, signal))
    return { action: 'tag', result: 'done', detail: '' }
  } catch (error) {
    return { action: 'tag', result: 'failed', detail: messageOf(error) }
  }
}

function failed(parts: Parts, mirror: TagMirror, moment: Moment): Partial<TagMirror> {
  const failures = mirror.failures + 1
  const wait =
    failures === 1 ? 0 : Math.min(RETRY_CEILING_MS, parts.policy.checkIntervalMs * 2 ** Math.min(failures - 1, 20))
  return { failures, notBeforeBootMs: moment.clocks.bootMs + wait, bootId: moment.identity.bootId }
}

function postponed(mirror: TagMirror, moment: Moment): boolean {
  const { notBeforeBootMs, bootId } = mirror
  return notBeforeBootMs !== undefined && bootId === moment.identity.bootId && moment.clocks.bootMs < notBeforeBootMs
}

function same(a: StateTags, b: StateTags): boolean {
  return changedKeys(a, b).length === 0
}

function changedKeys(was: StateTags | undefined, is: StateTags): readonly string[] {
  const before = new Map(Object.entries(was ?? {}))
  return Object.entries(is).flatMap(([name, value]) => (before.get(name) === value ? [] : [`${name}=${value}`]))
}
