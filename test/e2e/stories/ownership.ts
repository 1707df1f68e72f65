// The ownership table of AWS (cloud.md 6), row by row, with the executable: exit code, audit line, tags, status, and what was sent.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentPolicy } from '../../clouds/aws/iam.ts'
import type { AwsOptions, Fault, InstanceSpec } from '../../clouds/aws.ts'
import { checkNow, startDueMachine, timePasses } from '../due.ts'
import { fastest, type Machine } from '../machine.ts'

const slow = { timeout: 60_000 }

interface Story {
  readonly row: number | 'none'
  readonly name: string
  readonly instance?: InstanceSpec
  readonly cloud?: AwsOptions
  /** Files below the root of the machine; a folder ends in a slash. */
  readonly files?: Readonly<Record<string, string>>
  readonly allow?: string
  readonly fault?: Fault
}

interface RefusedStory extends Story {
  readonly refusal: string
  /** What StopInstances was asked; nothing unless said. */
  readonly sent?: readonly string[]
}

function without(...actions: readonly string[]): AwsOptions {
  const left = agentPolicy.actions.filter((name) => !actions.includes(name))
  return { roles: { 'idle-agent': { ...agentPolicy, actions: left } } }
}

function error(code: string, message?: string): Fault {
  return { kind: 'api-error', code, ...(message === undefined ? {} : { message }) }
}

const spot = { lifecycle: 'spot' } as const
const group = { 'aws:autoscaling:groupName': 'workers' }
const interruption = '{"action": "terminate", "time": "2026-11-22T18:02:00Z"}'
const store = {
  '/sys/block/nvme1n1/device/model': 'Amazon EC2 NVMe Instance Storage        \n',
  '/sys/block/nvme1n1/dev': '259:1\n',
  '/proc/self/mountinfo':
    '22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n90 22 259:1 / /scratch rw,noatime - xfs /dev/nvme1n1 rw\n',
  '/scratch/model.bin': 'weights',
}
const maintenance = [{ Code: 'instance-retirement', State: 'active', NotBefore: '21 Jan 2027 09:00:43 GMT' }]

