/** This process and others of this machine, read from the machine's own /proc, never from below a root. */
import { HostError } from '../errors.ts'
import type { Self } from './host.ts'
import { isAbsent } from './real-errors.ts'
import { readRegular, unlessAbsent } from './real-files.ts'

/** Times in /proc/PID/stat are in USER_HZ, 100 a second on every architecture we run on (proc_pid_stat(5)). */
const MS_PER_TICK = 10

function readProc(path: string): string | undefined {
  return unlessAbsent({ what: 'read', path, absent: isAbsent }, () => readRegular(path, 65_536))
}

/** Fields of /proc/PID/stat from the third on: the second, the program's name, may hold anything, brackets too. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The number in field `field` of proc_pid_stat(5). Throws HostError if it is none. */
function numberIn(fields: readonly string[], field: number): number {
  const value = Number(fields[field - 3] ?? '')
  if (!Number.isSafeInteger(value) || fields[field - 3] === '') {
    throw new HostError(`cannot read /proc/PID/stat: field ${field} is no number`)
  }
  return value
}

/** Ended, and only waiting for its parent: a zombie with no thread left. One whose main thread alone has ended still runs. */
function hasEnded(fields: readonly string[]): boolean {
  const state = fields[0]
  return state === 'X' || (state === 'Z' && numberIn(fields, 20) <= 1)
}

function startTicksOf(pid: number): number | undefined {
  return Number.isSafeInteger(pid) && pid >= 1 ? startTicksIn(readProc(`/proc/${pid}/stat`)) : undefined
}

/** Start ticks out of the text of /proc/PID/stat; `undefined` for one that has ended. Throws HostError where they are no number. */
export function startTicksIn(stat: string | undefined): number | undefined {
  if (stat === undefined || stat === '') return undefined
  const fields = fieldsOf(stat)
  return hasEnded(fields) ? undefined : numberIn(fields, 22)
}

/** It becomes part of file names, and tells one run of the machine from another. */
function readBootId(): string {
  const path = '/proc/sys/kernel/random/boot_id'
  const text = readProc(path)?.trim()
  if (text === undefined) throw new HostError(`cannot read ${path}; is /proc mounted?`)
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text))
    throw new HostError(`cannot read ${path}: it holds no id`)
  return text
}

/** The real user id; unlike the owner of /proc/PID it does not turn into root for a process that may not be dumped. */
function ownerOf(pid: number): number | undefined {
  return Number.isSafeInteger(pid) && pid >= 1 ? uidIn(readProc(`/proc/${pid}/status`)) : undefined
}

/** The real user id out of the text of /proc/PID/status. */
export function uidIn(status: string | undefined): number | undefined {
  const uid = status?.match(/^Uid:\s+(\d+)/m)?.[1]
  return uid === undefined ? undefined : Number(uid)
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  const fields = fieldsOf(readProc('/proc/self/stat') ?? '')
  return (user + system) / 1000 + (numberIn(fields, 16) + numberIn(fields, 17)) * MS_PER_TICK
}

/** Facts are read when first asked for, so that a command that needs none works without /proc. */
export function createSelf(): Self {
  let startTicks: number | undefined
  let bootId: string | undefined
  return {
    pid: process.pid,
    uid: process.geteuid?.() ?? -1,
    executable: process.execPath,
    get startTicks() {
      startTicks ??= startTicksOf(process.pid)
      if (startTicks === undefined) throw new HostError('cannot read /proc/self/stat; is /proc mounted?')
      return startTicks
    },
    get bootId() {
      bootId ??= readBootId()
      return bootId
    },
    startTicksOf: async (pid) => startTicksOf(pid),
    ownerOf: async (pid) => ownerOf(pid),
    cpuMs,
    resident: async () => (await import('./real-resident.ts')).resident,
  }
}
