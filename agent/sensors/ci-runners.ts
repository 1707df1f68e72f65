/** CI runners and how a job of theirs shows in the process table. Data, and which of it a table holds. */
import type { Host } from '../host/host.ts'
import { shells } from './known-programs.ts'
import { breathe, commandLine, type Process, type ProcessTable } from './processes.ts'

/** A process that exists while a job runs, by name: the runner starts one for each. */
const workers: ReadonlyMap<string, string> = new Map([
  // actions/runner and azure-pipelines-agent: the Listener waits for jobs, a Worker carries one.
  ['Runner.Worker', 'GitHub Actions'],
  ['Agent.Worker', 'Azure Pipelines'],
])

/** Runners whose children are jobs; names as the kernel cuts them. Those that run jobs in containers have none. */
const parents: ReadonlyMap<string, string> = new Map([
  ['gitlab-runner', 'GitLab'],
  // `buildkite-agent start` runs `buildkite-agent bootstrap`, or the operator's own script, for each job.
  ['buildkite-agent', 'Buildkite'],
  ['circleci-runner', 'CircleCI'],
  ['circleci-launch', 'CircleCI'],
  ['drone-runner-ex', 'Drone'],
  ['woodpecker-agen', 'Woodpecker'],
  ['forgejo-runner', 'Forgejo'],
  ['act_runner', 'Gitea'],
])

/** The same in Java, told by a word of the command line, or the last part of one. */
const javaParents: ReadonlyMap<string, string> = new Map([
  ...['agent.jar', 'remoting.jar', 'slave.jar', 'swarm-client.jar', 'jenkins.war'].map(
    (name) => [name, 'Jenkins'] as const,
  ),
  ['jetbrains.buildServer.agent.AgentMain', 'TeamCity'],
])

/**
 * Where a Jenkins pipeline keeps the script of a step that is under way (durable-task-plugin, FileMonitoringTask): it lets
 * go of the process, so that the step outlives the agent, and it is nobody's child.
 */
const jenkinsStep = /@tmp\/durable-[0-9a-f]{8}\//

/** A longer command line is no runner's: anybody can have ten thousand processes with a megabyte each. */
const longest = 65_536

/** One job: the service, and the process that stands for it. */
interface CiJob {
  readonly service: string
  readonly process: Process
}

/** The service that a Java program belongs to. A command line that is too long is no agent's. */
async function javaService(host: Host, pid: number): Promise<string | undefined> {
  const words = (await commandLine(host, pid, longest))?.text.split('\0') ?? []
  for (const word of words) {
    const service = javaParents.get(word.slice(word.lastIndexOf('/') + 1))
    if (service !== undefined) return service
  }
  return undefined
}

/** Shells that nobody waits for and that run a step of a pipeline. */
async function jenkinsSteps(host: Host, processes: readonly Process[], signal: AbortSignal): Promise<readonly CiJob[]> {
  const steps: CiJob[] = []
  for (const [step, process] of processes.entries()) {
    await breathe(host, step, signal)
    if (process.ppid !== 1 || !shells.has(process.comm)) continue
    if (jenkinsStep.test((await commandLine(host, process.pid, longest))?.text ?? ''))
      steps.push({ service: 'Jenkins', process })
  }
  return steps
}

/** All jobs of CI runners in the table, one for each process that stands for one. */
export async function ciJobs(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly CiJob[]> {
  const living = [...table.values()].filter(({ state }) => state !== 'Z' && state !== 'X')
  const withChildren = new Set(living.map(({ ppid }) => ppid))
  const services = new Map<number, string>()
  let jenkins = false
  for (const [step, { pid, comm }] of living.entries()) {
    await breathe(host, step, signal)
    if (comm !== 'java' && !parents.has(comm)) continue
    const service = parents.get(comm) ?? (await javaService(host, pid))
    jenkins ||= service === 'Jenkins'
    if (service !== undefined && withChildren.has(pid)) services.set(pid, service)
  }
  const jobs: CiJob[] = jenkins ? [...(await jenkinsSteps(host, living, signal))] : []
  for (const process of living) {
    // What a job starts is a part of it, even where it goes by the runner's name.
    const within = services.has(table.get(process.ppid)?.ppid ?? 0)
    const service = workers.get(process.comm) ?? (within ? undefined : services.get(process.ppid))
    if (service !== undefined) jobs.push({ service, process })
  }
  return jobs
}
