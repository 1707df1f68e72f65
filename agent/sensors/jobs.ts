/** Jobs in the foreground of a terminal, or run over ssh without one: the test run that waits on the network, as told from a shell or a monitor. */
import type { Host } from '../host/host.ts'
import { foregroundGroups, groupsOverSsh, type JobGroup } from './job-groups.ts'
import {
  ifPermitted,
  ownProcess,
  type Process,
  type ProcessTable,
  parseIo,
  parseSwitches,
  whileItLives,
} from './processes.ts'
import { onlyServes, roleOf } from './roles.ts'
import type { Connection } from './ssh.ts'
import { deviceName, type Terminals } from './terminals.ts'

/** One job, and the counters that tell whether it got anywhere. */
export interface Job {
  /** `undefined` for one over ssh without a terminal. */
  readonly tty?: string
  readonly comm: string
  readonly pid: number
  readonly start: number
  /** CPU ticks of the process group, ended children included. */
  readonly ticks: number
  /** Context switches of all its threads. */
  readonly switches: number
  /** Bytes that it read and wrote, whatever that was, ended children included; what may not be read is 0. */
  readonly bytes: number
  /** Start of its youngest process. */
  readonly newest: number
  /** Key of its terminal; `undefined` where that cannot be looked at. */
  readonly on?: string
  /** Start of the session that it is a part of: somebody came then, or a container. */
  readonly session: number
  /** An interpreter or database client at its prompt: nobody's work unless it wakes by itself. */
  readonly prompt?: true
}

/** Most processes of a group, and threads of a process, whose context switches are read. */
const mostCounted = 32

/** This agent and its ancestors: `idle-agent run` in a terminal is not what it looks for. */
async function ourselves(host: Host, table: ProcessTable): Promise<ReadonlySet<number>> {
  const own = await ownProcess(host)
  const pids = new Set<number>()
  let process = own === undefined ? undefined : table.get(own.pid)
  while (process !== undefined && process.pid > 1 && !pids.has(process.pid)) {
    pids.add(process.pid)
    process = table.get(process.ppid)
  }
  return pids
}

/** Terminals whose foreground job runs this check (`idle-agent run`, a demo): what is printed there is our own. */
export async function ownTerminals(host: Host, table: ProcessTable): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (const pid of await ourselves(host, table)) {
    const process = table.get(pid)
    if (process !== undefined && process.ttyNr !== 0 && process.pgrp === process.tpgid)
      names.add(deviceName(process.ttyNr))
  }
  return names
}

/** Is there somebody among them for whose sake the connection is judged by its bytes alone? */
async function serves(host: Host, { ttyNr, members }: JobGroup): Promise<boolean> {
  if (ttyNr !== 0) return false
  for (const process of members.slice(0, mostCounted)) if (await onlyServes(host, process)) return true
  return false
}

/** The member that makes a group a job. A pipeline that an onlooker leads (`tail -f log | grep x`) is none, whoever else is in it. */
async function worker(
  host: Host,
  group: JobGroup,
  own: ReadonlySet<number>,
): Promise<{ readonly process: Process; readonly prompt: boolean } | undefined> {
  if (await serves(host, group)) return undefined
  const { members } = group
  for (const [index, process] of members.entries()) {
    if (own.has(process.pid)) continue
    const role = await roleOf(host, process)
    if (role === 'work' || role === 'prompt') return { process, prompt: role === 'prompt' }
    if (role === 'onlooker' && index === 0) return undefined
  }
  return undefined
}

async function switchesOf(host: Host, pid: number): Promise<number> {
  const threads = (await whileItLives(host, pid, () => host.list(`/proc/${pid}/task`))) ?? []
  let switches = 0
  for (const thread of threads.slice(0, mostCounted)) {
    const status = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/task/${thread}/status`))
    if (status !== undefined) switches += parseSwitches(status)
  }
  return switches
}

async function bytesOf(host: Host, pid: number): Promise<number> {
  const text = await ifPermitted(() => whileItLives(host, pid, () => host.readText(`/proc/${pid}/io`)))
  // The file can be opened and be empty while its process ends.
  if (text === undefined || text === '') return 0
  const [read, written] = parseIo(text)
  return read + written
}

/** Counters of a job, over all members of its group. */
async function count(
  host: Host,
  members: readonly Process[],
): Promise<Pick<Job, 'ticks' | 'switches' | 'bytes' | 'newest'>> {
  let [ticks, switches, bytes, newest] = [0, 0, 0, 0]
  for (const one of members) {
    ticks += one.utime + one.stime + one.cutime + one.cstime
    newest = Math.max(newest, one.start)
  }
  for (const { pid } of members.slice(0, mostCounted)) {
    switches += await switchesOf(host, pid)
    bytes += await bytesOf(host, pid)
  }
  return { ticks, switches, bytes, newest }
}

/** What is looked at, once for all that need it. */
export interface Sources {
  readonly table: ProcessTable
  readonly terminals: Pick<Terminals, 'of'>
  readonly connections: readonly Pick<Connection, 'pid' | 'unproven'>[]
}

/** Reads the jobs of all terminals and connections. Costs next to nothing where only shells are in front. */
export async function readJobs(
  host: Host,
  { table, terminals, connections }: Sources,
  signal: AbortSignal,
): Promise<readonly Job[]> {
  const own = await ourselves(host, table)
  const proven = connections.filter(({ unproven }) => unproven !== true)
  const jobs: Job[] = []
  for (const group of [...foregroundGroups(table), ...groupsOverSsh(table, proven)]) {
    signal.throwIfAborted()
    const found = await worker(host, group, own)
    if (found === undefined) continue
    const counters = await count(
      host,
      group.members.filter(({ pid }) => !own.has(pid)),
    )
    const { comm, pid, start } = found.process
    const session = table.get(found.process.session)?.start ?? start
    const on = terminals.of(found.process)
    const where = group.ttyNr === 0 ? {} : { tty: deviceName(group.ttyNr), ...(on === undefined ? {} : { on }) }
    jobs.push({ ...where, comm, pid, start, session, ...counters, ...(found.prompt ? { prompt: true } : {}) })
  }
  return jobs
}
