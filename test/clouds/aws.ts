// A whole loopback AWS: one account in one region, a metadata service for each instance, and the EC2 API.

import { type AwsOptions, type Core, createCore, startApi, startMetadata } from './aws/core.ts'
import type { CredentialStore } from './aws/credentials.ts'
import { changeSettings, type Instance, type StateName } from './aws/instance.ts'
import { type Power, verbsOf } from './aws/power.ts'
import type { Throttle } from './aws/throttle.ts'
import type { CloudClock } from './clock.ts'
import { type Controlled, type ControlServer, startControl } from './control.ts'
import type { Faults } from './faults.ts'
import type { CloudServer } from './http-server.ts'
import type { RequestLog } from './request-log.ts'
import { stateReached } from './transition.ts'

export type { AwsOptions, Endpoint } from './aws/core.ts'
export type { RolePolicy } from './aws/iam.ts'
export type { Instance, InstanceSettings, InstanceSpec, StateName } from './aws/instance.ts'
export type { Fault, FaultOrder } from './faults.ts'
export type { LoggedRequest, RequestCounts, RequestFilter } from './request-log.ts'

export interface AwsCloud {
  /** Of the first instance. */
  readonly metadataUrl: string
  readonly apiUrl: string
  readonly controlUrl: string
  /** What to export so that a program on the first instance talks to this cloud. */
  readonly env: Readonly<Record<string, string>>
  readonly accountId: string
  readonly region: string
  readonly instances: readonly Instance[]
  readonly requests: RequestLog
  readonly faults: Faults
  readonly clock: CloudClock
  readonly credentials: CredentialStore
  readonly throttle: Throttle
  readonly power: Power
  /** The live state of an instance, free to be changed; of the first unless named. */
  instance(id?: string): Instance
  /** As `env`, for a program on that instance. */
  envOf(id: string): Readonly<Record<string, string>>
  /** Resolves once the instance is in that state. */
  waitForState(state: StateName): Promise<Instance>
  /** Ends all servers, connections and timers. */
  close(): Promise<void>
}

/** Starts the cloud; rejects, with nothing left open, when an address may not or cannot be bound. */
export async function startAws(options: AwsOptions = {}): Promise<AwsCloud> {
  const core = createCore(options)
  const open: { close(): Promise<void> }[] = []
  const keep = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting
    open.push(server)
    return server
  }
  async function close(): Promise<void> {
    core.clock.close()
    await Promise.all(open.splice(0).map((server) => server.close()))
  }
  try {
    const api = await keep(startApi(core, options))
    const metadata = new Map<string, CloudServer>()
    for (const instance of core.instances.values()) {
      metadata.set(instance.id, await keep(startMetadata(core, options, instance)))
    }
    const control = await keep(startControl(controlled(core), options.control?.port ?? 0))
    return assemble({ core, api, metadata, control, close })
  } catch (error) {
    await close()
    throw error
  }
}

function controlled(core: Core): Controlled<Instance> {
  const { clock, faults, log, instances, credentials, power } = core
  return { clock, faults, requests: log, instances, credentials, verbs: verbsOf(power), changeSettings }
}

interface Parts {
  readonly core: Core
  readonly api: CloudServer
  readonly metadata: ReadonlyMap<string, CloudServer>
  readonly control: ControlServer
  readonly close: () => Promise<void>
}

function assemble({ core, api, metadata, control, close }: Parts): AwsCloud {
  const { clock, faults, log, credentials, throttle, power, region, accountId } = core
  const instances = [...core.instances.values()]
  const firstId = instances[0]?.id ?? ''
  const metadataUrlOf = (id: string): string => {
    const server = metadata.get(id)
    if (!server) throw new TypeError(`no instance ${id} in this cloud`)
    return server.url
  }
  const instance = (id = firstId): Instance => {
    const found = core.instances.get(id)
    if (!found) throw new TypeError(`no instance ${id} in this cloud`)
    return found
  }
  const envOf = (id: string): Readonly<Record<string, string>> => ({
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadataUrlOf(id),
    AWS_ENDPOINT_URL_EC2: api.url,
  })
  const waitForState: AwsCloud['waitForState'] = (state) => stateReached(core.stateListeners, instance(), state)
  const urls = { metadataUrl: metadataUrlOf(firstId), apiUrl: api.url, controlUrl: control.url }
  const parts = { accountId, region, instances, requests: log, faults, clock, credentials, throttle, power }
  return { ...urls, ...parts, env: envOf(firstId), instance, envOf, waitForState, close }
}
