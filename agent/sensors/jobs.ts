/** Jobs in the foreground of a terminal, or run over ssh without one: the test run that waits on the network, as told from a shell or a monitor. */
import type { Host } from '../host/host.ts'
import { foregroundGroups, groupsOverSsh, type JobGroup } from './job-groups.ts'
import { loginPrompts } from './login-prompts.ts'
import { ownProcess, type ProcessTable } from './processes.ts'
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
  /** It got on in the interval before this sample. */
  readonly moved?: true
}

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

/** What is looked at, once for all that need it. */
export interface Sources {
  readonly table: ProcessTable
  readonly terminals: Pick<Terminals, 'of'>
  readonly connections: readonly Pick<Connection, 'pid' | 'unproven'>[]
}

/** A console where nobody is logged in has such a group on every machine. */
function mayWork({ members }: JobGroup): boolean {
  return members.some(({ comm }) => !loginPrompts.has(comm))
}

/** Reads the jobs of all terminals and connections. Costs next to nothing where only shells are in front. */
export async function readJobs(
  host: Host,
  { table, terminals, connections }: Sources,
  signal: AbortSignal,
): Promise<readonly Job[]> {
  const own = await ourselves(host, table)
  const proven = connections.filter(({ unproven }) => unproven !== true)
  const groups = [...foregroundGroups(table), ...groupsOverSsh(table, proven)].filter(mayWork)
  if (groups.length === 0) return []
  const { jobOf } = await import('./job-of-group.ts')
  const jobs: Job[] = []
  for (const group of groups) {
    signal.throwIfAborted()
    const job = await jobOf(host, group, { table, terminals, own })
    if (job !== undefined) jobs.push(job)
  }
  return jobs
}
