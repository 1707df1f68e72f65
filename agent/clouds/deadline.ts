/** What surrounds a call: its deadline, besides the caller's own signal, and whether the machine slept meanwhile. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Clocks } from '../types.ts'

interface Deadline {
  readonly ms: number
  readonly signal: AbortSignal
}

/** Clocks parted by more than this between two moments: the machine slept, or was set back, in between. */
const PARTED_MS = 5000

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

/** Did the machine sleep, or somebody set its clock, between two moments? */
export function parted(from: Clocks, to: Clocks): boolean {
  const monoMs = to.monoMs - from.monoMs
  const others = [to.wallMs - from.wallMs, to.bootMs - from.bootMs]
  return others.some((ms) => Math.abs(ms - monoMs) > PARTED_MS)
}

/** The process that was to send may be woken in another run of the machine, by the person who started it. */
export function runChanged(): CloudError {
  const message = 'this machine was stopped or slept while the call was being made, so it was not sent (again)'
  return new CloudError(message, { code: 'run-changed', retryable: true })
}
