/** Judges two looks at the GPUs: any of them that worked, cannot be told, or is held decides. Pure. */

import type { Culprit } from '../types/culprit.ts'
import type { Options } from '../types/options.ts'
import type { Reading } from '../types.ts'
import { grown, secondsOf } from './counts.ts'
import type { Gpu, GpuSample } from './gpu-sample.ts'
import type { Context } from './sensor.ts'
import { counted, duration } from './words.ts'

export const gpuOptions = {
  percent: {
    type: 'number',
    default: 5,
    min: 0,
    max: 100,
    unit: 'percent',
    about: 'any GPU, or its encoder or decoder, that is busy for more than this share of the time is activity',
  },
  window_minutes: {
    type: 'number',
    default: 15,
    min: 0,
    max: 1440,
    unit: 'minutes',
    about:
      'how long a GPU that was busy can hold the machine where its use is not accounted: work in bursts may lie between two looks',
  },
  memory_hold_minutes: {
    type: 'number',
    default: 60,
    min: 0,
    max: 10_080,
    unit: 'minutes',
    about: 'how long a program on a GPU that does not work can hold the machine, from the last real activity',
  },
} as const satisfies Options

type GpuContext = Context<typeof gpuOptions>
type Of<K extends Reading['kind']> = Extract<Reading, { kind: K }>

/** Memory that nobody takes for nothing: a desktop or a driver alone takes up to some hundred MiB. */
const HELD_MIB = 512

/** How much of the interval the GPU worked, by the best source, and how that is known. */
function worked(now: Gpu, before: Gpu | undefined, { span, limits }: GpuContext): Of<'active'> | undefined {
  const shares: readonly (readonly [percent: number | undefined, how: string])[] = [
    [now.busy, 'is busy'],
    // A look tells of its own moment: work that goes on at the beginning of the interval ended somewhere within it.
    [before?.busy, 'was busy at the last look'],
    [endedShare(now, before, span.ms), 'was kept busy by programs that have ended'],
    [newShare(now, before), 'was kept busy by a new program'],
  ]
  for (const [percent, how] of shares) {
    if (percent === undefined || percent <= limits.percent) continue
    const value = Math.round(percent)
    const reason = `${now.name} ${how}: ${value} %, limit ${limits.percent} %`
    return { kind: 'active', reason, value, unit: 'percent', limit: limits.percent, ...culpritOf(now) }
  }
  return rose(now, before)
    ? { kind: 'active', reason: `${now.name}: a program on it did more than before`, ...culpritOf(now) }
    : undefined
}

/** Of several programs nobody can tell which it was. */
function culpritOf({ pid }: Gpu): { readonly by?: Culprit } {
  return pid === undefined ? {} : { by: { pid } }
}

/** What programs that ended since the last look had used in all their life, as a percentage of the interval: 100 and more for one that ran before it, too. */
function endedShare({ accounts: now }: Gpu, before: Gpu | undefined, ms: number): number | undefined {
  const old = before?.accounts
  if (now === undefined || old === undefined) return undefined
  const cleared = now.ended < old.ended || now.endedBusyMs < old.endedBusyMs
  const busyMs = grown(now.endedBusyMs, cleared ? 0 : old.endedBusyMs, 'accounted use')
  return busyMs / (10 * secondsOf(ms))
}

/** The highest share of its life of a program that began to run since the last look. */
function newShare({ accounts: now }: Gpu, before: Gpu | undefined): number | undefined {
  const old = before?.accounts
  if (now === undefined || old === undefined) return undefined
  const known = new Set(old.running.map(([pid]) => pid))
  return Math.max(0, ...now.running.filter(([pid]) => !known.has(pid)).map(([, percent]) => percent))
}

/** An average over a program's life that rises: it did more in this interval than before. That it falls, or stays the same whole percentage, shows nothing. */
function rose({ accounts: now }: Gpu, before: Gpu | undefined): boolean {
  const old = new Map(before?.accounts?.running)
  return now?.running.some(([pid, percent]) => percent > (old.get(pid) ?? 100)) === true
}

/** Weak evidence: a program or memory on it at either end of the interval, or work before it that may go on in bursts. */
function held(now: Gpu, before: Gpu | undefined, { span, limits }: GpuContext): Of<'hold'> | undefined {
  const programs = Math.max(now.programs ?? 1, before?.programs ?? 0)
  const memory = now.memoryMib ?? 0
  const used = programs > 0 || memory >= HELD_MIB || (now.encoders ?? 0) > 0
  const windowMs = limits.window_minutes * 60_000
  const last = now.peaks.findLast(([, percent]) => percent > limits.percent)?.[0] ?? Number.NEGATIVE_INFINITY
  const lately = !covered(now, before) && span.now.monoMs - last < windowMs
  if (lately && (!used || limits.window_minutes > limits.memory_hold_minutes)) {
    const reason = `${now.name} was busy ${duration(span.now.monoMs - last)} ago, and its use is not accounted`
    return { kind: 'hold', reason, evidence: 'gpu-work', limitMinutes: limits.window_minutes }
  }
  if (!used) return undefined
  const reason = `${now.name}: ${usedBy(now, programs)}${workOf(now)}`
  return { kind: 'hold', reason, evidence: 'gpu-memory', limitMinutes: limits.memory_hold_minutes }
}

