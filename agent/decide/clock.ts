/** What happened between the last stored check and this one: the table of kernel.md 4.2, first match wins. */
import type { Clocks, Interval, Moment, Policy, State } from '../types.ts'

/** Boot-time ahead of monotonic time by more than this is sleep. */
export const SLEPT_MS = 500
const STEP_MS = 1_000
const PAUSE_MS = 30_000
const GAP_SLACK_MS = 30_000
const CADENCE_CEILING_MS = 3_600_000

/** How two readings of the clocks differ. */
export interface Passed {
  readonly wallMs: number
  readonly bootMs: number
  readonly monoMs: number
  /** Time the machine slept and knows it: boot-time minus monotonic. */
  readonly sleptMs: number
  /** How far the wall clock was stepped: wall minus boot-time. */
  readonly steppedMs: number
}

export function passed(from: Clocks, to: Clocks): Passed {
  const wallMs = to.wallMs - from.wallMs
  const bootMs = to.bootMs - from.bootMs
  const monoMs = to.monoMs - from.monoMs
  return { wallMs, bootMs, monoMs, sleptMs: bootMs - monoMs, steppedMs: wallMs - bootMs }
}

/** The larger of the configured interval and the one observed over the last three checks, at most an hour. */
export function cadence(configuredMs: number, seenMs: readonly number[]): number {
  const observed = seenMs.length < 3 ? 0 : Math.min(...seenMs)
  return Math.max(configuredMs, Math.min(observed, CADENCE_CEILING_MS))
}

/** Longest distance between two checks that still counts as observed. */
export function gapLimit(intervalMs: number): number {
  return 2 * intervalMs + GAP_SLACK_MS
}

/**
 * How long a check may wait under the lock for its due time (kernel.md 5.2): 30 s where the threshold is a multiple of
 * the interval, else all but 10 s of an interval; never more than an interval.
 */
export function waitMax(intervalMs: number, thresholdMs: number): number {
  const multiple = thresholdMs % intervalMs === 0
  return Math.min(intervalMs, multiple ? 30_000 : Math.max(30_000, intervalMs - 10_000))
}

/** What an attempt that is answered takes at most: the next check should find the lock free. */
const ATTEMPT_MS = 20_000
/** A check that waits goes by the configuration of its beginning. */
const RETRY_MOST_MS = 10 * 60_000

/** How long a check may wait under the lock for the moment at which what was refused is tried again. */
export function retryMax({ checkIntervalMs, hibernateThresholdMs }: Policy): number {
  return Math.max(waitMax(checkIntervalMs, hibernateThresholdMs), Math.min(RETRY_MOST_MS, checkIntervalMs - ATTEMPT_MS))
}

/** Classifies the time since the last stored check. Pure. */
export function classify(state: State | undefined, now: Moment, configuredMs: number): Interval {
  if (state === undefined) return begins('first', 'first check: no earlier state')
  return (
    otherRun(state, now) ??
    otherClock(state, now, cadence(configuredMs, state.cadenceMs)) ?? {
      kind: 'steady',
      ms: passed(state.last, now.clocks).monoMs,
      newRun: false,
      covered: true,
      reason: 'steady',
    }
  )
}

/** Rows 1 to 4: the identity tells that this is another run of the machine. */
function otherRun(state: State, now: Moment): Interval | undefined {
  const was = state.identity
  const is = now.identity
  if (differ(was.instanceId, is.instanceId)) return begins('first', 'another instance: this disk was cloned')
  const since = passed(state.last, now.clocks)
  if (was.bootId !== is.bootId || since.bootMs < 0 || since.monoMs < 0) return begins('boot', 'booted')
  if (is.resumeStamp !== undefined && is.resumeStamp !== was.resumeStamp) {
    return begins('resume', 'resumed: the resume hook ran')
  }
  if (differ(was.startedAt, is.startedAt)) return begins('resume', 'resumed: the provider names a new start')
  if (was.startedAt === undefined && is.startedAt !== undefined) {
    return begins('resume', 'only now the provider tells when it was started, which may have been since')
  }
  const accepted = now.intent?.phase === 'accepted' && now.intent.runId === state.run.id
  if (state.run.ended || accepted) return begins('ended', 'running after a stop that was accepted')
  return undefined
}

/** Rows 5 to 10: the clocks tell that it was no ordinary interval. */
function otherClock(state: State, now: Moment, intervalMs: number): Interval | undefined {
  const since = passed(state.last, now.clocks)
  if (since.sleptMs > SLEPT_MS) return begins('resume', `resumed after ${Math.round(since.sleptMs / 1000)} s of sleep`)
  if (since.sleptMs < -SLEPT_MS) return begins('fault', 'clock fault: boot-time fell behind the monotonic clock')
  const unseenMs = longestUnseen(state, now)
  if (unseenMs > gapLimit(intervalMs)) {
    const reason = `nobody looked for ${Math.round(unseenMs / 1000)} s`
    return { kind: 'gap', ms: since.monoMs, newRun: false, covered: false, reason }
  }
  const started = now.identity.startedAt
  const sameStart = started !== undefined && started === state.identity.startedAt
  if (since.steppedMs > PAUSE_MS && !sameStart) {
    return begins('pause', 'the wall clock jumped ahead: a step, or a pause that no clock counted')
  }
  if (Math.abs(since.steppedMs) >= STEP_MS) {
    return { kind: 'step', ms: since.monoMs, newRun: false, covered: true, reason: 'the wall clock was stepped' }
  }
  if (since.monoMs < Math.min(2_000, intervalMs / 2)) {
    return { kind: 'merge', ms: since.monoMs, newRun: false, covered: true, reason: 'a second check within moments' }
  }
  return undefined
}

/** The longest time in which nobody looked: a check that waited for its due time has looked before it waited. */
function longestUnseen(state: State, now: Moment): number {
  const from = state.last.monoMs
  const between = now.lookedAt ?? from
  return Math.max(between - from, now.clocks.monoMs - between)
}

function begins(kind: Interval['kind'], reason: string): Interval {
  return { kind, ms: 0, newRun: true, covered: false, reason }
}

/** Both known and not the same. */
export function differ(was: string | undefined, is: string | undefined): boolean {
  return was !== undefined && is !== undefined && was !== is
}
