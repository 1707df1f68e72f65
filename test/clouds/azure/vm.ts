// One simulated Azure VM: what can be set about it, and what changes as it lives.

import { createHash } from 'node:crypto'
import { applySettings, type SettingRules } from '../settings.ts'
import type { Switchable } from '../transition.ts'

/** `stopped` is what a guest's own shutdown leads to: still allocated, and paid for. */
export type VmState = 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated' | 'hibernated'

const unpaid: readonly VmState[] = ['deallocating', 'deallocated', 'hibernated']

/** Everything a test may set, at start or later. `null` is absent. */
export interface VmSettings {
  size: string
  zone: string
  mac: string
  privateIp: string
  computerName: string
  adminUsername: string
  environment: 'AzurePublicCloud' | 'AzureUSGovernmentCloud' | 'AzureChinaCloud'
  /** `additionalCapabilities.hibernationEnabled`. */
  hibernation: boolean
  /** After a cold boot, hibernation is refused as not supported for so long … */
  hibernationReadySeconds: number
  /** … and for this many calls. */
  notReadyCalls: number
  /** The extension that prepares the guest for hibernation. */
  hibernationExtension: 'ready' | 'failed'
  /** What accepted deallocations end in: an error code, and the machine runs on; they succeed where it is `null`. */
  deallocationFails: string | null
  priority: 'Regular' | 'Spot'
  evictionPolicy: '' | 'Deallocate' | 'Delete'
  scaleSet: string | null
  /** What kind of scale set it is. */
  orchestration: 'Uniform' | 'Flexible'
  securityType: '' | 'TrustedLaunch' | 'ConfidentialVM'
  ephemeralOsDisk: boolean
  /** Size of the temporary disk in kB; 0 where there is none. */
  resourceDiskKb: number
  dataDisks: readonly string[]
  /** Whether it has a system-assigned identity. */
  identity: boolean
  /** The role that is assigned to its identity. */
  role: string | null
  /** The assignment takes effect so long after the machine was made. */
  roleAfterSeconds: number
  /** Where the role is assigned. */
  roleScope: 'vm' | 'group' | 'subscription'
  lock: 'ReadOnly' | 'CanNotDelete' | null
  lockScope: 'vm' | 'group' | 'subscription'
  /** User data as the operator gave it, not in base64. */
  userData: string | null
  publicKeys: readonly string[]
  /** JSON list of scheduled events, as the metadata service gives them. */
  scheduledEvents: string
}

export interface Vm extends VmSettings, Switchable<VmState> {
  /** `vmId`: a GUID in lower case. */
  readonly id: string
  readonly name: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly location: string
  /** Object id of its system-assigned identity. */
  readonly principalId: string
  /** Names are compared without case. */
  readonly tags: Map<string, string>
  /** The tags at the last start, which is what metadata shows a member of a scale set. */
  readonly startTags: Map<string, string>
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** Epoch milliseconds of the last start, a resume included. */
  startedAt: number
  /** Epoch milliseconds of the last cold boot. */
  bootTime: number
  /** Whether the guest's memory lies on its disk. */
  memoryKept: boolean
  /** Epoch milliseconds until which scheduled events are on; each call puts them on for a day. */
  eventsUntil: number
  /** Goes up with each change of the scheduled events. */
  eventsIncarnation: number
  /** Whether the guest has told the wireserver that it is provisioned. */
  provisioned: boolean
}

export interface VmSpec extends Partial<VmSettings> {
  readonly id?: string
  readonly name?: string
  readonly subscriptionId?: string
  readonly resourceGroup?: string
  readonly location?: string
  readonly tags?: Readonly<Record<string, string>>
  /** Epoch milliseconds; now unless given. */
  readonly createdAt?: number
}

export const defaultVmId = '5c08b38e-4d57-4c23-ac45-aca61037f084'