function usedBy({ programs: told, memoryMib, encoders = 0 }: Gpu, programs: number): string {
  const parts = [
    told === undefined ? 'perhaps a program' : programs > 0 ? counted(programs, 'program') : '',
    encoders > 0 ? counted(encoders, 'encoded stream') : '',
    memoryMib === undefined ? '' : `${size(memoryMib)} taken`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function size(mib: number): string {
  return mib < 1024 ? `${mib} MiB` : `${(mib / 1024).toFixed(1)} GiB`
}

function workOf({ busy, mig, accounting }: Gpu): string {
  if (mig === true) return '; split into instances (MIG), which hides how busy it is'
  return `${busy === undefined ? '' : `, ${busy} % busy`}${accounting === 'off' ? ', not accounted' : ''}`
}

/** Is every program that ran in the interval accounted? */
function covered({ accounts: now }: Gpu, before: Gpu | undefined): boolean {
  const old = before?.accounts
  return now !== undefined && old !== undefined && !now.full && now.ended >= old.ended
}

function blind(now: Gpu, before: Gpu | undefined): Reading | undefined {
  if (now.problem !== undefined) return { kind: 'unknown', reason: `${now.name}: ${now.problem}` }
  const never = before?.problem !== undefined && before.last === undefined
  return never ? { kind: 'unknown', reason: `${now.name} could not be read before` } : undefined
}

function judgeOne(now: Gpu, before: Gpu | undefined, context: GpuContext): Reading {
  const { limits } = context
  if (now.undriven === true) return { kind: 'idle', reason: `${now.name} has no driver: nothing can use it` }
  const last = before?.problem === undefined ? before : before.last
  const known = last?.undriven === true ? undefined : last
  return worked(now, known, context) ?? blind(now, before) ?? held(now, known, context) ?? unused(now, limits.percent)
}

/** Nothing is on it. A GPU split into instances does not tell how busy it is, and no figure stands in for that. */
function unused({ name, busy }: Gpu, limit: number): Reading {
  if (busy === undefined) return { kind: 'idle', reason: `${name}: no program on it; how busy it is is not told` }
  const reason = `${name}: ${busy} % busy, limit ${limit} %, no program on it`
  return { kind: 'idle', reason, value: busy, unit: 'percent', limit }
}

/** What is wrong with all of them alike: the driver, not a GPU. */
function commonProblem({ gpus }: GpuSample): string | undefined {
  const problem = gpus[0]?.problem
  return gpus.every((one) => one.problem === problem) ? problem : undefined
}

const rank: Readonly<Record<Reading['kind'], number>> = { active: 4, unknown: 3, hold: 2, idle: 1, absent: 0 }

/** The strongest reading; of several the one with the longest hold or the highest figure. */
function stronger(a: Reading, b: Reading): Reading {
  if (rank[a.kind] !== rank[b.kind]) return rank[a.kind] > rank[b.kind] ? a : b
  if (a.kind === 'hold' && b.kind === 'hold') return b.limitMinutes > a.limitMinutes ? b : a
  return (b.value ?? -1) > (a.value ?? -1) ? b : a
}

/** Any GPU decides: one that worked, else one that cannot be told, else one that is held. */
export function judgeGpus(now: GpuSample, before: GpuSample, context: GpuContext): Reading {
  const gone = before.gpus.find(({ id }) => !now.gpus.some((one) => one.id === id))
  const readings = now.gpus.map((gpu) =>
    judgeOne(
      gpu,
      before.gpus.find(({ id }) => id === gpu.id),
      context,
    ),
  )
  if (gone !== undefined) readings.push({ kind: 'unknown', reason: `${gone.name} has gone since the last check` })
  const [first, ...rest] = readings
  if (first === undefined) return { kind: 'absent', reason: 'no GPU of NVIDIA or AMD' }
  const common = commonProblem(now)
  const strongest = rest.reduce(stronger, first)
  if (strongest.kind === 'unknown' && common !== undefined) return { ...strongest, reason: common }
  if (strongest.kind !== 'idle' || readings.length === 1) return strongest
  return {
    ...strongest,
    reason: `${readings.length} GPUs, none busy over ${context.limits.percent} %, no program on them`,
  }
}
