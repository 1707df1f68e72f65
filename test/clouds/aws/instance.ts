// One simulated EC2 instance: what can be set about it, and what changes as it lives.

import { applySettings, type SettingRules } from '../settings.ts'
import type { Switchable } from '../transition.ts'

export type StateName = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'

/** The codes of InstanceState (API reference). */
export const stateCodes: Readonly<Record<StateName, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
}

/** Everything a test may set, at start or later. `null` is absent. */
export interface InstanceSettings {
  instanceType: string
  imageId: string
  architecture: 'x86_64' | 'arm64'
  availabilityZone: string
  mac: string
  privateIp: string
  hostname: string
  /** The role of the instance profile. */
  role: string | null
  hibernation: boolean
  /** After a cold boot, hibernation is refused as not ready for so long … */
  hibernationReadySeconds: number
  /** … and for this many calls. */
  notReadyCalls: number
  disableApiStop: boolean
  disableApiTermination: boolean
  shutdownBehavior: 'stop' | 'terminate'
  lifecycle: 'on-demand' | 'spot'
  spotRequest: 'one-time' | 'persistent'
  /** A member of an EC2 Fleet; one that begins so has the fleet's tag, which stays. */
  fleet: boolean
  /** The principal of the service that manages it. */
  operator: string | null
  rootDeviceName: string
  rootDeviceType: 'ebs' | 'instance-store'
  /** Devices of instance store volumes that are not NVMe; metadata lists no others. */
  ephemerals: readonly string[]
  metadataEndpoint: boolean
  metadataTokens: 'required' | 'optional'
  /** User agents that begin so may do without a token (cloud-init in a container never asks for one). */
  tokenOptionalFor: readonly string[]
  metadataTags: boolean
  /** Xen shows in its metadata the tags of the last start, Nitro the present ones. */
  hypervisor: 'nitro' | 'xen'
  userData: string | null
  publicKey: string | null
  /** Present for members of an Auto Scaling group. */
  targetLifecycleState: string | null
  /** JSON texts, as the metadata service gives them. */
  spotInstanceAction: string | null
  spotTerminationTime: string | null
  rebalance: string | null
  scheduledMaintenance: string
}

export interface Instance extends InstanceSettings, Switchable<StateName> {
  readonly id: string
  readonly tags: Map<string, string>
  /** The tags at the last start. */
  readonly startTags: Map<string, string>
  stateReason: { readonly code: string; readonly message: string } | undefined
  transitionReason: string
  /** Epoch milliseconds of the last start, a resume included. */
  launchTime: number
  /** Epoch milliseconds of the last cold boot. */
  bootTime: number
  hibernated: boolean
}

export interface InstanceSpec extends Partial<InstanceSettings> {
  readonly id?: string
  readonly tags?: Readonly<Record<string, string>>
  /** Epoch milliseconds; now unless given. */
  readonly launchTime?: number
}

const defaultInstanceId = 'i-0a1b2c3d4e5f60718'

const defaults: InstanceSettings = {
  instanceType: 'm6i.large',
  imageId: 'ami-0123456789abcdef0',
  architecture: 'x86_64',
  availabilityZone: 'eu-west-1a',
  mac: '02:00:00:00:00:01',
  privateIp: '10.77.0.50',
  hostname: 'ip-10-77-0-50.eu-west-1.compute.internal',
  role: 'idle-agent',
  hibernation: true,
  hibernationReadySeconds: 0,
  notReadyCalls: 0,
  disableApiStop: false,
  disableApiTermination: false,
  shutdownBehavior: 'stop',
  lifecycle: 'on-demand',
  spotRequest: 'persistent',
  fleet: false,
  operator: null,
  rootDeviceName: '/dev/xvda',
  rootDeviceType: 'ebs',
  ephemerals: [],
  metadataEndpoint: true,
  metadataTokens: 'required',
  tokenOptionalFor: [],
  metadataTags: true,
  hypervisor: 'nitro',
  userData: null,
  publicKey: null,
  targetLifecycleState: null,
  spotInstanceAction: null,
  spotTerminationTime: null,
  rebalance: null,
  scheduledMaintenance: '[]',
}

const fleetTag = { 'aws:ec2:fleet-id': 'fleet-12a34b55-67cd-8ef9-ba9b-9208dEXAMPLE' }

/** Creates an instance that is running and was launched at `now` unless the spec says otherwise. */
export function createInstance(spec: InstanceSpec, now: number): Instance {
  const { id = defaultInstanceId, tags = {}, launchTime = now, ...settings } = spec
  const zone = settings.availabilityZone ?? defaults.availabilityZone
  const allTags = Object.entries({ ...tags, ...(settings.fleet === true ? fleetTag : {}) })
  return {
    ...defaults,
    hostname: `ip-${(settings.privateIp ?? defaults.privateIp).replaceAll('.', '-')}.${regionOf(zone)}.compute.internal`,
    ...settings,
    id,
    tags: new Map(allTags),
    startTags: new Map(allTags),
    state: 'running',
    stateReason: undefined,
    transitionReason: '',
    launchTime,
    bootTime: launchTime,
    hibernated: false,
    change: 0,
    hookError: undefined,
  }
}

/** The region of a zone: `eu-west-1` of `eu-west-1a`. */
export function regionOf(availabilityZone: string): string {
  return availabilityZone.replace(/[a-z]$/, '')
}

const rules: SettingRules<InstanceSettings> = {
  defaults,
  choices: {
    architecture: ['x86_64', 'arm64'],
    shutdownBehavior: ['stop', 'terminate'],
    lifecycle: ['on-demand', 'spot'],
    spotRequest: ['one-time', 'persistent'],
    rootDeviceType: ['ebs', 'instance-store'],
    metadataTokens: ['required', 'optional'],
    hypervisor: ['nitro', 'xen'],
  },
  nullable: new Set<keyof InstanceSettings>([
    'role',
    'operator',
    'userData',
    'publicKey',
    'targetLifecycleState',
    'spotInstanceAction',
    'spotTerminationTime',
    'rebalance',
  ]),
}

/** Changes settings that came from outside; throws a TypeError that says what is wrong, then nothing is changed. */
export function changeSettings(instance: Instance, changes: Readonly<Record<string, unknown>>): void {
  applySettings<InstanceSettings>(instance, changes, rules)
}
