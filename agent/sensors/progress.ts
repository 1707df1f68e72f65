/** Whether jobs get anywhere, and for how long that counts without anybody at their terminal. */
import type { Instant } from '../types.ts'
import { msPerTick } from './counts.ts'
import { broughtAlong } from './input.ts'
import type { Job } from './jobs.ts'
import type { Span } from './sensor.ts'
import { keyOf, type Terminal } from './terminals.ts'

/** An interpreter at its prompt sleeps until somebody types; one that runs a loop typed into it wakes this often, or more. */
const fewestWakes = 3

/**
 * A job that wakes less often, uses no CPU time, reads and writes nothing and starts nobody does not get on: a silent `docker exec`
 * wakes twice a minute, to collect garbage, an idle server of Node's as often. One that asks over the network every minute
 * uses a tick of CPU time in some ten minutes, which is progress.
 */
const fewestWakesPerMinute = 6

/** A member of a group that ended takes its counters along: a sum that fell is progress, too. */
function progressed(job: Job, old: Job, ms: number): boolean {
  if (job.prompt === true) return job.switches - old.switches >= fewestWakes
  if (old.ticks !== job.ticks || old.bytes !== job.bytes || old.newest !== job.newest) return true
  const wakes = job.switches - old.switches
  return wakes < 0 || wakes * 60_000 >= fewestWakesPerMinute * ms
}

/**
 * Is a job that has just begun progress? Somebody, or somebody's script, has started it on a terminal that was there or shows
 * that they came. One over ssh proves no more than its connection, one of a container that is new no more than its start.
 */
function begins(job: Job, broughtAlong: ReadonlySet<string>): boolean {
  return job.prompt !== true && job.tty !== undefined && !broughtAlong.has(job.on ?? '')
}

/** Jobs, their terminals, and when somebody typed last on any. */
interface Looked {
  readonly jobs: readonly Job[]
  readonly terminals: readonly Terminal[]
  readonly lastInput: Instant
}

/**
 * When somebody was last seen at its terminal, or where that cannot be looked at when its session began. Of a job with a
 * terminal, at any: whoever attaches to tmux, looks and detaches types on another one than the job's.
 */
function lastSeen(job: Job, { terminals, lastInput }: Looked, { now }: Span): Instant {
  const on = terminals.find((one) => keyOf(one) === job.on)
  const own = on?.since ?? now.monoMs - (now.bootMs - job.session * msPerTick)
  return job.tty === undefined ? own : Math.max(lastInput, own)
}

/** Jobs, those that got on since the sample before marked: one that is gone by the next check did so for a part of that interval, too. */
export function withProgress(
  { at, jobs }: { readonly at: Instant; readonly jobs: readonly Job[] },
  before: { readonly at: Instant; readonly jobs: readonly Job[] } | undefined,
): readonly Job[] {
  if (before === undefined) return jobs
  const earlier = byIdentity(before.jobs)
  return jobs.map((job) => {
    const old = earlier.get(identityOf(job))
    return old !== undefined && progressed(job, old, at - before.at) ? { ...job, moved: true as const } : job
  })
}

function identityOf({ pid, start }: Job): string {
  return `${pid}:${start}`
}

function byIdentity(jobs: readonly Job[]): ReadonlyMap<string, Job> {
  return new Map(jobs.map((job) => [identityOf(job), job]))
}

/** What jobs showed in an interval. */
export interface Progress {
  /** A job that made progress, or did until it ended. */
  readonly working?: Job
  /** One that makes progress by itself for so long, in milliseconds, that it proves nobody's need any more. */
  readonly unattended?: { readonly job: Job; readonly ms: number }
  /** One that made none. */
  readonly stuck?: Job
}

/** Judges all jobs; `limitMs` is how long progress counts after the last input on a terminal. */
export function judgeJobs(
  now: Looked,
  before: { readonly jobs: readonly Job[]; readonly terminals: readonly Terminal[] },
  { span, limitMs }: { readonly span: Span; readonly limitMs: number },
): Progress {
  const earlier = byIdentity(before.jobs)
  const present = byIdentity(now.jobs)
  const alone = broughtAlong(now.terminals, before.terminals)
  let result: Progress = {}
  for (const job of now.jobs) {
    const old = earlier.get(identityOf(job))
    const ms = span.now.monoMs - lastSeen(job, now, span)
    const moved = old === undefined ? begins(job, alone) : progressed(job, old, span.ms)
    if (!moved) result = job.prompt === true ? result : { stuck: job, ...result }
    else if (ms <= limitMs) return { working: job, ...result }
    else result = { unattended: { job, ms }, ...result }
  }
  const ended = before.jobs.find((job) => job.moved === true && !present.has(identityOf(job)))
  if (ended === undefined || span.now.monoMs - lastSeen(ended, now, span) > limitMs) return result
  return { working: ended, ...result }
}
