/** The process table: /proc/PID/stat of every process, read once a look and shared by the sensors. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import { parseCount } from './counts.ts'

/** One line of /proc/PID/stat (proc_pid_stat(5)); times in ticks of 1/100 s. */
export interface Process {
  readonly pid: number
  /** At most 15 bytes; the kernel cuts it. May hold any character. */
  readonly comm: string
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** Device number of the controlling terminal as in `st_rdev`; 0 without one. */
  readonly ttyNr: number
  /** Foreground process group of that terminal; -1 without one. */
  readonly tpgid: number
  readonly utime: number
  readonly stime: number
  /** What children that ended and were waited for had used, theirs included. */
  readonly cutime: number
  readonly cstime: number
  /** Ticks of the boot-time clock at its start; with `pid` its identity. */
  readonly start: number
}

/** Every process at one moment, by pid. */
export type ProcessTable = ReadonlyMap<number, Process>

/** What follows the name, as far as it is used: one expression, since this runs for every process at every check. */
const columns =
  /^([A-Za-z]) (\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+)(?: \S+){5} (\d+) (\d+) (\d+) (\d+)(?: \S+){4} (\d+)[ \n]/

/** Parses the text of /proc/PID/stat. `comm` may hold blanks, parentheses and newlines, so columns count after the last ')'. Throws an Error if the text is cut off, or a number is none or beyond 2^53. */
export function parseStat(text: string): Process {
  const open = text.indexOf(' (')
  const close = text.lastIndexOf(') ')
  if (open < 1 || close < open + 2) throw new Error('a /proc/PID/stat has no name in parentheses')
  const found = columns.exec(text.slice(close + 2))
  if (found === null) throw new Error('a /proc/PID/stat is cut off or has something other than whole numbers')
  const number = (index: number): number => {
    const value = Number(found[index])
    if (!Number.isSafeInteger(value)) throw new Error('a /proc/PID/stat has a number beyond 2^53')
    return value
  }
  return {
    pid: parseCount(text.slice(0, open), 'pid in /proc/PID/stat'),
    comm: text.slice(open + 2, close),
    state: found[1] ?? '',
    ppid: number(2),
    pgrp: number(3),
    session: number(4),
    ttyNr: number(5) >>> 0,
    tpgid: number(6),
    utime: number(7),
    stime: number(8),
    cutime: number(9),
    cstime: number(10),
    start: number(11),
  }
}

/** Real user id out of /proc/PID/status (proc_pid_status(5)). Throws if it is not there. */
export function parseUid(status: string): number {
  return parseCount(/^Uid:\t(\S*)\t/m.exec(status)?.[1], 'Uid in /proc/PID/status')
}

/** Context switches so far, voluntary or not, of the thread whose /proc/PID/status (or task/TID/status) it is. Throws if one is missing. */
export function parseSwitches(status: string): number {
  const voluntary = /^voluntary_ctxt_switches:\t(\S*)/m.exec(status)?.[1]
  const other = /^nonvoluntary_ctxt_switches:\t(\S*)/m.exec(status)?.[1]
  return parseCount(voluntary, 'voluntary_ctxt_switches') + parseCount(other, 'nonvoluntary_ctxt_switches')
}

/** Parses rchar and wchar of /proc/PID/io: read(2) and write(2), on sockets too (kernel.md 3). Throws if one is missing. */
export function parseIo(text: string): readonly [received: number, sent: number] {
  const read = /^rchar: (\S*)$/m.exec(text)?.[1]
  const written = /^wchar: (\S*)$/m.exec(text)?.[1]
  return [parseCount(read, 'rchar in /proc/PID/io'), parseCount(written, 'wchar in /proc/PID/io')]
}

/** What identifies this agent's own process on the observed host. */
export interface OwnProcess {
  readonly pid: number
  readonly start: number
}

const owners = new WeakMap<Host, Promise<OwnProcess | undefined>>()

async function findOwnProcess(host: Host): Promise<OwnProcess | undefined> {
  const bootId = await host.readText('/proc/sys/kernel/random/boot_id')
  if (bootId?.trim() !== host.self.bootId) return undefined
  return { pid: host.self.pid, start: host.self.startTicks }
}

/** This agent's own process; `undefined` if the agent runs on another machine than the one it observes. Looked up once per Host object. */
export function ownProcess(host: Host): Promise<OwnProcess | undefined> {
  const known = owners.get(host) ?? findOwnProcess(host)
  owners.set(host, known)
  return known
}

