/** Asks `ss` of iproute2 for TCP connections where no steady check does; sockets.ts asks for those of ssh by itself. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'

/** What ss printed, or why nothing is known. */
export type SsAnswer =
  | { readonly text: string }
  | { readonly text?: undefined; readonly problem: 'no ss here' | 'ss failed' | 'ss has more to say than is read' }

/**
 * Asks for the connections that `filter` lets through. Throws if it hangs.
 */
export async function askSs(
  host: Host,
  filter: readonly string[],
  limits: Parameters<Host['run']>[1],
): Promise<SsAnswer> {
  try {
    // One line a socket (-O), TCP_INFO (-i), inode (-e), numbers (-n), no heading (-H).
    const answer = await host.run(['ss', '-tinOHe', ...filter], limits)
    if (answer?.status === 0) return { text: answer.stdout }
    return { problem: answer === undefined ? 'no ss here' : 'ss failed' }
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge)
      return { problem: 'ss has more to say than is read' }
    throw error
  }
}
