/** Something that is certain to run soon, and the veto that waits for it. */
import type { Veto } from '../types.ts'
import { timeInWords } from '../words.ts'
import { ceiling, untilWords } from './ends.ts'
import type { VetoContext } from './veto.ts'

/**
 * From its time until it is no longer waited for: the check after that has an interval in which it ran for at least a
 * minute, and judges what it does.
 */
export const runningMs = 60_000

/** A run: when on the wall clock, and whose or which, without anybody's words. */
export interface Run {
  readonly wallMs: number
  readonly what: string
}

/** A check is as late as this, at most, where the schedule runs. */
const lateMs = 30_000

/**
 * What runs at least so often is measured by what it does, and not waited for: a check has to fall between a minute after
 * one run and the horizon before the next, or all of them would wait.
 */
export function frequentMs({ horizonMs, intervalMs }: VetoContext): number {
  return horizonMs + runningMs + intervalMs + lateMs
}

/** Is it due within the horizon, or has it only just begun? */
export function isDue({ now, horizonMs }: VetoContext, wallMs: number): boolean {
  return horizonMs > 0 && wallMs > now.wallMs - runningMs && wallMs <= now.wallMs + horizonMs
}

/** The veto for a run that is due; none where it is not, or where such vetoes have held up to the ceiling already. */
export function dueVeto(context: VetoContext, name: string, run: Run): readonly Veto[] {
  const { now } = context
  if (!isDue(context, run.wallMs)) return []
  const ran = now.monoMs + run.wallMs - now.wallMs + runningMs
  const until = Math.min(ran, ceiling(context, now.monoMs))
  if (until <= now.monoMs) return []
  const reason = `${run.what} is due at ${timeInWords(run.wallMs, now.wallMs)}; it is waited for ${untilWords(until, now)}`
  return [{ name, reason, until }]
}
