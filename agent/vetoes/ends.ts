/** When a veto ends: the bounds that no local user can move, and the words for them. */
import type { Clocks, Instant, Veto } from '../types.ts'
import { timeInWords } from '../words.ts'
import type { VetoContext } from './veto.ts'

/** Most vetoes that one source names; each of them says more than all the others could. */
const mostNamed = 8

/** When a file was last changed, on the monotonic clock; one from the future (the wall clock was set back since) counts as changed now. */
export function changedAt(mtimeMs: number, now: Clocks): Instant {
  return now.monoMs + Math.min(mtimeMs - now.wallMs, 0)
}

/**
 * The latest end of what others than root ask for: `keep.ceiling_hours` from when it was made, and from when the machine
 * was last in use, so that asking again and again gains nothing.
 */
export function ceiling(context: VetoContext, madeAt: Instant): Instant {
  const { now, idleSince, keepCeilingMs } = context
  return Math.min(madeAt, idleSince ?? now.monoMs, now.monoMs) + keepCeilingMs
}

/** `until 18:04 UTC`. */
export function untilWords(until: Instant, now: Clocks): string {
  return `until ${timeInWords(now.wallMs + until - now.monoMs, now.wallMs)}`
}

/** What to say of something that cannot be understood or read: it holds, up to its ceiling. Nothing once that is over. */
export function inDoubt(
  context: VetoContext,
  doubt: { readonly name: string; readonly reason: string; readonly madeAt: Instant },
): readonly Veto[] {
  const until = ceiling(context, doubt.madeAt)
  if (until <= context.now.monoMs) return []
  const { name, reason } = doubt
  return [{ name, reason: `${reason}; it holds ${untilWords(until, context.now)} at the latest`, until }]
}

/** As many vetoes as anybody reads; the one that ends last, or never, is among them. */
export function fewest(vetoes: readonly Veto[]): readonly Veto[] {
  const last = (veto: Veto): number => veto.until ?? Number.POSITIVE_INFINITY
  const sorted = [...vetoes].sort((a, b) => (last(a) < last(b) ? 1 : last(a) > last(b) ? -1 : 0))
  return sorted.slice(0, mostNamed)
}
