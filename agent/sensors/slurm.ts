/** Steps of Slurm jobs on this machine, by the process that slurmd leaves to look after each. */
import type { Host } from '../host/host.ts'
import { isSystemUser } from './known-agents.ts'
import { commandLine, type Process, type ProcessTable, uidOf } from './processes.ts'

/** One job with a step here. */
interface SlurmJob {
  /** "1234"; not there before a step has taken its title, and for seconds after its tasks have ended (22.05 observed). */
  readonly id?: string
  /** The `slurmstepd` of the step. */
  readonly process: Process
}

/** slurmstepd calls itself `slurmstepd: [1234.batch]`, `[1234.0]`, `[1234.extern]` (Slurm, cgroup v2 plugin; 22.05 observed), older ones `[1234]`. */
const title = /^slurmstepd: \[(\d+)[.\]]/

/** `slurmstepd infinity` only keeps the scope alive in which jobs get their control groups (Slurm, cgroup v2 plugin). */
const keepsScope = /\0infinity\0*$/

/**
 * The jobs with a step on this machine: slurmd itself may be down. Whoever is no system user does not run Slurm's daemon.
 * An allocation (salloc) without any step shows no process here, and none of Slurm's commands is asked.
 */
export async function slurmJobs(host: Host, table: ProcessTable, signal: AbortSignal): Promise<readonly SlurmJob[]> {
  const jobs = new Map<string, SlurmJob>()
  for (const process of table.values()) {
    if (process.comm !== 'slurmstepd' || process.state === 'Z') continue
    signal.throwIfAborted()
    const uid = await uidOf(host, process.pid)
    if (uid === undefined || !isSystemUser(uid)) continue
    const words = await commandLine(host, process.pid)
    if (words === undefined || keepsScope.test(words.text)) continue
    const id = title.exec(words.text)?.[1]
    const known = jobs.get(id ?? '')
    if (known === undefined || process.start < known.process.start)
      jobs.set(id ?? '', id === undefined ? { process } : { id, process })
  }
  return [...jobs.values()]
}
