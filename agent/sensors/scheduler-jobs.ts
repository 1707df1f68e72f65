/** Jobs that schedulers have put on this machine, read and judged: loaded only where a scheduler has a process. */
import type { Host } from '../host/host.ts'
import type { Reading } from '../types.ts'
import { ciJobs } from './ci-runners.ts'
import { msPerTick } from './counts.ts'
import type { Subject } from './gated.ts'
import { readPods } from './kubernetes.ts'
import { type Process, type ProcessTable, processTable, uidOf } from './processes.ts'
import type { schedulersOptions } from './schedulers.ts'
import type { Context } from './sensor.ts'
import { slurmJobs } from './slurm.ts'
import { duration, processName, shown } from './words.ts'

/** One job, as it is told and compared from one check to the next. */
export interface ScheduledJob {
  /** Tells it from all others of this run of the machine. */
  readonly key: string
  /** "Slurm job 1234 of uid 1000 (slurmstepd pid 4242)". */
  readonly words: string
  /** Only of a CI runner, which any user may run: when it began, in ticks of the boot-time clock. */
  readonly start?: number
}

export interface SchedulersSample {
  readonly jobs: readonly ScheduledJob[]
  /** Why there may be more. */
  readonly problem?: string
}

/** " of uid 1000"; nothing once the process is gone. */
async function whose(host: Host, pid: number | undefined): Promise<string> {
  const uid = pid === undefined ? undefined : await uidOf(host, pid)
  return uid === undefined ? '' : ` of uid ${uid}`
}

async function ofSlurm(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly ScheduledJob[]> {
  const jobs: ScheduledJob[] = []
  for (const { id, process } of await slurmJobs(host, table, signal)) {
    const task = [...table.values()].find(({ ppid }) => ppid === process.pid)
    const name = id === undefined ? 'a Slurm job' : `Slurm job ${id}`
    const words = `${name}${await whose(host, task?.pid)} (slurmstepd pid ${process.pid})`
    jobs.push({ key: `slurm ${id ?? process.pid}`, words })
  }
  return jobs
}

/** Of the jobs of CI runners the latest: any user can have ten thousand processes of such a name, and each is in the state. */
const mostJobs = 200

async function ofRunners(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly ScheduledJob[]> {
  const jobs: ScheduledJob[] = []
  const latest = (await ciJobs(host, table, signal)).toSorted((a, b) => b.process.start - a.process.start)
  for (const { service, process } of latest.slice(0, mostJobs)) {
    const { pid, start, comm } = process
    const words = `${service} job${await whose(host, pid)}: ${processName(comm, pid)}`
    jobs.push({ key: `ci ${pid}:${start}`, words, start })
  }
  return jobs
}

const kubelets = /^(kube(let|lite)|k3s-(server|agent)|hyperkube)$/

async function read(host: Host, signal: AbortSignal): Promise<SchedulersSample> {
  const table = await processTable(host, signal)
  const jobs = [...(await ofSlurm(host, table, signal)), ...(await ofRunners(host, table, signal))]
  const nodes: readonly Process[] = [...table.values()].filter(({ comm }) => kubelets.test(comm))
  if (nodes.length === 0) return { jobs }
  const { names, problem } = await readPods(host, nodes, signal)
  const pods = names.map((name) => ({ key: `pod ${name}`, words: `Kubernetes pod ${shown(name)}` }))
  return { jobs: [...jobs, ...pods], ...(problem === undefined ? {} : { problem }) }
}

/** "Slurm job 7 (slurmstepd pid 90), and 3 more". */
function several([first, ...others]: readonly ScheduledJob[]): string {
  return others.length === 0 ? `${first?.words}` : `${first?.words}, and ${others.length} more`
}

/**
 * A job is work whatever it does: it may wait for the network, and its scheduler has promised somebody this machine. What a
 * user's own runner carries counts for so many hours only, since any user can have a process of that name.
 */
function judge(
  now: SchedulersSample,
  before: SchedulersSample | undefined,
  { span, limits }: Context<typeof schedulersOptions>,
): Reading {
  const age = ({ start = Number.NaN }: ScheduledJob) => span.now.bootMs - start * msPerTick
  const tooOld = (job: ScheduledJob) => age(job) > limits.ci_job_hours * 3_600_000
  const work = now.jobs.filter((job) => !tooOld(job))
  if (work.length > 0) return { kind: 'active', reason: several(work) }
  const present = new Set(now.jobs.map(({ key }) => key))
  const ended = before?.jobs.filter((job) => !present.has(job.key) && !tooOld(job)) ?? []
  if (ended.length > 0) return { kind: 'active', reason: `ended since the last check: ${several(ended)}` }
  if (now.problem !== undefined) return { kind: 'unknown', reason: now.problem }
  const [old] = now.jobs
  if (old === undefined) return { kind: 'idle', reason: 'no job on this machine' }
  return { kind: 'idle', reason: `${several(now.jobs)}, for ${duration(age(old))}: counts only by what it uses` }
}

export const jobs: Subject<SchedulersSample, typeof schedulersOptions> = { read, judge }