/**
 * Runs `read` on something below /proc/PID; `undefined` if the process is gone, which may happen at any moment and may
 * show as a failure (ESRCH) as well as an absent file. Throws what `read` threw while the process is there.
 */
export async function whileItLives<T>(host: Host, pid: number, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if ((await host.stat(`/proc/${pid}`)) === undefined) return undefined
    throw error
  }
}

/**
 * Lets answers and deadlines through every 500 steps of a long walk: in one go, ten thousand processes take so long that a
 * request which was answered meanwhile counts as late, and no deadline ends the walk. Throws when `signal` has aborted.
 */
export async function breathe(host: Host, step: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (step % 500 === 499) await host.sleep(0, signal)
}

/** What `read` gives, or `undefined` where the host refuses it, as it does to anybody but root. */
export async function ifPermitted<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** Real user id of a process; `undefined` once it is gone. */
export async function uidOf(host: Host, pid: number): Promise<number | undefined> {
  const status = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/status`))
  return status === undefined ? undefined : parseUid(status)
}

/**
 * The command line of a process, its words ended by NUL; `undefined` once it is gone. One of more than `maxBytes`, a megabyte
 * unless given, is not read
 * (`whole` is false): people hand over as many files, and any process can make its own as long as it likes (prctl(2),
 * PR_SET_MM). Throws what the host throws for any other reason.
 */
export async function commandLine(
  host: Host,
  pid: number,
  maxBytes?: number,
): Promise<{ readonly text: string; readonly whole: boolean } | undefined> {
  try {
    const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cmdline`, maxBytes))
    return text === undefined ? undefined : { text, whole: true }
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge) return { text: '', whole: false }
    throw error
  }
}

/** A process has its ports and its first clients among its first descriptors; anybody can have a million open. */
const mostDescriptors = 4096

/** Inodes of a process's sockets in the order of its descriptors, of the first where it has very many; none once it is gone. Throws where the host refuses. */
export async function socketsOf(host: Host, pid: number, signal: AbortSignal): Promise<ReadonlySet<number>> {
  const folder = `/proc/${pid}`
  const read = <T>(one: () => Promise<T>): Promise<T | undefined> => whileItLives(host, pid, one)
  // Size of its table (proc_pid_status(5)): whoever lists a million names is held up by it.
  const size = Number(/^FDSize:\t(\d+)$/m.exec((await read(() => host.readText(`${folder}/status`))) ?? '')?.[1])
  const many = size > mostDescriptors
  const found = many ? Array(mostDescriptors).keys() : ((await read(() => host.list(`${folder}/fd`))) ?? [])
  const names = Array.from(found, Number).filter(Number.isInteger)
  names.sort((a, b) => a - b)
  const inodes = new Set<number>()
  for (const [step, name] of names.entries()) {
    await breathe(host, step, signal)
    const link = await read(() => host.readLink(`${folder}/fd/${name}`))
    const ino = /^socket:\[(\d{1,15})\]$/.exec(link ?? '')?.[1]
    if (ino !== undefined) inodes.add(Number(ino))
  }
  return inodes
}

async function readTable(host: Host, signal: AbortSignal): Promise<ProcessTable> {
  const names = await host.list('/proc')
  if (names === undefined) throw new Error('/proc cannot be listed')
  const table = new Map<number, Process>()
  for (const [step, name] of names.entries()) {
    if (!/^[1-9]\d{0,9}$/.test(name)) continue
    await breathe(host, step, signal)
    const text = await whileItLives(host, Number(name), () => host.readText(`/proc/${name}/stat`))
    if (text === undefined) continue
    const process = parseStat(text)
    table.set(process.pid, process)
  }
  if (table.size === 0) throw new Error('/proc shows no process at all')
  return table
}

/** A walk belongs to the Host object it was made through: every look of the loop has a Host object of its own. */
const walks = new WeakMap<Host, Promise<ProcessTable>>()

/** The process table of this look; the first caller walks /proc, the others share it. Throws if /proc cannot be listed, shows nobody, or holds text that is not understood. */
export function processTable(host: Host, signal: AbortSignal): Promise<ProcessTable> {
  let walk = walks.get(host)
  if (walk === undefined) {
    walk = readTable(host, signal)
    walks.set(host, walk)
  }
  return walk
}
