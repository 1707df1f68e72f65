/** The clouds by name; adding one is a file and a line here. */
import type { Host } from '../host/host.ts'
import type { Cloud } from './cloud.ts'
import { type CloudName, type Detected, detectCloud } from './detect.ts'

interface Options {
  /** The agent's state folder. */
  readonly stateDir: string
}

type Driver = (host: Host, found: Detected, options: Options) => Promise<Cloud>

/** Loaded only when chosen: a check pays for one driver. */
const drivers: Readonly<Record<CloudName, Driver>> = {
  aws: async (host, found) => (await import('./aws.ts')).createAws(host, found),
  azure: async (host, found, options) => (await import('./azure.ts')).createAzure(host, { ...found, ...options }),
  gcp: reportOnly,
  local: reportOnly,
}

/** Without an API to stop the machine through: it reports, keeps its tags in a file, and contacts nothing. */
async function reportOnly(host: Host, { name }: Detected, { stateDir }: Options): Promise<Cloud> {
  return (await import('./local.ts')).createLocal(host, { name, stateDir })
}

/** The cloud of the observed host, and why it is that one. Contacts nothing yet. Throws UsageError for a malformed endpoint. */
export async function createCloud(host: Host, options: Options): Promise<{ cloud: Cloud; because: string }> {
  const found = await detectCloud(host)
  return { cloud: await drivers[found.name](host, found, options), because: found.because }
}
