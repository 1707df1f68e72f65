/** A deadline for whatever asks the outside. */
import type { Host } from '../host/host.ts'

/** Runs `work` with a deadline of `ms`. Throws Error naming `what` when it passes. */
export async function within<T>(
  host: Host,
  limit: { readonly ms: number; readonly what: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = host.deadline(limit.ms, limit.what)
  const passed = new Promise<never>((_, reject) => {
    deadline.signal.addEventListener('abort', () =>
      reject(new Error(`${limit.what}: no answer within ${limit.ms / 1000} s`)),
    )
  })
  try {
    return await Promise.race([work(deadline.signal), passed])
  } finally {
    deadline.clear()
  }
}
