/** Whose connections carried the bytes: asked of `ss` only where there were many, since it costs a command. No steady check loads it. */
import type { Host } from '../host/host.ts'
import type { Culprit } from '../types/culprit.ts'
import { ssCount, ssLines } from './counts.ts'
import { ifPermitted } from './processes.ts'
import { askSs } from './ss.ts'

/** Bytes of one connection so far, both ways, by the inode of its socket. */
export type FlowBytes = readonly [ino: number, bytes: number]

/** What was found. */
export interface Flows {
  /** To compare with next time; those with the most. */
  readonly flows: readonly FlowBytes[]
  /** Who had at least half of the bytes; nobody where they went over many, over UDP, or over what has ended. */
  readonly owner?: Culprit
  /** Why nobody can be named, where `ss` did not answer. */
  readonly problem?: string
}

const mostKept = 100

interface Socket {
  readonly ino: number
  readonly bytes: number
  readonly uid: number
  readonly group: string
  readonly quietMs: number
}

/**
 * Connections that leave the machine, out of `ss -tinOHe state established`. ss leaves `uid` out where it is 0, and counters
 * that are 0; a line without an inode or without counters is nobody's. Throws if a number is none.
 */
export function parseFlows(text: string): readonly Socket[] {
  return ssLines(text).flatMap(({ line, group }): readonly Socket[] => {
    if (/^\s*\d+ +\d+ +(127\.|\[::1\]|\[::ffff:127\.)/.test(line)) return []
    const ino = ssCount(line, 'ino')
    if (ino === undefined || ino === 0) return []
    const sent = ssCount(line, 'bytes_sent') ?? ssCount(line, 'bytes_acked') ?? 0
    const bytes = sent + (ssCount(line, 'bytes_received') ?? 0)
    const quietMs = Math.min(ssCount(line, 'lastsnd') ?? 0, ssCount(line, 'lastrcv') ?? 0)
    return bytes === 0 ? [] : [{ ino, bytes, uid: ssCount(line, 'uid') ?? 0, group, quietMs }]
  })
}

/** Whose they were, of the `bytes` that passed in the last `ms`. A connection that is not known from before had at most what it has had in all. */
export function ownerOf(
  sockets: readonly Socket[],
  { bytes, ms, before }: { readonly bytes: number; readonly ms: number; readonly before: readonly FlowBytes[] },
): Culprit | undefined {
  const old = new Map(before)
  const shares = new Map<string, { readonly by: Culprit; readonly bytes: number }>()
  for (const { ino, bytes: all, uid, group, quietMs } of sockets) {
    if (quietMs > ms) continue
    const key = `${uid} ${group}`
    const grew = Math.min(bytes, Math.max(0, all - (old.get(ino) ?? 0)))
    const by = { uid, ...(group === '' ? {} : { group }) }
    shares.set(key, { by, bytes: (shares.get(key)?.bytes ?? 0) + grew })
  }
  const [most] = [...shares.values()].sort((a, b) => b.bytes - a.bytes)
  return most !== undefined && most.bytes >= bytes / 2 ? most.by : undefined
}

function understood(text: string): readonly Socket[] | undefined {
  try {
    return parseFlows(text)
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/** Asks, once, bounded in time and size. Throws nothing that the host throws. */
export async function readFlows(host: Host, given: Parameters<typeof ownerOf>[1], signal: AbortSignal): Promise<Flows> {
  const limits = { timeoutMs: 2_000, maxBytes: 6_000_000, signal }
  const answer = await ifPermitted(() => askSs(host, ['state', 'established'], limits))
  if (answer?.text === undefined) return { flows: [], problem: answer?.problem ?? 'ss does not answer' }
  const sockets = understood(answer.text)
  if (sockets === undefined) return { flows: [], problem: 'ss is not understood' }
  const flows = [...sockets].sort((a, b) => b.bytes - a.bytes).slice(0, mostKept)
  const owner = ownerOf(sockets, given)
  return { flows: flows.map(({ ino, bytes }) => [ino, bytes]), ...(owner === undefined ? {} : { owner }) }
}
