/** The process table: /proc/PID/stat of every process, read once per check and shared by the sensors. */
import type { Host } from '../host/host.ts'
import { parseCount, parseSigned } from './counts.ts'

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

/** Parses the text of /proc/PID/stat. `comm` may hold blanks, parentheses and newlines, so columns count after the last ')'. Throws an Error that names what is wrong. */
export function parseStat(text: string): Process {
  const open = text.indexOf(' (')
  const close = text.lastIndexOf(') ')
  if (open < 1 || close < open + 2) throw new Error('a /proc/PID/stat has no name in parentheses')
  const columns = text
    .slice(close + 2)
    .trimEnd()
    .split(' ')
  const state = columns[0] ?? ''
  if (!/^[A-Za-z]$/.test(state)) throw new Error('state in /proc/PID/stat is not a letter')
  return {
    pid: parseCount(text.slice(0, open), 'pid in /proc/PID/stat'),
    comm: text.slice(open + 2, close),
    state,
    ppid: parseCount(columns[1], 'ppid in /proc/PID/stat'),
    pgrp: parseSigned(columns[2], 'pgrp in /proc/PID/stat'),
    session: parseSigned(columns[3], 'session in /proc/PID/stat'),
    ttyNr: parseSigned(columns[4], 'tty_nr in /proc/PID/stat') >>> 0,
    tpgid: parseSigned(columns[5], 'tpgid in /proc/PID/stat'),
    utime: parseCount(columns[11], 'utime in /proc/PID/stat'),
    stime: parseCount(columns[12], 'stime in /proc/PID/stat'),
    cutime: parseCount(columns[13], 'cutime in /proc/PID/stat'),
    cstime: parseCount(columns[14], 'cstime in /proc/PID/stat'),
    start: parseCount(columns[19], 'starttime in /proc/PID/stat'),
  }
}

/** Real user id out of /proc/PID/status (proc_pid_status(5)). Throws if it is not there. */
export function parseUid(status: string): number {
  return parseCount(/^Uid:\t(\S*)/m.exec(status)?.[1], 'Uid in /proc/PID/status')
}

/** Context switches so far, voluntary or not, of the thread whose /proc/PID/status (or task/TID/status) it is. Throws if one is missing. */
export function parseSwitches(status: string): number {
  const voluntary = /^voluntary_ctxt_switches:\t(\S*)/m.exec(status)?.[1]
  const other = /^nonvoluntary_ctxt_switches:\t(\S*)/m.exec(status)?.[1]
  return parseCount(voluntary, 'voluntary_ctxt_switches') + parseCount(other, 'nonvoluntary_ctxt_switches')
}

/** This agent's own process on the observed host; `undefined` if the agent runs on another machine. */
export async function ownProcess(host: Host): Promise<{ readonly pid: number; readonly start: number } | undefined> {
  const bootId = await host.readText('/proc/sys/kernel/random/boot_id')
  if (bootId?.trim() !== host.self.bootId) return undefined
  return { pid: host.self.pid, start: host.self.startTicks }
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

async function readTable(host: Host, signal: AbortSignal): Promise<ProcessTable> {
  const names = await host.list('/proc')
  if (names === undefined) throw new Error('/proc cannot be listed')
  const table = new Map<number, Process>()
  for (const name of names) {
    if (!/^[1-9]\d{0,9}$/.test(name)) continue
    signal.throwIfAborted()
    const text = await whileItLives(host, Number(name), () => host.readText(`/proc/${name}/stat`))
    if (text === undefined) continue
    const process = parseStat(text)
    table.set(process.pid, process)
  }
  if (table.size === 0) throw new Error('/proc shows no process at all')
  return table
}

/** A walk belongs to the Host object it was made through: the loop has one Host object per check. */
const walks = new WeakMap<Host, Promise<ProcessTable>>()

/** The process table of this check; the first caller walks /proc, the others share it. Throws if /proc cannot be listed, shows nobody, or holds text that is not understood. */
export function processTable(host: Host, signal: AbortSignal): Promise<ProcessTable> {
  let walk = walks.get(host)
  if (walk === undefined) {
    walk = readTable(host, signal)
    walks.set(host, walk)
  }
  return walk
}
