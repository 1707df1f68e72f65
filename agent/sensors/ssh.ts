/** Authenticated SSH connections and the bytes that pass over them: tunnels, transfers and editors without a terminal. */
import type { Host } from '../host/host.ts'
import type { Instant } from '../types.ts'
import { grown, msPerTick, secondsOf } from './counts.ts'
import {
  breathe,
  commandLine,
  ifPermitted,
  type Process,
  type ProcessTable,
  parseIo,
  uidOf,
  whileItLives,
} from './processes.ts'
import type { Span } from './sensor.ts'
import { readSockets, type Socket } from './sockets.ts'

/** A counter pair of a connection: of one socket, or of the session's process, where `id` is 0. */
type Bytes = readonly [id: number, received: number, sent: number]

/** One authenticated connection: the sshd process that serves it. */
export interface Connection {
  readonly pid: number
  readonly start: number
  /** Its terminals as sshd names them ("pts/3"): input shows there. None for a tunnel, a transfer, a plain command. */
  readonly terminals: readonly string[]
  /** `sockets`: from ss. `process`: read and written by the process, sockets included. `none`: neither could be read. */
  readonly source: 'sockets' | 'process' | 'none'
  readonly bytes: readonly Bytes[]
  /** Milliseconds since data last passed. */
  readonly quietMs?: number
  /** Whose it is, where it was new to the check that sampled it. */
  readonly uid?: number
  /** Served by a process that is neither root's nor root's sshd's child: any user can call one so. What passes over it counts, that it is there proves nobody's coming. */
  readonly unproven?: true
}

/** Both directions above this are use; keep-alives stay below it (detection.md 4). */
const bytesPerMinute = 1000

/**
 * Reads the title that sshd gives its processes (`sshd: NAME@pts/0`, `NAME@notty`, `NAME` before a channel is open; from
 * OpenSSH 9.8 `sshd-session:`). `undefined` for what serves nobody who has logged in: the listener, `[priv]`, `[net]`,
 * `[preauth]`, `[accepted]`, and `unknown`, the name of everybody before authentication.
 */
export function sessionTitle(title: string): Pick<Connection, 'terminals'> | undefined {
  const name = /^sshd(?:-session)?: ([^\0]+)/.exec(title)?.[1]?.trim()
  if (name === undefined || name === '' || name === 'unknown' || name.includes('[') || name.startsWith('/'))
    return undefined
  return { terminals: /@((?:pts\/|tty|hvc)[^@]*)$/.exec(name)?.[1]?.split(',') ?? [] }
}

/** The process that serves a connection, and the terminals it names. */
interface Session extends Pick<Connection, 'terminals' | 'unproven'> {
  readonly process: Process
}

function isCalledSshd({ comm }: Process): boolean {
  return comm === 'sshd' || comm === 'sshd-session'
}

/** Root's own session, or one that root's sshd handed to a process of its user (privilege separation). */
async function isProven(host: Host, table: ProcessTable, { pid, ppid }: Process): Promise<boolean> {
  const parent = table.get(ppid)
  if (parent !== undefined && isCalledSshd(parent) && (await uidOf(host, ppid)) === 0) return true
  return (await uidOf(host, pid)) === 0
}

async function findConnections(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly Session[]> {
  const found = new Map<number, Session>()
  const called = [...table.values()].filter(isCalledSshd)
  for (const [index, process] of called.entries()) {
    await breathe(host, index, signal)
    const session = sessionTitle((await commandLine(host, process.pid))?.text ?? '')
    if (session === undefined) continue
    const unproven = (await isProven(host, table, process)) ? {} : { unproven: true as const }
    found.set(process.pid, { process, ...session, ...unproven })
  }
  // A session's child that has not yet become its shell, or serves sftp within sshd, is no connection of its own.
  return [...found.values()].filter(({ process }) => !found.has(process.ppid))
}

async function inodesOf(host: Host, pid: number): Promise<readonly number[]> {
  const inodes = new Set<number>() // sshd has its connection open more than once
  for (const name of (await ifPermitted(() => host.list(`/proc/${pid}/fd`))) ?? []) {
    const link = await whileItLives(host, pid, () => host.readLink(`/proc/${pid}/fd/${name}`))
    const inode = /^socket:\[(\d{1,15})\]$/.exec(link ?? '')?.[1]
    if (inode !== undefined) inodes.add(Number(inode))
  }
  return [...inodes]
}

async function measure(
  host: Host,
  { process, ...named }: Session,
  found: readonly (readonly [number, Socket])[],
): Promise<Connection> {
  const { pid, start } = process
  const who = { pid, start, ...named }
  if (found.length > 0) {
    const quiet = found.map(([, { quietMs }]) => quietMs).filter((ms) => ms !== undefined)
    const bytes = found.map(([ino, { received, sent }]): Bytes => [ino, received, sent])
    return { ...who, source: 'sockets', bytes, ...(quiet.length === 0 ? {} : { quietMs: Math.min(...quiet) }) }
  }
  // With a terminal, its input tells more than what the process reads and writes, which is its own output too.
  const text = named.terminals.length > 0 ? undefined : await ifPermitted(() => host.readText(`/proc/${pid}/io`))
  return text === undefined
    ? { ...who, source: 'none', bytes: [] }
    : { ...who, source: 'process', bytes: [[0, ...parseIo(text)]] }
}

/** Reads the authenticated connections; `ss` runs only if there is one of root's sshd. */
export async function readConnections(
  host: Host,
  table: ProcessTable,
  signal: AbortSignal,
): Promise<readonly Connection[]> {
  const sessions = await findConnections(host, table, signal)
  const inodes: (readonly number[])[] = []
  // What is only called sshd may have a million files open, and there may be thousands of it: its own account has to do.
  for (const { process, unproven } of sessions) inodes.push(unproven === true ? [] : await inodesOf(host, process.pid))
  const proven = sessions.some(({ unproven }) => unproven !== true)
  const sockets = proven ? await readSockets(host, inodes, signal) : undefined
  const connections: Connection[] = []
  for (const [index, session] of sessions.entries()) {
    await breathe(host, index, signal)
    const found: (readonly [number, Socket])[] = []
    for (const ino of inodes[index] ?? []) {
      const socket = sockets?.get(ino)
      if (socket !== undefined) found.push([ino, socket])
    }
    connections.push(await measure(host, session, found))
  }
  return connections
}

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
