/** Whose connections carried the bytes: asked of `ss` only where there were many, since it costs a command. Imports nothing that a steady check loads. */
import type { Host } from '../host/host.ts'
import type { Culprit } from '../types/culprit.ts'

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

function number(line: string, name: string): number | undefined {
  const digits = new RegExp(` ${name}:(\\d{1,16})(?= |$)`).exec(line)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/**
 * Connections that leave the machine, out of `ss -tinOHe state established`. ss leaves `uid` out where it is 0, and counters
 * that are 0; a line without an inode or without counters is nobody's. A user names the groups below their own, so the path
 * is taken out before anything else is looked for, and only its beginning is ever used.
 */
export function parseFlows(text: string): readonly Socket[] {
  return text.split('\n').flatMap((raw): readonly Socket[] => {
    const group = / cgroup:(\S{1,512})/.exec(raw)?.[1] ?? ''
    const line = raw.replace(/ cgroup:.* [<-]-[>-](?= |$)/, '')
    if (/^\s*\d+ +\d+ +(127\.|\[::1\]|\[::ffff:127\.)/.test(line)) return []
    const ino = number(line, 'ino')
    if (ino === undefined || ino === 0) return []
    const sent = number(line, 'bytes_sent') ?? number(line, 'bytes_acked') ?? 0
    const bytes = sent + (number(line, 'bytes_received') ?? 0)
    const quietMs = Math.min(number(line, 'lastsnd') ?? 0, number(line, 'lastrcv') ?? 0)
    return bytes === 0 ? [] : [{ ino, bytes, uid: number(line, 'uid') ?? 0, group, quietMs }]
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

/** Asks, once, bounded in time and size. Throws nothing that the host throws. */
export async function readFlows(host: Host, given: Parameters<typeof ownerOf>[1], signal: AbortSignal): Promise<Flows> {
  try {
    const argv = ['ss', '-tinOHe', 'state', 'established']
    const answer = await host.run(argv, { timeoutMs: 2_000, maxBytes: 6_000_000, signal })
    if (answer?.status !== 0) return { flows: [], problem: answer === undefined ? 'no ss here' : 'ss failed' }
    const sockets = parseFlows(answer.stdout)
    const flows = [...sockets].sort((a, b) => b.bytes - a.bytes).slice(0, mostKept)
    const owner = ownerOf(sockets, given)
    return { flows: flows.map(({ ino, bytes }) => [ino, bytes]), ...(owner === undefined ? {} : { owner }) }
  } catch (error) {
    if (error instanceof Error) return { flows: [], problem: 'ss does not answer' }
    throw error
  }
}
