// A whole loopback Azure: one subscription, a metadata service for each VM, and Resource Manager over TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AzureOptions, type Core, createCore, startArm, startMetadata, startWireserver } from './azure/core.ts'
import type { TokenStore } from './azure/identity.ts'
import { type VmPower, verbsOf } from './azure/power.ts'
import type { Throttle } from './azure/throttle.ts'
import { changeVm, type Vm, type VmState } from './azure/vm.ts'
import type { CloudClock } from './clock.ts'
import { type Controlled, type ControlServer, startControl } from './control.ts'
import type { Faults } from './faults.ts'
import type { CloudServer } from './http-server.ts'
import type { RequestLog } from './request-log.ts'
import { stateReached } from './transition.ts'

export type { AzureOptions, Endpoint } from './azure/core.ts'
export type { RoleDefinition } from './azure/roles.ts'
export type { Vm, VmSettings, VmSpec, VmState } from './azure/vm.ts'
export { isBilled, resourceIdOf } from './azure/vm.ts'
export type { Fault, FaultOrder } from './faults.ts'
export type { LoggedRequest, RequestCounts, RequestFilter } from './request-log.ts'

export interface AzureCloud {
  /** Of the first VM. */
  readonly metadataUrl: string
  /** Azure Resource Manager, `https:`. */
  readonly apiUrl: string
  /** Of the first VM; `undefined` unless it was asked for. */
  readonly wireserverUrl: string | undefined
  readonly controlUrl: string
  /** The certificate that a client of `apiUrl` has to trust, as a PEM text. */
  readonly caCert: string
  /** What to export so that a program on the first VM talks to this cloud; the certificate is a file until `close`. */
  readonly env: Readonly<Record<string, string>>
  readonly instances: readonly Vm[]
  readonly requests: RequestLog
  readonly faults: Faults
  readonly clock: CloudClock
  readonly tokens: TokenStore
  readonly throttle: Throttle
  readonly power: VmPower
  /** The live state of a VM by its vmId, free to be changed; of the first unless named. */
  instance(id?: string): Vm
  /** As `env`, for a program on that VM. */
  envOf(id: string): Readonly<Record<string, string>>
  /** Resolves once the VM is in that state. */
  waitForState(state: VmState): Promise<Vm>
  /** Ends all servers, connections and timers. */
  close(): Promise<void>
}

/** Starts the cloud; rejects, with nothing left open, when an address may not or cannot be bound. */
export async function startAzure(options: AzureOptions = {}): Promise<AzureCloud> {
  const core = createCore(options)
  const folder = mkdtempSync(join(tmpdir(), 'loopback-azure-'))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', clean)
  const open: { close(): Promise<void> }[] = []
  const keep = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting
    open.push(server)
    return server
  }
  async function close(): Promise<void> {
    core.clock.close()
    await Promise.all(open.splice(0).map((server) => server.close()))
    clean()
    process.off('exit', clean)
  }
  try {
    const caPath = join(folder, 'ca.pem')
    writeFileSync(caPath, core.authority.cert)
    const api = await keep(startArm(core, options))
    const metadata = new Map<string, CloudServer>()
    const vms = [...core.account.vms.values()]
    for (const vm of vms) metadata.set(vm.id, await keep(startMetadata(core, options, vm)))
    const [first] = vms
    const wireserver = options.wireserver && first ? await keep(startWireserver(core, options, first)) : undefined
    const control = await keep(startControl(controlled(core), options.control?.port ?? 0))
    return assemble({ core, caPath, api, metadata, wireserver, control, close })
  } catch (error) {
    await close()
    throw error
  }
}

function controlled({ account, clock, faults, log }: Core): Controlled<Vm> {
  const { vms, tokens, power } = account
  const verbs = verbsOf(power)
  return { clock, faults, requests: log, instances: vms, credentials: tokens, verbs, changeSettings: changeVm }
}

interface Parts {
  readonly core: Core
  readonly caPath: string
  readonly api: CloudServer
  readonly metadata: ReadonlyMap<string, CloudServer>
  readonly wireserver: CloudServer | undefined
  readonly control: ControlServer
  readonly close: () => Promise<void>
}

function assemble({ core, caPath, api, metadata, wireserver, control, close }: Parts): AzureCloud {
  const { account, authority, clock, faults, log } = core
  const { tokens, throttle, power } = account
  const instances = [...account.vms.values()]
  const firstId = instances[0]?.id ?? ''
  const metadataUrlOf = (id: string): string => {
    const server = metadata.get(id)
    if (!server) throw new TypeError(`no VM ${id} in this cloud`)
    return server.url
  }
  const instance = (id = firstId): Vm => {
    const found = account.vms.get(id)
    if (!found) throw new TypeError(`no VM ${id} in this cloud`)
    return found
  }
  const envOf = (id: string): Readonly<Record<string, string>> => ({
    AZURE_POD_IDENTITY_AUTHORITY_HOST: metadataUrlOf(id),
    AZURE_RESOURCE_MANAGER_ENDPOINT: api.url,
    NODE_EXTRA_CA_CERTS: caPath,
  })
  const waitForState: AzureCloud['waitForState'] = (state) => stateReached(core.stateListeners, instance(), state)
  const urls = { metadataUrl: metadataUrlOf(firstId), apiUrl: api.url, wireserverUrl: wireserver?.url }
  const parts = { caCert: authority.cert, instances, requests: log, faults, clock, tokens, throttle, power }
  return { ...urls, controlUrl: control.url, ...parts, env: envOf(firstId), instance, envOf, waitForState, close }
}
