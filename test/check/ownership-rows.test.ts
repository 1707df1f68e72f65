/**
 * The ownership table (cloud.md 6) for AWS, row by row, through the real loop against a loopback EC2: what is refused, with
 * which code and advice, when it is tried again, that nothing was sent meanwhile, and what lets it pass.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { CommandResult } from '../../agent/host/host.ts'
import { agentPolicy } from '../clouds/aws/iam.ts'
import type { InstanceSpec } from '../clouds/aws.ts'
import { MINUTE } from '../decide/given.ts'
import { type RowMachine, type RowSpec, startRow } from './row-machine.ts'

beforeAll(async () => void (await import('../../agent/clouds/aws-sdk.ts')))

const GROUP = { 'aws:autoscaling:groupName': 'workers' }
const onStore: Readonly<Record<string, string>> = {
  '/sys/block/nvme0n1/device/model': 'Amazon Elastic Block Store              \n',
  '/sys/block/nvme0n1/dev': '259:0\n',
  '/sys/block/nvme1n1/device/model': 'Amazon EC2 NVMe Instance Storage        \n',
  '/sys/block/nvme1n1/dev': '259:1\n',
  '/proc/self/mountinfo':
    '22 1 259:0 / / rw shared:1 - ext4 /dev/nvme0n1p1 rw\n90 22 259:1 / /mnt/scratch rw - xfs /dev/nvme1n1 rw\n',
  '/mnt/scratch/checkpoint.pt': '',
}
const hibinit = { '/var/lib/hibinit-agent/hibernation-enabled': '' }
const memory = { '/proc/meminfo': 'MemTotal:        8000000 kB\nMemAvailable:    2000000 kB\n' }
const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'

function systemctl(state: string): NonNullable<RowSpec['run']> {
  return (argv): CommandResult | undefined =>
    argv.join(' ') === 'systemctl is-active hibinit-agent' ? { status: 0, stdout: `${state}\n`, stderr: '' } : undefined
}

function without(...actions: readonly string[]): NonNullable<RowSpec['cloud']> {
  const left = agentPolicy.actions.filter((name) => !actions.includes(name))
  return { roles: { 'idle-agent': { ...agentPolicy, actions: left } } }
}

interface Refused {
  readonly row: number
  readonly name: string
  readonly spec: RowSpec
  readonly code: string
  readonly why: string
  /** What `status` and the tag tell the operator. */
  readonly advice: RegExp
  /** Until it is tried again. */
  readonly minutes: number
  /** What reached StopInstances; nothing unless said. */
  readonly sent?: readonly string[]
  /** What an operator or the time does, and what happens then. */
  readonly mend?: (machine: RowMachine) => void
  readonly then?: string
}

function change(settings: InstanceSpec): (machine: RowMachine) => void {
  return ({ aws }) => void Object.assign(aws.instance(), settings)
}

function untag(key: string): (machine: RowMachine) => void {
  return ({ aws }) => void aws.instance().tags.delete(key)
}

function allow(...what: RowMachine['settings']['allow']): (machine: RowMachine) => void {
  return (machine) => {
    machine.settings = { ...machine.settings, allow: what }
  }
}

const spot = { lifecycle: 'spot' } as const

