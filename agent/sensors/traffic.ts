/** What passed over SSH connections in an interval, and who has come: tunnels, transfers and editors without a terminal. */
import type { Instant } from '../types.ts'
import { grown, msPerTick, secondsOf } from './counts.ts'
import type { Span } from './sensor.ts'
import type { Connection } from './ssh.ts'

/** Both directions above this are use; keep-alives stay below it (detection.md 4). */
const bytesPerMinute = 1000

/** A connection with bytes in both directions, when they passed last, and how many a second. */
export interface Traffic extends Pick<Connection, 'pid' | 'terminals'> {
  readonly at: Instant
  readonly received: number
  readonly sent: number
}

/** What the connections showed in the interval. */
export interface Connected {
  /** A connection that was authenticated since the last sample, and when. */
  readonly fresh?: { readonly pid: number; readonly at: Instant; readonly uid?: number }
  /** The latest first. */
  readonly used: readonly Traffic[]
  /** A connection without a terminal whose bytes could not be read, or are told by another source than before. */
  readonly unreadable?: Pick<Connection, 'pid' | 'source'> & { readonly before: Connection['source'] }
}

/** Bytes per second of a connection in the interval, by direction; `undefined` if its counters do not cover it. A socket that is new counts whole. Throws if a counter went down. */
function rates(
  now: Connection,
  before: Connection,
  span: Span,
): { readonly received: number; readonly sent: number } | undefined {
  if (now.source === 'none' || now.source !== before.source) return undefined
  let [received, sent] = [0, 0]
  for (const [id, receivedNow, sentNow] of now.bytes) {
    const old = before.bytes.find((entry) => entry[0] === id)
    received += grown(receivedNow, old?.[1] ?? 0, `bytes received by sshd (pid ${now.pid})`)
    sent += grown(sentNow, old?.[2] ?? 0, `bytes sent by sshd (pid ${now.pid})`)
  }
  const seconds = secondsOf(span.ms)
  return { received: received / seconds, sent: sent / seconds }
}

/** An instant within the interval; anything outside it is its end. */
function within(at: Instant, { now, ms }: Span): Instant {
  return at > now.monoMs - ms && at < now.monoMs ? at : now.monoMs
}

/** Judges all connections; of several new ones the latest. */
export function judgeConnections(now: readonly Connection[], before: readonly Connection[], span: Span): Connected {
  let result: Omit<Connected, 'used'> = {}
  const used: Traffic[] = []
  const earlier = new Map(before.map((one) => [`${one.pid}:${one.start}`, one]))
  for (const connection of now) {
    const { pid, start, terminals } = connection
    const old = earlier.get(`${pid}:${start}`)
    if (old === undefined) {
      if (connection.unproven === true) continue
      const at = within(span.now.monoMs - (span.now.bootMs - start * msPerTick), span)
      const uid = connection.uid === undefined ? {} : { uid: connection.uid }
      if (result.fresh === undefined || at > result.fresh.at) result = { ...result, fresh: { pid, at, ...uid } }
      continue
    }
    const rate = rates(connection, old, span)
    const counts = terminals.length === 0 && connection.unproven !== true
    if (rate === undefined && counts)
      result = { ...result, unreadable: { pid, source: connection.source, before: old.source } }
    if (rate === undefined || Math.min(rate.received, rate.sent) * 60 < bytesPerMinute) continue
    used.push({ pid, terminals, at: within(span.now.monoMs - (connection.quietMs ?? 0), span), ...rate })
  }
  return { ...result, used: used.sort((a, b) => b.at - a.at) }
}
