/** What a group of processes is worked at by, and its counters: loaded only where there is such a group. */
import type { Host } from '../host/host.ts'
import type { JobGroup } from './job-groups.ts'
import type { Job, Sources } from './jobs.ts'
import { ifPermitted, type Process, parseIo, parseSwitches, whileItLives } from './processes.ts'
import { onlyServes, roleOf } from './roles.ts'
import { deviceName } from './terminals.ts'

/** Most processes of a group, and threads of a process, whose context switches are read. */
const mostCounted = 32

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

/** The job that a group is; `undefined` where it is none. `own` are this agent and its ancestors. */
export async function jobOf(
  host: Host,
  group: JobGroup,
  { table, terminals, own }: Omit<Sources, 'connections'> & { readonly own: ReadonlySet<number> },
): Promise<Job | undefined> {
  const found = await worker(host, group, own)
  if (found === undefined) return undefined
  const counters = await count(
    host,
    group.members.filter(({ pid }) => !own.has(pid)),
  )
  const { comm, pid, start } = found.process
  const session = table.get(found.process.session)?.start ?? start
  const on = terminals.of(found.process)
  const where = group.ttyNr === 0 ? {} : { tty: deviceName(group.ttyNr), ...(on === undefined ? {} : { on }) }
  return { ...where, comm, pid, start, session, ...counters, ...(found.prompt ? { prompt: true } : {}) }
}