const refusals: readonly Refused[] = [
  {
    row: 9,
    name: 'a member of an Auto Scaling group, told by metadata',
    spec: { instance: { targetLifecycleState: 'InService' } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /set it to Standby and allow: \[standby\], or detach it/,
    minutes: 15,
    mend: change({ targetLifecycleState: 'Detached' }),
    then: 'hibernate accepted',
  },
  {
    row: 9,
    name: 'a member of an Auto Scaling group, told by its tag alone',
    spec: { instance: { tags: GROUP } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /Standby/,
    minutes: 15,
    mend: untag('aws:autoscaling:groupName'),
    then: 'hibernate accepted',
  },
  {
    row: 9,
    name: 'the same where only the API tells tags',
    spec: { instance: { tags: GROUP, metadataTags: false } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /Standby/,
    minutes: 15,
  },
  {
    row: 9,
    name: 'in Standby, which the operator has not allowed',
    spec: { instance: { targetLifecycleState: 'Standby', tags: GROUP } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /allow: \[standby\]/,
    minutes: 15,
    mend: allow('standby'),
    then: 'hibernate accepted',
  },
  {
    row: 9,
    name: 'allowed in Standby, but in service',
    spec: { instance: { targetLifecycleState: 'InService' }, settings: { allow: ['standby'] } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /Standby/,
    minutes: 15,
    mend: change({ targetLifecycleState: 'Standby' }),
    then: 'hibernate accepted',
  },
  {
    row: 9,
    name: 'in a warm pool',
    spec: { instance: { targetLifecycleState: 'Warmed:Running' }, settings: { allow: ['standby'] } },
    code: 'AutoScaling',
    why: 'opt-in',
    advice: /Standby/,
    minutes: 15,
  },
  {
    row: 10,
    name: 'a Spot instance that nobody allowed',
    spec: { instance: spot },
    code: 'Spot',
    why: 'opt-in',
    advice: /persistent request, allow: \[spot\]/,
    minutes: 15,
    mend: allow('spot'),
    then: 'stop accepted',
  },
  {
    row: 10,
    name: 'a one-time Spot instance, although allowed: EC2 says so',
    spec: { instance: { ...spot, spotRequest: 'one-time' }, settings: { allow: ['spot'] } },
    code: 'UnsupportedOperation',
    why: 'owned',
    advice: /one-time Spot instance or fleet member cannot be stopped/,
    minutes: 60,
    sent: ['stop UnsupportedOperation'],
  },
  {
    row: 10,
    name: 'a member of an EC2 Fleet, although allowed',
    spec: { instance: { ...spot, fleet: true }, settings: { allow: ['spot'] } },
    code: 'Fleet',
    why: 'owned',
    advice: /launch it by itself/,
    minutes: 60,
  },
  {
    row: 10,
    name: 'a member of an EC2 Fleet that nobody allowed: told so at once',
    spec: { instance: { ...spot, fleet: true } },
    code: 'Fleet',
    why: 'owned',
    advice: /launch it by itself/,
    minutes: 60,
  },
  {
    row: 10,
    name: 'a member of an EC2 Fleet that is not Spot',
    spec: { instance: { fleet: true } },
    code: 'Fleet',
    why: 'owned',
    advice: /launch it by itself/,
    minutes: 60,
  },
  {
    row: 10,
    name: 'a member of a Spot Fleet',
    spec: { instance: { ...spot, tags: { 'aws:ec2spot:fleet-request-id': 'sfr-1' } }, settings: { allow: ['spot'] } },
    code: 'Fleet',
    why: 'owned',
    advice: /launch it by itself/,
    minutes: 60,
  },
  {
    row: 10,
    name: 'a fleet that only EC2 knows of',
    spec: {
      instance: { ...spot, fleet: true, metadataTags: false },
      settings: { allow: ['spot'] },
      cloud: without('DescribeTags'),
    },
    code: 'UnsupportedOperation',
    why: 'owned',
    advice: /fleet member cannot be stopped/,
    minutes: 60,
    sent: ['stop UnsupportedOperation'],
  },
  {
    row: 10,
    name: 'an interruption that EC2 has announced',
    spec: {
      instance: { ...spot, spotInstanceAction: '{"action": "stop", "time": "2026-11-22T18:02:00Z"}' },
      settings: { allow: ['spot'] },
    },
    code: 'SpotInterruption',
    why: 'wrong-state',
    advice: /nothing to do/,
    minutes: 5,
    mend: change({ spotInstanceAction: null }),
    then: 'stop accepted',
  },
  {
    row: 10,
    name: 'a termination that EC2 has announced',
    spec: { instance: { ...spot, spotTerminationTime: '2026-11-22T18:02:00Z' }, settings: { allow: ['spot'] } },
    code: 'SpotInterruption',
    why: 'wrong-state',
    advice: /nothing to do/,
    minutes: 5,
  },
  ...[
    ['EKS', { 'eks:nodegroup-name': 'ng' }],
    ['Kubernetes', { 'kubernetes.io/cluster/c': 'owned' }],
    ['ECS', { AmazonECSManaged: '' }],
    ['AWS Batch', { AWSBatchServiceTag: 'batch' }],
    ['EMR', { 'aws:elasticmapreduce:job-flow-id': 'j-1' }],
    ['Elastic Beanstalk', { 'elasticbeanstalk:environment-id': 'e-1' }],
    ['ParallelCluster', { 'parallelcluster:cluster-name': 'hpc' }],
    ['an AWS service', { AWSApplicationMigrationServiceManaged: 'x' }],
  ].map(
    ([service, tags]): Refused => ({
      row: 11,
      name: `managed by ${String(service)}, told by a tag`,
      // A key with a slash cannot stand beside tags in metadata (cloud.md 1.2).
      spec: { instance: { tags: tags as Record<string, string>, metadataTags: false } },
      code: 'ManagedByService',
      why: 'owned',
      advice: new RegExp(`scale it down in ${String(service)}`),
      minutes: 60,
    }),
  ),
  ...[
    ['Kubernetes', '/sys/fs/cgroup/system.slice/kubelet.service/cpu.stat'],
    ['Kubernetes', '/sys/fs/cgroup/system.slice/k3s-agent.service/cpu.stat'],
    ['Kubernetes', '/sys/fs/cgroup/systemd/system.slice/snap.kubelet-eks.daemon.service/tasks'],
    ['ECS', '/sys/fs/cgroup/unified/system.slice/ecs.service/cgroup.procs'],
    ['EMR', '/mnt/var/lib/info/job-flow.json'],
  ].map(
    ([service, path = '']): Refused => ({
      row: 11,
      name: `managed by ${String(service)}, told by ${path}, where tags cannot be read`,
      spec: { files: { [path]: '' }, instance: { metadataTags: false }, cloud: without('DescribeTags') },
      code: 'ManagedByService',
      why: 'owned',
      advice: new RegExp(`scale it down in ${String(service)}`),
      minutes: 60,
    }),
  ),
  {
    row: 12,
    name: 'root on instance store, told by metadata',
    spec: { instance: { rootDeviceType: 'instance-store' }, settings: { allow: ['instance-store-data', 'spot'] } },
    code: 'InstanceStoreRoot',
    why: 'owned',
    advice: /whose root volume is on EBS/,
    minutes: 60,
  },
  {
    row: 13,
    name: 'data on an NVMe instance store',
    spec: { files: onStore },
    code: 'InstanceStoreData',
    why: 'opt-in',
    advice: /allow: \[instance-store-data\] accepts that/,
    minutes: 15,
    mend: allow('instance-store-data'),
    then: 'hibernate accepted',
  },
  {
    row: 14,
    name: 'stop protection',
    spec: { instance: { disableApiStop: true } },
    code: 'OperationNotPermitted',
    why: 'protected',
    advice: /stop protection is on; switch disableApiStop off/,
    minutes: 15,
    sent: ['hibernate OperationNotPermitted'],
    mend: change({ disableApiStop: false }),
    then: 'hibernate accepted',
  },
  {
    row: 15,
    name: 'no permission to stop, shutdown behaviour terminate: the machine is not shut down from inside either',
    spec: { instance: { role: null, shutdownBehavior: 'terminate' } },
    code: 'no-role',
    why: 'forbidden',
    advice: /no role; see "sudo idle-agent doctor"/,
    minutes: 0,
  },
  {
    row: 18,
    name: 'not ready to hibernate, EC2 says: asked again at each check',
    spec: { instance: { notReadyCalls: 1 } },
    code: 'UnsupportedOperation',
    why: 'not-ready',
    advice: /not set up yet; if it stays so, it is stopped instead/,
    minutes: 0,
    sent: ['hibernate UnsupportedOperation'],
    mend: () => {},
    then: 'hibernate accepted',
  },
  {
    row: 18,
    name: "not ready to hibernate: EC2's own agent failed on the machine",
    spec: { files: { ...hibinit, '/swap': 'x' }, run: systemctl('failed') },
    code: 'HibernationNotReady',
    why: 'not-ready',
    advice: /idle-agent doctor" tells how to set it up/,
    minutes: 0,
  },
  {
    row: 18,
    name: 'not ready to hibernate: no swap',
    spec: { files: { ...hibinit, ...memory, '/proc/swaps': header }, run: systemctl('inactive') },
    code: 'HibernationNotReady',
    why: 'not-ready',
    advice: /idle-agent doctor" tells how to set it up/,
    minutes: 0,
    mend: ({ host }) => {
      host.files.write('/swap', '')
      host.files.touch('/swap', { size: 8_192_000_000 })
    },
    then: 'hibernate accepted',
  },
  {
    row: 18,
    name: 'not ready to hibernate: more memory in use than swap has room for',
    spec: {
      files: { ...hibinit, ...memory, '/proc/swaps': `${header}/dev/nvme0n1p3  partition  4000000  0  -2\n` },
      run: systemctl('inactive'),
    },
    code: 'HibernationNotReady',
    why: 'not-ready',
    advice: /idle-agent doctor" tells how to set it up/,
    minutes: 0,
    mend: ({ host }) => host.files.write('/proc/meminfo', 'MemTotal: 8000000 kB\nMemAvailable: 4500000 kB\n'),
    then: 'hibernate accepted',
  },
  {
    row: 19,
    name: 'no role, in the first half hour: asked again at each check',
    spec: { instance: { role: null } },
    code: 'no-role',
    why: 'forbidden',
    advice: /no role/,
    minutes: 0,
    mend: change({ role: 'idle-agent' }),
    then: 'hibernate accepted',
  },
  {
    row: 19,
    name: 'a role without the right, in the first half hour: asked again at each check',
    spec: { cloud: without('StopInstances') },
    code: 'UnauthorizedOperation',
    why: 'forbidden',
    advice: /the role does not allow it; see "sudo idle-agent doctor"/,
    minutes: 0,
    sent: ['hibernate UnauthorizedOperation'],
  },
]

function count(machine: RowMachine): number {
  return machine.aws.requests.counts().api
}

async function holds(wanted: Refused): Promise<void> {
  await using machine = await startRow(wanted.spec)
  const { state } = (await machine.due()).decision
  const calls = count(machine)
  const held = [await machine.check()]
  // After five minutes it is tried again between the second check and the third.
  if (wanted.minutes > 5) held.push(await machine.check())
  for (const { decision } of held) {
    expect([decision.verdict, decision.phase, decision.state.idleSince]).toEqual(['idle', 'held', state.idleSince])
    expect(decision.reason).toMatch(/; held: .*, again at \d\d:\d\d/)
  }
  expect(machine.tag('IdleReason')).toBe(`refused: ${state.attempt.refusal}`)
  expect(count(machine)).toBe(calls)
  const again = await machine.due(4 * MINUTE)
  expect(again.decision.state.attempt.refusals).toBe(2)
  expect(machine.stops()).toEqual([...(wanted.sent ?? []), ...(wanted.sent ?? [])])
  expect(machine.audit().filter(({ code }) => code === wanted.code)).toHaveLength(2)
}

describe.each(refusals)('row $row: $name', (wanted) => {
  it(`is refused as ${wanted.code} (${wanted.why}), and told`, async () => {
    await using machine = await startRow(wanted.spec)
    const first = await machine.due()
    expect(machine.stops()).toEqual(wanted.sent ?? [])
    const deed = first.deeds.findLast(({ action }) => action === 'hibernate' || action === 'stop')
    expect(deed).toMatchObject({ result: 'refused', code: wanted.code })
    expect(deed?.detail).toMatch(new RegExp(`^${wanted.code} \\(${wanted.why}\\): \\S+ \\S+`))
    const recorded = machine.audit().findLast(({ action }) => action !== 'tag')
    expect(recorded).toMatchObject({ action: deed?.action, result: 'refused', code: wanted.code })
    const { refusal = '' } = first.decision.state.attempt
    expect(refusal).toMatch(wanted.advice)
    expect(machine.status()).toMatchObject({ refusal })
    const tags = ['IdleStatus', 'IdleAction', 'IdleReason'].map((name) => machine.tag(name))
    const untagged = wanted.spec.instance?.role === null
    expect(tags).toEqual(untagged ? [undefined, undefined, undefined] : ['idle', '', `refused: ${refusal}`])
    expect(machine.aws.instance().state).toBe('running')
    expect(waitMinutes(first, machine)).toBe(wanted.minutes)
  })

  if (wanted.minutes > 0)
    it('leaves the clock alone, and holds without a call until it is tried again', () => holds(wanted))

  const { mend, then } = wanted
  if (mend !== undefined && then !== undefined) {
    it(`ends in "${then}" once that is mended`, async () => {
      await using machine = await startRow(wanted.spec)
      const { state } = (await machine.due()).decision
      mend(machine)
      const done = await machine.due()
      expect(machine.stops()).toEqual([...(wanted.sent ?? []), then])
      expect(done.decision.state.idleSince).toBe(state.idleSince)
      expect(machine.tag('IdleAction')).toBe(then.startsWith('stop') ? 'stopping' : 'hibernating')
    })
  }
})

function waitMinutes({ decision }: { decision: { state: { attempt: { retryAt?: number } } } }, machine: RowMachine) {
  return Math.round(((decision.state.attempt.retryAt ?? Number.NaN) - machine.host.clock.now().monoMs) / MINUTE)
}

describe('what may be stopped', () => {
  const cases: readonly [number, string, RowSpec, string][] = [
    [9, 'detached from its group', { instance: { targetLifecycleState: 'Detached', tags: GROUP } }, 'hibernate'],
    [11, 'a stack and a launch template are no owners', { instance: { tags: templateTags() } }, 'hibernate'],
    [11, 'a cluster in containers, on somebody’s own machine', { files: inContainers() }, 'hibernate'],
    [13, 'an instance store that nobody uses', { files: unmounted() }, 'hibernate'],
    [13, 'an instance store with an empty file system', { files: emptied() }, 'hibernate'],
    [17, 'launched without hibernation', { instance: { hibernation: false } }, 'stop'],
    [17, 'launched without hibernation, and the local agent failed', unhibernated(), 'stop'],
    [18, 'swap that is switched on only to hibernate', { files: swapFile(), run: systemctl('inactive') }, 'hibernate'],
    [18, "a machine without EC2's agent: EC2 is asked", { files: { ...memory, '/proc/swaps': header } }, 'hibernate'],
  ]
  it.each(cases)('row %d: %s', async (_row, _name, spec, method) => {
    await using machine = await startRow(spec)
    const done = await machine.due()
    expect(machine.stops()).toEqual([`${method} accepted`])
    expect(done.deeds.findLast(({ intentId }) => intentId !== undefined)).toMatchObject({ result: 'done' })
  })

  it('row 13: what is given up is in the audit log', async () => {
    await using machine = await startRow({ files: onStore, settings: { allow: ['instance-store-data'] } })
    await machine.due()
    expect(machine.audit().at(-1)?.['detail']).toMatch(/^accepted: .*; given up, as allowed: \/mnt\/scratch$/)
  })

  it('row 16: a maintenance that EC2 has announced is in the audit log, and forbids nothing', async () => {
    const event = { Code: 'instance-stop', State: 'active', NotBefore: '21 Jan 2027 09:00:43 GMT' }
    await using machine = await startRow({ instance: { scheduledMaintenance: JSON.stringify([event]) } })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate accepted'])
    expect(machine.audit().at(-1)?.['detail']).toContain(
      '; EC2 has announced instance-stop from 21 Jan 2027 09:00:43 GMT',
    )
  })
})

function templateTags(): Readonly<Record<string, string>> {
  return { 'aws:cloudformation:stack-name': 's', 'aws:ec2launchtemplate:id': 'lt-1', Name: 'mine' }
}

function inContainers(): Readonly<Record<string, string>> {
  return {
    '/sys/fs/cgroup/system.slice/docker-0a1b.scope/kubelet.slice/kubelet.service/cpu.stat': '',
    '/sys/fs/cgroup/system.slice/k3s.service/cpu.stat': '',
  }
}

function unmounted(): Readonly<Record<string, string>> {
  return { ...onStore, '/proc/self/mountinfo': '22 1 259:0 / / rw - ext4 /dev/nvme0n1p1 rw\n' }
}

function emptied(): Readonly<Record<string, string>> {
  const { '/mnt/scratch/checkpoint.pt': _, ...rest } = onStore
  return { ...rest, '/mnt/scratch/lost+found/.keep': '' }
}

function unhibernated(): RowSpec {
  return { instance: { hibernation: false }, files: hibinit, run: systemctl('failed') }
}

function swapFile(): Readonly<Record<string, string>> {
  // A file of this length stands for one of 8 GB: 2 kB are in use.
  const use = { '/proc/meminfo': 'MemTotal: 8000000 kB\nMemAvailable: 7999998 kB\n' }
  return { ...hibinit, ...use, '/proc/swaps': header, '/swap-hibinit': 'x'.repeat(4096) }
}