const defaults: VmSettings = {
  size: 'Standard_D4s_v5',
  zone: '1',
  mac: '02:00:00:00:00:01',
  privateIp: '10.77.0.50',
  computerName: 'workstation',
  adminUsername: 'azureuser',
  environment: 'AzurePublicCloud',
  hibernation: true,
  hibernationReadySeconds: 0,
  notReadyCalls: 0,
  hibernationExtension: 'ready',
  deallocationFails: null,
  priority: 'Regular',
  evictionPolicy: '',
  scaleSet: null,
  orchestration: 'Uniform',
  securityType: '',
  ephemeralOsDisk: false,
  resourceDiskKb: 0,
  dataDisks: [],
  identity: true,
  role: 'idle-agent',
  roleAfterSeconds: 0,
  roleScope: 'vm',
  lock: null,
  lockScope: 'vm',
  userData: null,
  publicKeys: [],
  scheduledEvents: '[]',
}

/** Creates a VM that is running and was made at `now` unless the spec says otherwise. */
export function createVm(spec: VmSpec, now: number): Vm {
  const { id = defaultVmId, name = 'workstation-1', tags = {}, createdAt = now, ...rest } = spec
  const {
    subscriptionId = '11111111-2222-3333-4444-555555555555',
    resourceGroup = 'workstations',
    location = 'westeurope',
    ...settings
  } = rest
  return {
    ...defaults,
    computerName: name,
    ...settings,
    id: id.toLowerCase(),
    name,
    subscriptionId,
    resourceGroup,
    location,
    principalId: guid(`principal of ${id}`),
    tags: new Map(Object.entries(tags)),
    startTags: new Map(Object.entries(tags)),
    createdAt,
    startedAt: createdAt,
    bootTime: createdAt,
    state: 'running',
    memoryKept: false,
    change: 0,
    hookError: undefined,
    eventsUntil: 0,
    eventsIncarnation: 1,
    provisioned: false,
  }
}

/** A GUID that is always the same for the same text. */
export function guid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

/** The ids that a lock or a role can lie on. */
export function scopesOf(vm: Vm): Readonly<Record<VmSettings['lockScope'], string>> {
  const subscription = `/subscriptions/${vm.subscriptionId}`
  return {
    subscription,
    group: `${subscription}/resourceGroups/${vm.resourceGroup}`,
    vm: resourceIdOf(vm),
  }
}

/** Members of a Uniform scale set are no resources of their own. */
export function resourceIdOf(vm: Vm): string {
  const group = `/subscriptions/${vm.subscriptionId}/resourceGroups/${vm.resourceGroup}/providers/Microsoft.Compute`
  if (vm.scaleSet === null || vm.orchestration === 'Flexible') return `${group}/virtualMachines/${vm.name}`
  return `${group}/virtualMachineScaleSets/${vm.scaleSet}/virtualMachines/0`
}

/** Whether compute is paid for in that state. */
export function isBilled(state: VmState): boolean {
  return !unpaid.includes(state)
}

const rules: SettingRules<VmSettings> = {
  defaults,
  choices: {
    environment: ['AzurePublicCloud', 'AzureUSGovernmentCloud', 'AzureChinaCloud'],
    hibernationExtension: ['ready', 'failed'],
    priority: ['Regular', 'Spot'],
    evictionPolicy: ['', 'Deallocate', 'Delete'],
    orchestration: ['Uniform', 'Flexible'],
    securityType: ['', 'TrustedLaunch', 'ConfidentialVM'],
    roleScope: ['vm', 'group', 'subscription'],
    lock: ['ReadOnly', 'CanNotDelete'],
    lockScope: ['vm', 'group', 'subscription'],
  },
  nullable: new Set<keyof VmSettings>(['deallocationFails', 'scaleSet', 'role', 'lock', 'userData']),
}

/** Changes settings that came from outside; throws a TypeError that says what is wrong, then nothing is changed. */
export function changeVm(vm: Vm, changes: Readonly<Record<string, unknown>>): void {
  const { scheduledEvents } = changes
  applySettings<VmSettings>(vm, changes, rules)
  if (scheduledEvents !== undefined) vm.eventsIncarnation += 1
}