const refused: readonly RefusedStory[] = [
  {
    row: 9,
    name: 'in service',
    instance: { targetLifecycleState: 'InService', tags: group },
    refusal: 'AutoScaling (opt-in)',
  },
  { row: 9, name: 'its tag alone', instance: { tags: group }, refusal: 'AutoScaling (opt-in)' },
  { row: 9, name: 'Standby', instance: { targetLifecycleState: 'Standby' }, refusal: 'AutoScaling (opt-in)' },
  { row: 10, name: 'Spot', instance: spot, refusal: 'Spot (opt-in)' },
  {
    row: 10,
    name: 'one-time Spot that is allowed',
    instance: { ...spot, spotRequest: 'one-time' },
    allow: '[spot]',
    refusal: 'UnsupportedOperation (owned)',
    sent: ['stop UnsupportedOperation'],
  },
  { row: 10, name: 'a fleet', instance: { ...spot, fleet: true }, allow: '[spot]', refusal: 'Fleet (owned)' },
  {
    row: 10,
    name: 'a fleet whose tag nobody may read',
    instance: { ...spot, fleet: true, metadataTags: false },
    cloud: without('DescribeTags'),
    allow: '[spot]',
    refusal: 'UnsupportedOperation (owned)',
    sent: ['stop UnsupportedOperation'],
  },
  {
    row: 10,
    name: 'an announced interruption',
    instance: { ...spot, spotInstanceAction: interruption },
    allow: '[spot]',
    refusal: 'SpotInterruption (wrong-state)',
  },
  { row: 11, name: 'EKS', instance: { tags: { 'eks:cluster-name': 'c' } }, refusal: 'ManagedByService (owned)' },
  {
    row: 11,
    name: 'EMR',
    instance: { tags: { 'aws:elasticmapreduce:job-flow-id': 'j' } },
    refusal: 'ManagedByService (owned)',
  },
  {
    row: 11,
    name: 'ECS agent',
    files: { '/sys/fs/cgroup/system.slice/ecs.service/': '' },
    refusal: 'ManagedByService (owned)',
  },
  {
    row: 12,
    name: 'root on instance store',
    instance: { rootDeviceType: 'instance-store' },
    refusal: 'InstanceStoreRoot (owned)',
  },
  { row: 13, name: 'data on instance store', files: store, refusal: 'InstanceStoreData (opt-in)' },
  {
    row: 14,
    name: 'stop protection',
    instance: { disableApiStop: true },
    refusal: 'OperationNotPermitted (protected)',
    sent: ['hibernate OperationNotPermitted'],
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
    files: { '/var/lib/hibinit-agent/hibernation-enabled': '', '/proc/swaps': 'Filename Type Size Used Priority\n' },
    refusal: 'HibernationNotReady (not-ready)',
  },
  {
    row: 19,
    name: 'a role without the right',
    cloud: without('StopInstances'),
    refusal: 'UnauthorizedOperation (forbidden)',
    sent: ['hibernate UnauthorizedOperation'],
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

interface AcceptedStory extends Story {
  readonly sent: readonly string[]
  readonly detail?: RegExp
}

const accepted: readonly AcceptedStory[] = [
  {
    row: 9,
    name: 'Standby, allowed',
    instance: { targetLifecycleState: 'Standby', tags: group },
    allow: '[standby]',
    sent: ['hibernate accepted'],
  },
  { row: 9, name: 'detached', instance: { targetLifecycleState: 'Detached' }, sent: ['hibernate accepted'] },
  {
    row: 10,
    name: 'persistent Spot, allowed: stopped, not hibernated',
    instance: spot,
    allow: '[spot]',
    sent: ['stop accepted'],
  },
  {
    row: 13,
    name: 'data on instance store, allowed',
    files: store,
    allow: '[instance-store-data]',
    sent: ['hibernate accepted'],
    detail: /given up, as allowed: \/scratch/,
  },
  {
    row: 16,
    name: 'announced maintenance',
    instance: { scheduledMaintenance: JSON.stringify(maintenance) },
    sent: ['hibernate accepted'],
    detail: /EC2 has announced instance-retirement from 21 Jan 2027/,
  },
  { row: 17, name: 'launched without hibernation', instance: { hibernation: false }, sent: ['stop accepted'] },
  {
    row: 17,
    name: 'hibernation that EC2 finds unfit: both calls in one check',
    fault: error('UnsupportedHibernationConfiguration'),
    sent: ['hibernate UnsupportedHibernationConfiguration', 'stop accepted'],
  },
]

async function begin({ instance, cloud, files = {}, allow, fault }: Story): Promise<Machine> {
  const settings = allow === undefined ? fastest : { ...fastest, allow }
  const machine = await startDueMachine({
    settings,
    ...(instance === undefined ? {} : { instance }),
    ...(cloud === undefined ? {} : { cloud }),
  })
  for (const [path, text] of Object.entries(files)) {
    if (path.endsWith('/')) mkdirSync(join(machine.root, path), { recursive: true })
    else machine.write(path, text)
  }
  const times = fault?.kind === 'api-error' && fault.code === 'ExpiredToken' ? 2 : 1
  if (fault !== undefined) machine.cloud.faults.add({ server: 'api', action: 'StopInstances', times, fault })
  return machine
}

for (const story of refused) {
  test.concurrent(`row ${story.row}, ${story.name}: ${story.refusal}`, slow, async ({ onTestFinished }) => {
    const machine = await begin(story)
    onTestFinished(() => machine.close())
    const { sent = [], refusal } = story
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([3, '', sent])
    const deed = done.check.actions.find(({ action }) => action === 'hibernate' || action === 'stop')
    expect(deed?.detail.startsWith(`${refusal}: `)).toBe(true)
    const code = refusal.split(' ')[0]
    expect(machine.audit().findLast((line) => line['code'] !== undefined)).toMatchObject({ result: 'refused', code })
    const { IdleReason = '', ...tags } = machine.tags()
    expect(tags).toMatchObject({ IdleStatus: 'idle', IdleAction: '' })
    expect(IdleReason.startsWith(`refused: ${refusal}`)).toBe(true)
    const told = (await machine.run('status', ...machine.flags)).stdout
    expect(told).toContain(`refused      ${IdleReason.slice('refused: '.length)}\n`)
    expect(machine.cloud.instance().state).toBe('running')
    // Tried again in its time, with the idle clock as it was.
    const idleSince = Date.parse(done.check.idleSince ?? '')
    timePasses(machine)
    const again = await checkNow(machine)
    expect(Date.parse(again.check.idleSince ?? '')).toBeLessThan(idleSince + 100)
    expect(again.check.actions.some(({ action }) => action === deed?.action)).toBe(true)
  })
}

for (const story of accepted) {
  test.concurrent(`row ${story.row}, ${story.name}: ${story.sent.join(', ')}`, slow, async ({ onTestFinished }) => {
    const machine = await begin(story)
    onTestFinished(() => machine.close())
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([0, '', story.sent])
    const line = machine.audit().findLast(({ result }) => result === 'done')
    expect(line).toMatchObject({ action: story.sent.at(-1)?.split(' ')[0] })
    expect(line?.['detail']).toMatch(story.detail ?? /^accepted: stopping/)
    await machine.cloud.waitForState('stopped', { timeoutMs: 5_000 })
    expect(machine.tags()).toMatchObject({ IdleReason: '', IdleStatus: 'idle' })
  })
}

test.concurrent('rows 15 and 19, no role: nothing is sent, and the machine is not shut down', slow, async (context) => {
  const machine = await startDueMachine({ instance: { role: null, shutdownBehavior: 'terminate' } })
  context.onTestFinished(() => machine.close())
  const done = await checkNow(machine)
  expect([done.code, done.api, machine.cloud.instance().state]).toEqual([3, [], 'running'])
  expect(machine.audit().findLast((line) => line['code'] !== undefined)).toMatchObject({ code: 'no-role' })
  expect((await machine.run('status', ...machine.flags)).stdout).toContain('this instance has no role; see "sudo')
})

test.concurrent('row 19, the role arrives a little later: hibernated', slow, async ({ onTestFinished }) => {
  const machine = await startDueMachine({ instance: { role: null } })
  onTestFinished(() => machine.close())
  expect((await checkNow(machine)).check.next.action).toBe('hibernate')
  machine.cloud.instance().role = 'idle-agent'
  timePasses(machine)
  expect([(await checkNow(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})

test.concurrent('metadata that does not tell who owns it: nothing is sent', slow, async ({ onTestFinished }) => {
  const machine = await startDueMachine()
  onTestFinished(() => machine.close())
  const path = '/latest/meta-data/autoscaling/target-lifecycle-state'
  machine.cloud.faults.add({ server: 'metadata', path, fault: { kind: 'status', status: 503 } })
  const done = await checkNow(machine)
  expect([done.code, machine.stops()]).toEqual([3, []])
  expect(machine.audit().at(-2)).toMatchObject({ result: 'refused', code: 'OwnershipUnknown' })
  machine.cloud.faults.clear()
  timePasses(machine)
  expect([(await checkNow(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})
