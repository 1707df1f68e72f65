// One simulated AWS account: its state, and its servers before they are put together.

import { type CloudClock, createClock } from '../clock.ts'
import { createFaults, type TakeableFaults } from '../faults.ts'
import { type CloudServer, startCloudServer } from '../http-server.ts'
import { createRequestLog, type LoggedRequest, type WritableRequestLog } from '../request-log.ts'
import type { StateListener as Listener } from '../transition.ts'
import { type CredentialStore, createCredentials } from './credentials.ts'
import { answerApi, describeApi } from './ec2.ts'
import { errorAnswer, usualError } from './errors.ts'
import { type RolePolicy, readingPolicy } from './iam.ts'
import { answerMetadata, describeMetadata, page, type Tokens } from './imds.ts'
import { createInstance, type Instance, type InstanceSpec, regionOf, type StateName } from './instance.ts'
import { createPower, type Power, type PowerDelays, type PowerHooks } from './power.ts'
import { createThrottle, type Throttle } from './throttle.ts'

export interface AwsOptions {
  /** Where all servers but the control server listen; 127.0.0.1 unless given. Anything that is not loopback is
   * refused while the network has a default route. */
  readonly bind?: string
  readonly metadata?: Endpoint
  readonly api?: Endpoint
  readonly control?: { readonly port?: number }
  /** One default instance unless given; the first is the one meant when none is named. */
  readonly instances?: readonly InstanceSpec[]
  readonly accountId?: string
  /** How long transitions take; 0 unless given. */
  readonly delays?: Partial<PowerDelays>
  readonly hooks?: PowerHooks
  /** What each role may do; `idle-agent` has what the agent needs. */
  readonly roles?: Readonly<Record<string, RolePolicy>>
  readonly credentialLifetimeSeconds?: number
  /** Whether calls cost tokens from the vendor's buckets; they do not unless asked. */
  readonly throttle?: boolean
  readonly clock?: CloudClock
  readonly onRequest?: (request: LoggedRequest) => void
  readonly onState?: StateListener
}

export interface Endpoint {
  readonly address?: string
  /** For the metadata of the first instance; the others get free ports. */
  readonly port?: number
}

export type StateListener = Listener<StateName, Instance>

/** Everything but the servers. */
export interface Core {
  readonly clock: CloudClock
  readonly faults: TakeableFaults
  readonly log: WritableRequestLog
  readonly instances: ReadonlyMap<string, Instance>
  readonly tokens: ReadonlyMap<string, Tokens>
  readonly credentials: CredentialStore
  readonly throttle: Throttle
  readonly power: Power
  readonly region: string
  readonly accountId: string
  readonly policies: ReadonlyMap<string, RolePolicy>
  readonly stateListeners: Set<StateListener>
}

/** Creates the account and its instances, all off the network. */
export function createCore(options: AwsOptions): Core {
  const clock = options.clock ?? createClock()
  const accountId = options.accountId ?? '123456789012'
  const instances = createInstances(options.instances ?? [{}], clock.now())
  const tokens = new Map([...instances.keys()].map((id): [string, Tokens] => [id, new Map()]))
  const stateListeners = new Set<StateListener>(options.onState ? [options.onState] : [])
  const delays = { stopMs: 0, hibernateMs: 0, startMs: 0, ...options.delays }
  const onState: StateListener = (instance, before) => {
    // A start may be on another host, where the tokens of before are unknown.
    if (instance.state === 'pending') tokens.get(instance.id)?.clear()
    for (const listener of [...stateListeners]) listener(instance, before)
  }
  const lifetimeSeconds = options.credentialLifetimeSeconds ?? 6 * 3600
  return {
    clock,
    faults: createFaults(),
    log: createRequestLog(options.onRequest),
    instances,
    tokens,
    credentials: createCredentials({ clock, accountId, lifetimeSeconds, rotateBeforeSeconds: lifetimeSeconds / 6 }),
    throttle: createThrottle(clock, options.throttle ?? false),
    power: createPower({ clock, delays, hooks: options.hooks ?? {}, onState }),
    region: regionOfAll([...instances.values()]),
    accountId,
    policies: new Map(Object.entries({ 'idle-agent': readingPolicy, ...options.roles })),
    stateListeners,
  }
}

function createInstances(specs: readonly InstanceSpec[], now: number): Map<string, Instance> {
  const instances = new Map<string, Instance>()
  for (const spec of specs) {
    const instance = createInstance(spec, now)
    if (instances.has(instance.id)) throw new TypeError(`two instances have the id ${instance.id}`)
    instances.set(instance.id, instance)
  }
  return instances
}

function regionOfAll(instances: readonly Instance[]): string {
  const [region, another] = new Set(instances.map((instance) => regionOf(instance.availabilityZone)))
  if (region === undefined || another !== undefined)
    throw new TypeError('one cloud has instances in exactly one region')
  return region
}

/** Starts the EC2 API. */
export function startApi(core: Core, options: AwsOptions): Promise<CloudServer> {
  const { clock, faults, log, credentials, throttle, region, accountId, instances, policies, power } = core
  const account = { id: accountId, region, instances, policies, power, clock }
  return startCloudServer({
    name: 'api',
    address: options.api?.address ?? options.bind ?? '127.0.0.1',
    port: options.api?.port ?? 0,
    clock,
    log,
    faults,
    describe: describeApi,
    answer: (request) => answerApi({ account, credentials, throttle }, request),
    error: (code, message, status) => errorAnswer(usualError(code, message, status), 'ordered-fault'),
  })
}

/** Starts the metadata service of one instance. */
export function startMetadata(core: Core, options: AwsOptions, instance: Instance): Promise<CloudServer> {
  const { clock, faults, log, credentials, accountId } = core
  const tokens = core.tokens.get(instance.id) ?? new Map<string, number>()
  const isFirst = instance === [...core.instances.values()][0]
  return startCloudServer({
    name: 'metadata',
    address: options.metadata?.address ?? options.bind ?? '127.0.0.1',
    port: isFirst ? (options.metadata?.port ?? 0) : 0,
    instanceId: instance.id,
    clock,
    log,
    faults,
    describe: describeMetadata,
    answer: (request) => answerMetadata({ instance, accountId, credentials, tokens }, request),
    error: (code, message, status) => page(status ?? 500, message ?? code),
  })
}
