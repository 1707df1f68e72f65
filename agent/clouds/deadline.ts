/** Gives a piece of work a deadline, besides the caller's own signal. */
import type { Host } from '../host/host.ts'

interface Deadline {
  readonly ms: number
  readonly signal: AbortSignal
}

/** Runs `work` with a signal that aborts after `ms` milliseconds or with the caller's; leaves no timer behind. */
export async function withDeadline<T>(
  host: Host,
  { ms, signal }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = host.deadline(ms)
  try {
    return await work(AbortSignal.any([signal, late.signal]))
  } finally {
    late.clear()
  }
}
