/** The containers sensor: which containers run, what they use over what they always use, and what their labels ask for. */
import type { Options } from '../types/options.ts'
import { containerProcesses } from './container-processes.ts'
import type { ContainersSample } from './containers-read.ts'
import { type GatedSample, gated } from './gated.ts'
import { processTable } from './processes.ts'
import type { Sensor } from './sensor.ts'

export const containersOptions = {
  cores_over_usual: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 64,
    unit: 'cores',
    about: 'more CPU of one container, over what it always uses (0.30 at most), is activity',
  },
} as const satisfies Options

/** Containers of docker, containerd, podman and CRI, by their control groups. */
export const containers: Sensor<GatedSample<ContainersSample>, typeof containersOptions> = gated({
  name: 'containers',
  sampleVersion: 1,
  options: containersOptions,
  absence: 'no container here',
  present: async (host, signal) => containerProcesses(await processTable(host, signal)).length > 0,
  load: async () => (await import('./containers-read.ts')).subject,
})
