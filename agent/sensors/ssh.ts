/** Authenticated SSH connections and the counters of what passes over them. */
import type { Host } from '../host/host.ts'
import {
  breathe,
  commandLine,
  ifPermitted,
  type Process,
  type ProcessTable,
  parseIo,
  socketsOf,
  uidOf,
} from './processes.ts'
import { readSockets, type Socket } from './sockets.ts'
import type { Usual } from './usual.ts'

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
  /** What passes over it always; `undefined` where it is new. */
  readonly usual?: Usual
  /** Whose it is, where it was new to the check that sampled it. */
  readonly uid?: number
  /** Served by a process that is neither root's nor root's sshd's child: any user can call one so. What passes over it counts, that it is there proves nobody's coming. */
  readonly unproven?: true
}

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

/** None where the host refuses: then the process's own account has to do, if it is told. */
async function inodesOf(host: Host, pid: number, signal: AbortSignal): Promise<readonly number[]> {
  return [...((await ifPermitted(() => socketsOf(host, pid, signal))) ?? [])]
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
  for (const { process, unproven } of sessions)
    inodes.push(unproven === true ? [] : await inodesOf(host, process.pid, signal))
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
