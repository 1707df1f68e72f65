// The rows of the ownership table of AWS (cloud.md 6), as the executable meets them: what is on the instance, and what comes of it.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { agentPolicy } from '../clouds/aws/iam.ts'
import type { AwsOptions, Fault, InstanceSettings, InstanceSpec } from '../clouds/aws.ts'
import type { Machine } from './machine.ts'

export interface Story {
  readonly row: number | 'none'
  readonly name: string
  readonly instance?: InstanceSpec
  readonly cloud?: AwsOptions
  /** Files below the root of the machine; a folder ends in a slash. */
  readonly files?: Readonly<Record<string, string>>
  readonly allow?: string
  readonly fault?: Fault
}

export interface RefusedStory extends Story {
  readonly refusal: string
  /** What StopInstances was asked; nothing unless said. */
  readonly sent?: readonly string[]
  /** What ends the refusal; nothing where it ends by itself. */
  readonly mend?: Partial<InstanceSettings> | ((machine: Machine) => void)
}

function without(...actions: readonly string[]): AwsOptions {
  const left = agentPolicy.actions.filter((name) => !actions.includes(name))
  return { roles: { 'idle-agent': { ...agentPolicy, actions: left }, 'as-it-should-be': agentPolicy } }
}

export function error(code: string, message?: string): Fault {
  return { kind: 'api-error', code, ...(message === undefined ? {} : { message }) }
}

export const spot = { lifecycle: 'spot' } as const
export const group = { 'aws:autoscaling:groupName': 'workers' }
const interruption = '{"action": "terminate", "time": "2026-11-22T18:02:00Z"}'
export const store = {
  '/sys/block/nvme1n1/device/model': 'Amazon EC2 NVMe Instance Storage        \n',
  '/sys/block/nvme1n1/dev': '259:1\n',
  '/proc/self/mountinfo':
    '22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n90 22 259:1 / /scratch rw,noatime - xfs /dev/nvme1n1 rw\n',
  '/scratch/model.bin': 'weights',
}
function untag({ cloud }: Machine): void {
  const instance = cloud.instance()
  instance.tags.clear()
  Object.assign(instance, { fleet: false, lifecycle: 'on-demand' })
}

const noSwap = 'Filename Type Size Used Priority\n'
export const maintenance = [{ Code: 'instance-retirement', State: 'active', NotBefore: '21 Jan 2027 09:00:43 GMT' }]

export const refused: readonly RefusedStory[] = [
  {
    row: 9,
    name: 'in service',
    instance: { targetLifecycleState: 'InService', tags: group },
    refusal: 'AutoScaling (opt-in)',
    mend: { targetLifecycleState: 'Detached' },
  },
  {
    row: 9,
    name: 'its tag alone',
    instance: { tags: group },
    refusal: 'AutoScaling (opt-in)',
    mend: untag,
  },
  {
    row: 9,
    name: 'Standby',
    instance: { targetLifecycleState: 'Standby' },
    refusal: 'AutoScaling (opt-in)',
    mend: { targetLifecycleState: 'Detached' },
  },
  {
    row: 10,
    name: 'Spot',
    instance: spot,
    refusal: 'Spot (opt-in)',
    mend: { lifecycle: 'on-demand' },
  },
  {
    row: 10,
    name: 'one-time Spot that is allowed',
    instance: { ...spot, spotRequest: 'one-time' },
    allow: '[spot]',
    refusal: 'UnsupportedOperation (owned)',
    sent: ['stop UnsupportedOperation'],
    mend: { lifecycle: 'on-demand' },
  },
  {
    row: 10,
    name: 'a fleet',
    instance: { ...spot, fleet: true },
    allow: '[spot]',
    refusal: 'Fleet (owned)',
    mend: untag,
  },
  {
    row: 10,
    name: 'a fleet whose tag nobody may read',
    instance: { ...spot, fleet: true, metadataTags: false },
    cloud: without('DescribeTags'),
    allow: '[spot]',
    refusal: 'UnsupportedOperation (owned)',
    sent: ['stop UnsupportedOperation'],
    mend: untag,
  },
  {
    row: 10,
    name: 'an announced interruption',
    instance: { ...spot, spotInstanceAction: interruption },
    allow: '[spot]',
    refusal: 'SpotInterruption (wrong-state)',
    mend: { spotInstanceAction: null },
  },
  {
    row: 11,
    name: 'EKS',
    instance: { tags: { 'eks:cluster-name': 'c' } },
    refusal: 'ManagedByService (owned)',
    mend: untag,
  },
  {
    row: 11,
    name: 'EMR',
    instance: { tags: { 'aws:elasticmapreduce:job-flow-id': 'j' } },
    refusal: 'ManagedByService (owned)',
    mend: untag,
  },
  {
    row: 11,
    name: 'ECS agent',
    files: { '/sys/fs/cgroup/system.slice/ecs.service/': '' },
    refusal: 'ManagedByService (owned)',
    mend: ({ root }) => rmSync(join(root, '/sys/fs/cgroup/system.slice/ecs.service'), { recursive: true }),
  },
  {
    row: 12,
    name: 'root on instance store',
    instance: { rootDeviceType: 'instance-store' },
    refusal: 'InstanceStoreRoot (owned)',
    mend: { rootDeviceType: 'ebs' },
  },
  {
    row: 13,
    name: 'data on instance store',
    files: store,
    refusal: 'InstanceStoreData (opt-in)',
    mend: ({ root }) => rmSync(join(root, '/scratch/model.bin')),
  },
  {
    row: 14,
    name: 'stop protection',
    instance: { disableApiStop: true },
    refusal: 'OperationNotPermitted (protected)',
    sent: ['hibernate OperationNotPermitted'],
    mend: { disableApiStop: false },
  },
  {
    row: 18,
    name: 'EC2 says not ready',
    instance: { notReadyCalls: 1 },
    refusal: 'UnsupportedOperation (not-ready)',
    sent: ['hibernate UnsupportedOperation'],
  },
  {
    row: 18,
    name: 'no swap, says the machine',
    files: { '/var/lib/hibinit-agent/hibernation-enabled': '', '/proc/swaps': noSwap },
    refusal: 'HibernationNotReady (not-ready)',
    mend: (machine) => machine.write('/proc/swaps', `${noSwap}/swap file 9000000 0 -2\n`),
  },
  {
    row: 19,
    name: 'a role without the right',
    cloud: without('StopInstances'),
    refusal: 'UnauthorizedOperation (forbidden)',
    sent: ['hibernate UnauthorizedOperation'],
    mend: { role: 'as-it-should-be' },
  },
  {
    row: 19,
    name: 'keys that expired',
    fault: error('ExpiredToken'),
    refusal: 'ExpiredToken (credentials)',
    sent: ['hibernate ExpiredToken', 'hibernate ExpiredToken'],
  },
  {
    row: 'none',
    name: 'wrong state',
    fault: error('IncorrectInstanceState'),
    refusal: 'IncorrectInstanceState (wrong-state)',
    sent: ['hibernate IncorrectInstanceState'],
  },
  {
    row: 'none',
    name: 'throttled',
    fault: error('RequestLimitExceeded'),
    refusal: 'RequestLimitExceeded (throttled)',
    sent: ['hibernate RequestLimitExceeded'],
  },
  {
    row: 'none',
    name: 'a text that nobody has seen',
    fault: error('UnsupportedOperation', 'The moon is in the wrong place.'),
    refusal: 'UnsupportedOperation (other)',
    sent: ['hibernate UnsupportedOperation'],
  },
]
