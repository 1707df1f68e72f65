/** Keeps the cloud's tags in step with the state: written when they change, all in one call, never in the way of an action. */
import { type Deed, recordDeed } from '../audit.ts'
import { longestTurnMs, tagKey, writtenTags } from '../clouds/tags.ts'
import { messageOf } from '../errors.ts'
import { type Stored, saveState, type TagMirror } from '../state.ts'
import type { Moment, StateTags } from '../types.ts'
import type { Episode } from './episode.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

/** A check with nothing to do ends within 10 s, whatever hangs: a look that was slow leaves a write less time, and this much at least. */
const CHECK_MS = 9_000
const LEAST_MS = 1_000
/** A check so long after the one before, in check intervals, is one of the schedule. */
const OF_INTERVAL = 3 / 4

interface Wanted {
  readonly tags: StateTags
  readonly look: Pick<Look, 'moment' | 'sampledAt'>
  /** True just before an action, and after one that came to nothing: earlier failures do not postpone what is said of it. */
  readonly urgent: boolean
  /** What the disk holds now. */
  readonly base: Stored | undefined
}

/** Writes the tags if the cloud shows others. Never throws for the cloud; the mirror says what is known to be there. */
export async function syncTags(
  parts: Parts,
  given: TagMirror,
  wanted: Wanted,
): Promise<{ readonly mirror: TagMirror; readonly deed?: Deed }> {
  const { tags } = wanted
  const { moment } = wanted.look
  const id = moment.identity.instanceId
  if (!parts.policy.enabled || id === undefined) return { mirror: given }
  // What another instance had to wait for, of which this one is a copy, does not bind it.
  const own = given.instanceId === undefined || given.instanceId === id
  const mirror = inWindow(own ? given : { failures: 0 }, parts.settings.tagWindowMs)
  const known = mirror.instanceId === id ? mirror.written : undefined
  if (known !== undefined && same(known, tags)) return { mirror: withoutTurn(mirror) }
  const urgent = wanted.urgent && (tags.IdleAction !== '' || isUnderWay(known))
  const waiting = { id, moment, urgent, intervalMs: parts.policy.checkIntervalMs }
  if (!urgent) {
    // A stop that nobody answered is tried again at its own moment, and writes what failed before.
    if (mirror.failures > 0 && awaitsStop(wanted)) return { mirror }
    const turn = mirror.spreadMs === undefined ? mirror : (await turns()).withTurn(mirror, waiting)
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
      mirror: { ...unsure(mirror), instanceId: id, ...(await turns()).afterFailure(mirror, error, waiting) },
      deed,
    }
  const spread = mirror.spreadMs === undefined ? {} : await spreadAfter(mirror, waiting)
  return { mirror: { written: tags, instanceId: id, failures: 0, ...spread }, deed }
}

/** The window is the configured one, unless a longer one was learned. */
function inWindow(mirror: TagMirror, configuredMs = 0): TagMirror {
  return configuredMs > (mirror.spreadMs ?? 0) ? { ...mirror, spreadMs: configuredMs } : mirror
}

/** Does the cloud say that it is being stopped? In its turn that would be taken back after the next try, which says it again. */
function isUnderWay(shown: StateTags | undefined): boolean {
  return shown?.IdleAction === 'hibernating' || shown?.IdleAction === 'stopping'
}

function awaitsStop({ base, look }: Wanted): boolean {
  const { silences, retryAt = 0 } = base?.state.attempt ?? {}
  return silences !== undefined && retryAt > look.moment.clocks.monoMs
}

function turns() {
  return import('./tag-turn.ts')
}

/** Only a first try at its own moment tells that the window is wide enough. */
async function spreadAfter(
  mirror: TagMirror,
  { urgent, intervalMs }: { readonly urgent: boolean; readonly intervalMs: number },
): Promise<Pick<TagMirror, 'spreadMs'>> {
  const { spreadMs } = mirror
  if (!urgent && mirror.failures === 0) return (await turns()).narrowed(mirror, intervalMs)
  return spreadMs === undefined ? {} : { spreadMs }
}

/** What was to be written is there, or is not wanted any more: the next change has a moment of its own. */
function withoutTurn(mirror: TagMirror): TagMirror {
  if (mirror.notBeforeBootMs === undefined) return mirror
  const { notBeforeBootMs: _, bootId: __, sinceBootMs: ___, ...rest } = mirror
  return rest
}

/** A write that failed may have been executed all the same: what the cloud shows is not known any more. */
function unsure(mirror: TagMirror): TagMirror {
  const { written: _, ...rest } = mirror
  return rest
}

/** Gives back what went wrong. */
async function write(parts: Parts, { tags, urgent, look }: Wanted): Promise<unknown> {
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

/** Milliseconds until tags are to be written, if that is before the next check; else 0, as where nothing was stored, and on the machine's way down. */
export function turnBeforeNext({ host, policy }: Parts, { mirror, look, decision, state, overtaken }: Episode): number {
  // Nearly always: nobody waits. Nor between two others, by hand, where the next check is near.
  const { newRun, ms: sinceLast } = decision.interval
  const between = !newRun && sinceLast < OF_INTERVAL * policy.checkIntervalMs
  if (mirror.notBeforeBootMs === undefined || between) return 0
  if (!decision.store || overtaken === true || state.run.ended || !policy.enabled) return 0
  const ms = turnIn(mirror, { ...look.moment, clocks: host.clocks() })
  return ms < policy.checkIntervalMs ? ms : 0
}

/** Milliseconds until tags may be written; 0 where nothing is waited for. */
function turnIn({ notBeforeBootMs, bootId }: TagMirror, { clocks, identity }: Moment): number {
  if (notBeforeBootMs === undefined || bootId !== identity.bootId) return 0
  const ms = notBeforeBootMs - clocks.bootMs
  return ms > 0 && ms <= longestTurnMs ? ms : 0
}

function same(a: StateTags, b: StateTags): boolean {
  return changedKeys(a, b).length === 0
}

function changedKeys(was: StateTags | undefined, is: StateTags): readonly string[] {
  const before = new Map(Object.entries(was ?? {}))
  return Object.entries(is).flatMap(([name, value]) => (before.get(name) === value ? [] : [`${name}=${value}`]))
}
