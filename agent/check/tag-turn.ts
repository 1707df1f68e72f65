/**
 * When a machine writes its tags, where many share one account. A write that is throttled widens the window in which this
 * machine writes, a first try that is accepted narrows it a little; the moment in the window is drawn from the instance's id.
 * So a small account writes at once, and a large one spreads its storm after it has met one. Loaded where tags changed, or are waited for.
 */
import { longestTurnMs } from '../clouds/tags.ts'
import { drawn } from '../draw.ts'
import { CloudError } from '../errors.ts'
import type { TagMirror } from '../state.ts'
import type { Clocks, Moment } from '../types.ts'
import type { Episode } from './episode.ts'
import type { Parts } from './parts.ts'

/** The first window in check intervals, and by how much a window grows. */
const WIDER = 8
/** What another try has at least, as part of the window. */
const LEAST_LEFT = 1 / 8
/**
 * 34 writes that are accepted at the first try halve a window of hours, in which one in a hundred is throttled where it neither grows nor shrinks;
 * 7 halve a shorter one, so that a small account is done with it within days.
 */
const NARROWER = { hours: 0.98, minutes: 0.9 }
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Longest second and later wait after failures that pass by themselves, in check intervals; less where that is longer than any turn is waited for. */
const SECOND = 4
const OUTAGE = 9

/** A check so long after the one before, in check intervals, is one of the schedule. */
const SCHEDULED = 3 / 4
/** A turn in this interval comes a little early, so that none lies so near its end that it is left to the next check, which is everybody's. */
const EARLY = 7 / 8

/** Who waits, since when, and how often it checks. */
export interface Waiting {
  readonly id: string
  readonly moment: Moment
  readonly intervalMs: number
  /** The configured window; 0 where none is. A longer one that was learned takes its place. */
  readonly windowMs: number
  /** Before a stop, when no turn is waited for: what comes of it tells nothing of the window. */
  readonly urgent?: boolean
}

/** The mirror with the moment at which what has changed now is to be written; as it was where that is known, or nothing has to be spread. */
export function withTurn(mirror: TagMirror, { id, moment, windowMs }: Waiting): TagMirror {
  const known = mirror.notBeforeBootMs !== undefined && sameBoot(mirror, moment)
  const spreadMs = Math.max(windowMs, mirror.spreadMs ?? 0)
  if (spreadMs === 0 || known) return mirror
  const sinceBootMs = Math.round(moment.clocks.bootMs)
  return {
    ...mirror,
    sinceBootMs,
    ...after(Math.min(longestTurnMs, spreadMs) * drawn(keyOf(id, moment.clocks)), moment),
  }
}

/** What is remembered of a window after a first try that was accepted: less than one interval needs none. */
export function narrowed({ spreadMs = 0 }: TagMirror, intervalMs: number): Pick<TagMirror, 'spreadMs'> {
  const was = Math.min(longestTurnMs, spreadMs)
  const next = Math.round(was * (was > HOUR_MS ? NARROWER.hours : NARROWER.minutes))
  return next < intervalMs ? {} : { spreadMs: next }
}

/**
 * When a write that failed is tried again, and what it tells of the window. A single failure of another kind than throttling is tried again
 * before the next check, or by it; nothing is before the cloud wants to be asked again.
 */
export function afterFailure(mirror: TagMirror, error: unknown, waiting: Waiting): Partial<TagMirror> {
  const { moment } = waiting
  const share = drawn(keyOf(waiting.id, moment.clocks))
  const { ms, ...learned } = nextTry(mirror, error, { ...waiting, share })
  const askedMs = error instanceof CloudError ? error.retryAfterMs : undefined
  // Many may have been asked to wait at once.
  const least = askedMs === undefined ? 0 : askedMs / EARLY + share * MINUTE_MS
  return { failures: mirror.failures + 1, ...learned, ...after(Math.max(ms, least), moment) }
}

function nextTry(
  mirror: TagMirror,
  error: unknown,
  { moment, intervalMs, windowMs, urgent = false, share }: Waiting & { readonly share: number },
): { readonly ms: number } & Pick<TagMirror, 'spreadMs' | 'sinceBootMs'> {
  const outageMs = Math.min(OUTAGE * intervalMs, longestTurnMs - intervalMs)
  if (error instanceof CloudError && error.throttled && !urgent) {
    // Out of an outage everybody comes at once, which tells nothing of the account's usual storms.
    if (mirror.failures > 0 && mirror.sinceBootMs === undefined) return { ms: outageMs * share }
    const spreadMs = Math.min(longestTurnMs, WIDER * Math.max(intervalMs, windowMs, mirror.spreadMs ?? 0))
    const now = Math.round(moment.clocks.bootMs)
    const sinceBootMs = sameBoot(mirror, moment) ? Math.min(mirror.sinceBootMs ?? now, now) : now
    const left = Math.max(sinceBootMs + spreadMs - now, spreadMs * LEAST_LEFT)
    return { ms: left * share, spreadMs, sinceBootMs }
  }
  const lasting = error instanceof CloudError && !error.retryable
  if (lasting)
    return { ms: mirror.failures === 0 ? 0 : Math.min(HOUR_MS, intervalMs * 2 ** Math.min(mirror.failures, 20)) }
  // The first waits part the machines; from then on as many of them try in every minute, and so do when the outage ends.
  const first = [intervalMs, Math.min(SECOND * intervalMs, outageMs)][mirror.failures]
  return { ms: first === undefined ? outageMs + (share - 0.5) * intervalMs : first * share }
}

/** Milliseconds to wait before tags are written, if that is before the next check; else 0, as on the machine's way down. */
export function turnBeforeNext({ host, policy }: Parts, { mirror, look, decision, state, overtaken }: Episode): number {
  // Between two others, by hand, the next check is near.
  const { newRun, ms: sinceLast } = decision.interval
  const between = !newRun && sinceLast < SCHEDULED * policy.checkIntervalMs
  if (between) return 0
  if (overtaken === true || state.run.ended || !policy.enabled) return 0
  const ms = turnIn(mirror, { ...look.moment, clocks: host.clocks() })
  return ms < policy.checkIntervalMs ? Math.round(ms * EARLY) : 0
}

/** Milliseconds until tags may be written; 0 where nothing is waited for. */
export function turnIn({ notBeforeBootMs, bootId }: TagMirror, { clocks, identity }: Moment): number {
  if (notBeforeBootMs === undefined || bootId !== identity.bootId) return 0
  const ms = notBeforeBootMs - clocks.bootMs
  return ms > 0 && ms <= longestTurnMs ? ms : 0
}

function sameBoot({ bootId }: TagMirror, { identity }: Moment): boolean {
  return bootId === identity.bootId
}

function after(ms: number, { clocks, identity }: Moment): Pick<TagMirror, 'notBeforeBootMs' | 'bootId'> {
  return { notBeforeBootMs: Math.round(clocks.bootMs + ms), bootId: identity.bootId }
}

function keyOf(id: string, { wallMs }: Clocks): string {
  return `${id} ${wallMs}`
}
