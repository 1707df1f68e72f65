/** Bytes per TCP connection, as `ss` of iproute2 tells them; /proc/net/tcp has none. */
import { HostError } from '../errors.ts'
import type { CommandResult, Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import type { Instant } from '../types.ts'
import { hasCounters, quietOf, ssCount, ssLines } from './counts.ts'

/** One established connection. */
export interface Socket {
  readonly sent: number
  readonly received: number
  /** Milliseconds since data last went either way; `undefined` where `ss` does not say. */
  readonly quietMs?: number
}

/** One line a socket (-O), TCP_INFO (-i), inode (-e), numbers (-n), no heading (-H). */
const command = ['ss', '-tinOHe', 'state', 'established']

/**
 * Parses the output of `ss -tinOHe` by inode. A field that is 0 is left out by ss. Where the kernel does not answer it,
 * lines have `rto` and `cwnd` and no bytes: `undefined`, not 0. Throws if a line is not understood, or has no counters at all.
 */
export function parseSockets(text: string): ReadonlyMap<number, Socket> | undefined {
  const sockets = new Map<number, Socket>()
  for (const { line } of ssLines(text)) {
    const ino = ssCount(line, 'ino')
    if (ino === undefined) continue // of another network namespace's leftovers, or being closed: nobody's
    if (!hasCounters(line)) {
      if (/ (rto|cwnd):/.test(line)) return undefined
      throw new Error('ss shows a connection without its counters')
    }
    // bytes_sent is absent before iproute2 5.0; bytes_acked is there and at most one too high.
    const sent = ssCount(line, 'bytes_sent') ?? ssCount(line, 'bytes_acked') ?? 0
    sockets.set(ino, { sent, received: ssCount(line, 'bytes_received') ?? 0, ...quietOf(line) })
  }
  return sockets
}

/** Both questions together may take so long, in milliseconds. */
const TOTAL_MS = 3000

/** Established connections that `filter` lets through, by inode; `undefined` as with `readSockets`. `within`: a command that runs another one, in another network namespace. */
export async function askSockets(
  host: Host,
  filter: readonly string[],
  {
    until,
    signal,
    within = [],
  }: { readonly until: Instant; readonly signal: AbortSignal; readonly within?: readonly string[] },
): Promise<ReadonlyMap<number, Socket> | undefined> {
  const timeoutMs = Math.max(1, Math.ceil(until - host.clocks().monoMs))
  let result: CommandResult | undefined
  try {
    result = await host.run([...within, ...command, ...filter], { timeoutMs, maxBytes: 2_000_000, signal })
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge) return undefined
    throw error
  }
  return result === undefined || result.status !== 0 ? undefined : parseSockets(result.stdout)
}

/**
 * Established connections by inode, at least those in `wanted` where they exist: port 22 first, since the kernel filters
 * cheaply and a busy server has thousands, everything only if somebody is missing. `undefined` if `ss` is not there, knows
 * not these options, gets no bytes from the kernel, or has more to say than is read: any user can open as many connections.
 * Throws if it hangs.
 */
export async function readSockets(
  host: Host,
  wanted: readonly (readonly number[])[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Socket> | undefined> {
  const asking = { until: host.clocks().monoMs + TOTAL_MS, signal }
  const usual = await askSockets(host, ['sport', '=', ':22'], asking)
  if (usual === undefined || wanted.every((inodes) => inodes.length === 0 || inodes.some((ino) => usual.has(ino))))
    return usual
  return await askSockets(host, [], asking)
}
