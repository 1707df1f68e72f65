// One simulated Azure subscription: its state, and its servers before they are put together.

import { type Authority, createAuthority } from '../certificates.ts'
import { type CloudClock, createClock } from '../clock.ts'
import { createFaults, type TakeableFaults } from '../faults.ts'
import { type CloudServer, startCloudServer } from '../http-server.ts'
import { createRequestLog, type LoggedRequest, type WritableRequestLog } from '../request-log.ts'
import type { StateListener as Listener } from '../transition.ts'
import { answerArm, describeArm } from './arm.ts'
import type { Account, AsyncOperation } from './call.ts'
import { errorAnswer, usualError } from './errors.ts'
import { createTokens } from './identity.ts'
import { answerMetadata, describeMetadata, problem } from './imds.ts'
import { createVmPower, type VmDelays, type VmHooks } from './power.ts'
import { agentRole, type RoleDefinition } from './roles.ts'
import { createThrottle } from './throttle.ts'
import { managerOrigin, metadataOrigin, type Traffic, trafficOf } from './traffic.ts'
import { createVm, type Vm, type VmSpec, type VmState } from './vm.ts'
import { answerWireserver, describeWireserver } from './wireserver.ts'

export interface AzureOptions {
  /** Where all servers but the control server listen; 127.0.0.1 unless given. Anything that is not loopback is
   * refused while the network has a default route. */
  readonly bind?: string
  readonly metadata?: Endpoint
  /** Azure Resource Manager, over TLS. */
  readonly api?: Endpoint
  /** The host's own server, which provisions the guest; not started unless given. */
  readonly wireserver?: Endpoint
  readonly control?: { readonly port?: number }
  /** One default VM unless given; the first is the one meant when none is named. */
  readonly instances?: readonly VmSpec[]
  /** How long transitions take; 0 unless given. */
  readonly delays?: Partial<VmDelays>
  readonly hooks?: VmHooks
  /** What each role may do; `idle-agent` may do what the agent needs. */
  readonly roles?: Readonly<Record<string, RoleDefinition>>
  readonly tokenLifetimeSeconds?: number
  /** What an asynchronous operation's poller is told to wait; 10, as the vendor's, unless given. */
  readonly pollSeconds?: number
  /** Whether calls and metadata requests cost tokens from the vendor's buckets; they do not unless asked. */
  readonly throttle?: boolean
  readonly clock?: CloudClock
  readonly onRequest?: (request: LoggedRequest) => void
  /** Told of each answer of Resource Manager and of metadata, for a validator that others wrote. */
  readonly onTraffic?: (traffic: Traffic) => void
  readonly onState?: StateListener
}

export interface Endpoint {
  readonly address?: string
  /** For the metadata of the first VM; the others get free ports. */
  readonly port?: number
}

export type StateListener = Listener<VmState, Vm>

/** Everything but the servers. */
export interface Core {
  readonly clock: CloudClock
  readonly faults: TakeableFaults
  readonly log: WritableRequestLog
  readonly account: Account
  readonly authority: Authority
  readonly stateListeners: Set<StateListener>
}

/** Creates the subscription and its VMs, all off the network. */
export function createCore(options: AzureOptions): Core {
  const clock = options.clock ?? createClock()
  const stateListeners = new Set<StateListener>(options.onState ? [options.onState] : [])
  const onState: StateListener = (vm, before) => {
    for (const listener of [...stateListeners]) listener(vm, before)
  }
  const delays = { stopMs: 0, hibernateMs: 0, startMs: 0, ...options.delays }
  const account: Account = {
    vms: createVms(options.instances ?? [{}], clock.now()),
    roles: new Map(Object.entries({ 'idle-agent': agentRole, ...options.roles })),
    tokens: createTokens({ clock, lifetimeSeconds: options.tokenLifetimeSeconds ?? 86_400 }),
    throttle: createThrottle(clock, options.throttle ?? false),
    power: createVmPower({ clock, delays, hooks: options.hooks ?? {}, onState }),
    clock,
    operations: new Map<string, AsyncOperation>(),
    pollSeconds: options.pollSeconds ?? 10,
  }
  const authority = createAuthority({ commonName: 'Simulated Azure', now: Date.now() })
  return { clock, faults: createFaults(), log: createRequestLog(options.onRequest), account, authority, stateListeners }
}

function createVms(specs: readonly VmSpec[], now: number): Map<string, Vm> {
  const vms = new Map<string, Vm>()
  for (const spec of specs) {
    const vm = createVm(spec, now)
    if (vms.has(vm.id)) throw new TypeError(`two VMs have the id ${vm.id}`)
    vms.set(vm.id, vm)
  }
  return vms
}

/** Starts Azure Resource Manager. */
export function startArm(
  { account, authority, clock, faults, log }: Core,
  options: AzureOptions,
): Promise<CloudServer> {
  const address = options.api?.address ?? options.bind ?? '127.0.0.1'
  const { onTraffic } = options
  return startCloudServer({
    name: 'api',
    address,
    port: options.api?.port ?? 0,
    // The last is where a guest finds it under the vendor's own name.
    tls: authority.issue([address, 'localhost', 'management.azure.com']),
    clock,
    log,
    faults,
    describe: describeArm,
    answer: (request) => answerArm(account, request),
    onAnswer: onTraffic && ((request, answer) => onTraffic(trafficOf(managerOrigin, request, answer))),
    error: (code, message, status) => errorAnswer(usualError(code, message, status)),
  })
}

/** Starts the metadata service of one VM. */
export function startMetadata(core: Core, options: AzureOptions, vm: Vm): Promise<CloudServer> {
  const { account, clock, faults, log } = core
  const isFirst = vm === [...account.vms.values()][0]
  const rates = account.throttle.metadataOf(vm.id)
  const { onTraffic } = options
  return startCloudServer({
    name: 'metadata',
    address: options.metadata?.address ?? options.bind ?? '127.0.0.1',
    port: isFirst ? (options.metadata?.port ?? 0) : 0,
    instanceId: vm.id,
    clock,
    log,
    faults,
    describe: describeMetadata,
    answer: (request) => answerMetadata({ vm, tokens: account.tokens, rates, log }, request),
    onAnswer: onTraffic && ((request, answer) => onTraffic(trafficOf(metadataOrigin, request, answer))),
    error: (code, message, status) => problem(status ?? 500, message ?? code),
  })
}

/** Starts the wireserver of the first VM. */
export function startWireserver(core: Core, options: AzureOptions, vm: Vm): Promise<CloudServer> {
  const { clock, faults, log } = core
  return startCloudServer({
    name: 'wireserver',
    address: options.wireserver?.address ?? options.bind ?? '127.0.0.1',
    port: options.wireserver?.port ?? 0,
    instanceId: vm.id,
    clock,
    log,
    faults,
    describe: describeWireserver,
    answer: (request) => answerWireserver(vm, request),
    error: (_code, message, status) => ({ status: status ?? 500, body: message ?? '' }),
  })
}
