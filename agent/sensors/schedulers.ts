/** The schedulers sensor: jobs that Slurm, Kubernetes or a CI service has put on this machine. */
import type { Options } from '../types/options.ts'
import { type GatedSample, gated } from './gated.ts'
import { processTable } from './processes.ts'
import type { SchedulersSample } from './scheduler-jobs.ts'
import type { Sensor } from './sensor.ts'

export const schedulersOptions = {
  ci_job_hours: {
    type: 'number',
    default: 24,
    min: 0,
    max: 8760,
    unit: 'hours',
    about: 'how long a job of a CI runner is activity, from its beginning; what it uses counts as ever',
  },
} as const satisfies Options

/** Processes that schedulers have on their nodes, as the kernel cuts their names: which are jobs, scheduler-jobs.ts tells. */
const names =
  /^(slurm(d|stepd)|kube(let|lite)|k3s-(server|agent)|hyperkube|(Runner|Agent)\.(Worker|Listener)|(gitlab|forgejo|circleci|act)[-_]runner|circleci-launch|drone-runner-ex|woodpecker-agen|buildkite-agent|java)$/

/** The group of pods: a slice with systemd's driver (kubelet, cgroup_manager_linux.go). */
const pods = '/sys/fs/cgroup/kubepods'

/** Work that somebody else's scheduler has assigned to this machine. */
export const schedulers: Sensor<GatedSample<SchedulersSample>, typeof schedulersOptions> = gated({
  name: 'schedulers',
  sampleVersion: 1,
  options: schedulersOptions,
  absence: 'no batch system, Kubernetes or CI runner here',
  present: async (host, signal) =>
    [...(await processTable(host, signal)).values()].some(({ comm }) => names.test(comm)) ||
    // Pods go on while their kubelet is down.
    ((await host.stat(`${pods}.slice`)) ?? (await host.stat(pods))) !== undefined,
  load: async () => (await import('./scheduler-jobs.ts')).jobs,
})
