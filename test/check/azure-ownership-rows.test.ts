/**
 * The ownership table (cloud.md 6) for Azure, row by row, through the real loop against a loopback Azure: what is refused,
 * with which code and advice, when it is tried again, that nothing was sent meanwhile, and what lets it pass.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { CommandResult } from '../../agent/host/host.ts'
import type { VmSpec } from '../clouds/azure.ts'
import { MINUTE } from '../decide/given.ts'
import { type AzureRowMachine, type AzureRowSpec, startAzureRow } from './azure-row-machine.ts'

beforeAll(async () => void (await import('../../agent/clouds/azure-sdk.ts')))

const RESOURCE = '/sys/devices/VMBUS:01/00000000-0001-8899-0000-000000000000/host1/target1:0:1/1:0:1:0/block/sdb'
const SECOND = '/sys/devices/VMBUS:01/f8b3781a-1e82-4818-a1c3-63d806ec15bb/host0/target0:0:0/0:0:0:1/block/sdb'
const ROOT = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n'
const NVME = {
  '/proc/self/mountinfo': ROOT,
  '/sys/block/nvme1n1/device/model': 'Microsoft NVMe Direct Disk v2           \n',
  '/sys/block/nvme1n1/dev': '259:1\n',
}
const readme = { '/mnt/DATALOSS_WARNING_README.txt': 'x', '/mnt/lost+found/.keep': '', '/mnt/swapfile': '' }

/** A temporary disk as Azure's images have it: one partition, mounted at /mnt. */
function temporary(device: string, files: Readonly<Record<string, string>>): AzureRowSpec {
  return {
    links: { '/sys/block/sdb': device },
    files: {
      [`${device}/dev`]: '8:16\n',
      [`${device}/sdb1/dev`]: '8:17\n',
      '/proc/self/mountinfo': `${ROOT}90 22 8:17 / /mnt rw - ext4 /dev/sdb1 rw\n`,
      ...readme,
      ...files,
    },
  }
}

const onNvme: AzureRowSpec = {
  files: {
    ...NVME,
    '/proc/self/mountinfo': `${ROOT}90 22 259:1 / /scratch rw - xfs /dev/nvme1n1 rw\n`,
    '/scratch/a': '',
  },
}
const tool = { '/usr/lib/systemd/system/hibernation-setup-tool.service': '' }
const memory = { '/proc/meminfo': 'MemTotal:        8000000 kB\nMemAvailable:    2000000 kB\n' }
const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'

function systemctl(state: string): NonNullable<AzureRowSpec['run']> {
  return (argv): CommandResult | undefined =>
    argv.join(' ') === 'systemctl is-active hibernation-setup-tool'
      ? { status: 0, stdout: `${state}\n`, stderr: '' }
      : undefined
}

interface Refused {
  readonly row: number
  readonly name: string
  readonly spec: AzureRowSpec
  readonly code: string
  readonly why: string
  /** What `status` and the tag tell the operator. */
  readonly advice: RegExp
  /** Until it is tried again. */
  readonly minutes: number
  /** What reached Resource Manager; nothing unless said. */
  readonly sent?: readonly string[]
  /** No tag could be written either. */
  readonly untagged?: true
  /** What an operator or the time does, and what happens then. */
  readonly mend?: (machine: AzureRowMachine) => void
  readonly then?: string
}

function change(settings: VmSpec): (machine: AzureRowMachine) => void {
  return ({ azure }) => void Object.assign(azure.instance(), settings)
}

function allow(...what: AzureRowMachine['settings']['allow']): (machine: AzureRowMachine) => void {
  return (machine) => {
    machine.settings = { ...machine.settings, allow: what }
  }
}

function event(type: string, status: string, resource = 'workstation-1'): VmSpec {
  const one = {
    EventId: '1',
    EventType: type,
    EventStatus: status,
    Resources: [resource],
    ResourceType: 'VirtualMachine',
  }
  return { scheduledEvents: JSON.stringify([one]) }
}

const flexible = { scaleSet: 'set', orchestration: 'Flexible' } as const
const asked = { settings: { allow: ['scheduled-events'] } } as const

const refusals: readonly Refused[] = [
  {
    row: 13,
    name: 'data on the temporary disk, generation 1',
    spec: temporary(RESOURCE, { '/mnt/checkpoint.pt': '' }),
    code: 'TemporaryDiskData',
    why: 'opt-in',
    advice: /allow: \[instance-store-data\]/,
    minutes: 15,
    mend: allow('instance-store-data'),
    then: 'hibernate accepted',
  },
  {
    row: 13,
    name: 'data on the temporary disk, generation 2',
    spec: temporary(SECOND, { '/mnt/data/a': '' }),
    code: 'TemporaryDiskData',
    why: 'opt-in',
    advice: /temporary disk/,
    minutes: 15,
    mend: ({ host }) => host.files.remove('/mnt/data'),
    then: 'hibernate accepted',
  },
  {
    row: 13,
    name: 'data on a local NVMe disk',
    spec: onNvme,
    code: 'TemporaryDiskData',
    why: 'opt-in',
    advice: /temporary disk/,
    minutes: 15,
  },
  {
    row: 20,
    name: 'a member of a Uniform scale set, whatever is allowed',
    spec: { vm: { scaleSet: 'set' }, settings: { allow: ['flexible-scale-set'] } },
    code: 'UniformScaleSet',
    why: 'owned',
    advice: /Uniform scale set, which replaces it; scale the set down/,
    minutes: 60,
    untagged: true,
  },
  {
    row: 21,
    name: 'a member of a Flexible scale set',
    spec: { vm: flexible },
    code: 'FlexibleScaleSet',
    why: 'opt-in',
    advice: /allow: \[flexible-scale-set\]/,
    minutes: 15,
    mend: allow('flexible-scale-set'),
    then: 'hibernate accepted',
  },
  {
    row: 21,
    name: 'a node of AKS, by its resource group, whatever is allowed',
    spec: {
      vm: { ...flexible, resourceGroup: 'MC_rg_cluster_westeurope' },
      settings: { allow: ['flexible-scale-set'] },
    },
    code: 'ManagedByService',
    why: 'owned',
    advice: /managed by AKS; scale it down there/,
    minutes: 60,
  },
  {
    row: 21,
    name: 'a node of AKS, by its tags',
    spec: { vm: { tags: { 'AKS-managed-poolName': 'pool' } } },
    code: 'ManagedByService',
    why: 'owned',
    advice: /AKS/,
    minutes: 60,
  },
  {
    row: 21,
    name: 'Databricks, by its resource group',
    spec: { vm: { resourceGroup: 'databricks-rg-work-abc123' } },
    code: 'ManagedByService',
    why: 'owned',
    advice: /Databricks/,
    minutes: 60,
  },
  {
    row: 21,
    name: 'Databricks, by its tag',
    spec: { vm: { tags: { Vendor: 'Databricks' } } },
    code: 'ManagedByService',
    why: 'owned',
    advice: /Databricks/,
    minutes: 60,
    mend: ({ azure }) => void azure.instance().tags.set('Vendor', 'Acme'),
    then: 'hibernate accepted',
  },
  {
    row: 21,
    name: 'a node of somebody’s cluster, by its agent',
    spec: { files: { '/sys/fs/cgroup/system.slice/kubelet.service/cpu.stat': '' } },
    code: 'ManagedByService',
    why: 'owned',
    advice: /Kubernetes/,
    minutes: 60,
  },
  {
    row: 22,
    name: 'a ReadOnly lock: told by the tags, and no deallocation is sent',
    spec: { vm: { lock: 'ReadOnly' } },
    code: 'ScopeLocked',
    why: 'protected',
    advice: /a lock forbids it; an operator can lift that/,
    minutes: 15,
    untagged: true,
    mend: change({ lock: null }),
    then: 'hibernate accepted',
  },
  {
    row: 23,
    name: 'Spot that nobody allowed; if allowed, it is deallocated, not hibernated',
    spec: { vm: { priority: 'Spot' } },
    code: 'Spot',
    why: 'opt-in',
    advice: /allow: \[spot\]/,
    minutes: 15,
    mend: allow('spot'),
    then: 'stop accepted',
  },
  {
    row: 24,
    name: 'too soon after boot, Azure says: asked again at each check',
    spec: {
      vm: { notReadyCalls: 1 },
      bootMs: MINUTE,
      policy: { idleThresholdMs: MINUTE, hibernateThresholdMs: 3 * MINUTE },
    },
    code: 'VMHibernateNotSupported',
    why: 'not-ready',
    advice: /not ready yet; if it stays so, it is deallocated instead/,
    minutes: 0,
    sent: ['hibernate VMHibernateNotSupported'],
    mend: () => {},
    then: 'hibernate accepted',
  },
  {
    row: 24,
    name: 'the extension for it failed: asked again at each check',
    spec: { vm: { hibernationExtension: 'failed' } },
    code: 'OperationNotAllowed',
    why: 'not-ready',
    advice: /its hibernation extension failed/,
    minutes: 0,
    sent: ['hibernate OperationNotAllowed'],
    mend: change({ hibernationExtension: 'ready' }),
    then: 'hibernate accepted',
  },
  {
    row: 24,
    name: 'not ready: the tool on the machine failed',
    spec: { files: tool, run: systemctl('failed') },
    code: 'HibernationNotReady',
    why: 'not-ready',
    advice: /not set up on the machine/,
    minutes: 0,
  },
  {
    row: 24,
    name: 'not ready: no swap',
    spec: { files: { ...tool, ...memory, '/proc/swaps': header }, run: systemctl('inactive') },
    code: 'HibernationNotReady',
    why: 'not-ready',
    advice: /not set up on the machine/,
    minutes: 0,
    mend: ({ host }) => host.files.write('/proc/swaps', `${header}/hibfile.sys  file  9000000  0  -2\n`),
    then: 'hibernate accepted',
  },
  {
    row: 25,
    name: 'an announced redeployment, asked for',
    spec: { ...asked, vm: event('Redeploy', 'Scheduled') },
    code: 'ScheduledEvent',
    why: 'wrong-state',
    advice: /Azure has announced: Redeploy/,
    minutes: 5,
    mend: change({ scheduledEvents: '[]' }),
    then: 'hibernate accepted',
  },
  {
    row: 25,
    name: 'an announced preemption, asked for',
    spec: {
      settings: { allow: ['scheduled-events', 'spot'] },
      vm: { priority: 'Spot', ...event('Preempt', 'Scheduled') },
    },
    code: 'ScheduledEvent',
    why: 'wrong-state',
    advice: /Preempt/,
    minutes: 5,
  },
  {
    row: 25,
    name: 'a restart that has begun, asked for',
    spec: { ...asked, vm: event('Reboot', 'Started') },
    code: 'ScheduledEvent',
    why: 'wrong-state',
    advice: /Reboot/,
    minutes: 5,
  },
  {
    row: 26,
    name: 'no identity, in the first half hour: asked again at each check',
    spec: { vm: { identity: false } },
    code: 'no-identity',
    why: 'forbidden',
    advice: /this VM has no identity; see "sudo idle-agent doctor"/,
    minutes: 0,
    untagged: true,
    mend: change({ identity: true }),
    then: 'hibernate accepted',
  },
  {
    row: 26,
    name: 'a role that has not arrived yet: asked again at each check',
    spec: { vm: { role: null } },
    code: 'AuthorizationFailed',
    why: 'forbidden',
    advice: /its identity may not do it; see "sudo idle-agent doctor"/,
    minutes: 0,
    untagged: true,
    sent: ['hibernate AuthorizationFailed'],
    mend: change({ role: 'idle-agent' }),
    then: 'hibernate accepted',
  },
  {
    row: 27,
    name: 'an ephemeral OS disk',
    spec: { vm: { ephemeralOsDisk: true } },
    code: 'EphemeralOsDisk',
    why: 'owned',
    advice: /ephemeral OS disk/,
    minutes: 60,
  },
]

function count(machine: AzureRowMachine): number {
  return machine.azure.requests.counts().api
}

async function holds(wanted: Refused): Promise<void> {
  await using machine = await startAzureRow(wanted.spec)
  const { state } = (await machine.due()).decision
  const calls = count(machine)
  const held = [await machine.check()]
  // After five minutes it is tried again between the second check and the third.
  if (wanted.minutes > 5) held.push(await machine.check())
  for (const { decision } of held) {
    expect([decision.verdict, decision.phase, decision.state.idleSince]).toEqual(['idle', 'held', state.idleSince])
    expect(decision.reason).toMatch(/; held: .*, again at \d\d:\d\d/)
  }
  if (wanted.untagged !== true) {
    expect(machine.tag('IdleReason')).toBe(`refused: ${state.attempt.refusal}`)
    expect(count(machine)).toBe(calls)
  }
  const again = await machine.due(4 * MINUTE)
  expect(again.decision.state.attempt.refusals).toBe(2)
  expect(machine.stops()).toEqual([...(wanted.sent ?? []), ...(wanted.sent ?? [])])
  expect(machine.audit().filter(({ code }) => code === wanted.code)).toHaveLength(2)
}

describe.each(refusals)('row $row: $name', (wanted) => {
  it(`is refused as ${wanted.code} (${wanted.why}), and told`, async () => {
    await using machine = await startAzureRow(wanted.spec)
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
    const none = [undefined, undefined, undefined]
    expect(tags).toEqual(wanted.untagged === true ? none : ['idle', '', `refused: ${refusal}`])
    expect(machine.azure.instance().state).toBe('running')
    expect(waitMinutes(first, machine)).toBe(wanted.minutes)
  })

  if (wanted.minutes > 0)
    it('leaves the clock alone, and holds without a call until it is tried again', () => holds(wanted))

  const { mend, then } = wanted
  if (mend !== undefined && then !== undefined) {
    it(`ends in "${then}" once that is mended`, async () => {
      await using machine = await startAzureRow(wanted.spec)
      const { state } = (await machine.due()).decision
      mend(machine)
      const done = await machine.due()
      expect(machine.stops()).toEqual([...(wanted.sent ?? []), then])
      expect(done.decision.state.idleSince).toBe(state.idleSince)
      expect(machine.tag('IdleAction')).toBe(then.startsWith('stop') ? 'stopping' : 'hibernating')
      await machine.azure.waitForState(then.startsWith('stop') ? 'deallocated' : 'hibernated')
    })
  }
})

function waitMinutes(
  { decision }: { decision: { state: { attempt: { retryAt?: number } } } },
  machine: AzureRowMachine,
) {
  return Math.round(((decision.state.attempt.retryAt ?? Number.NaN) - machine.host.clock.now().monoMs) / MINUTE)
}

describe('what may be stopped', () => {
  const cases: readonly [number, string, AzureRowSpec, string][] = [
    [13, 'a temporary disk with what Azure put there', temporary(RESOURCE, {}), 'hibernate'],
    [13, 'a local NVMe disk that nobody uses', { files: NVME }, 'hibernate'],
    [13, 'data on a disk of its own', { files: { '/sys/block/sdc/dev': '8:32\n', '/data/a': '' } }, 'hibernate'],
    [21, 'a cluster in containers', { files: { '/sys/fs/cgroup/system.slice/k3s.service/cpu.stat': '' } }, 'hibernate'],
    [22, 'a lock that forbids deletion alone', { vm: { lock: 'CanNotDelete' } }, 'hibernate'],
    [24, 'hibernation that is not enabled', { vm: { hibernation: false } }, 'stop'],
    [
      24,
      'not enabled, and the tool failed',
      { vm: { hibernation: false }, files: tool, run: systemctl('failed') },
      'stop',
    ],
    [24, 'a machine without the tool: Azure is asked', { files: { ...memory, '/proc/swaps': header } }, 'hibernate'],
    [25, 'an announced event that nobody asked for', { vm: event('Redeploy', 'Scheduled') }, 'hibernate'],
    [25, 'a restart that is only announced', { ...asked, vm: event('Reboot', 'Scheduled') }, 'hibernate'],
    [25, 'a freeze of seconds', { ...asked, vm: event('Freeze', 'Started') }, 'hibernate'],
    [25, "another machine's event", { ...asked, vm: event('Redeploy', 'Started', 'other') }, 'hibernate'],
  ]
  it.each(cases)('row %d: %s', async (_row, _name, spec, method) => {
    await using machine = await startAzureRow(spec)
    const done = await machine.due()
    expect(machine.stops()).toEqual([`${method} accepted`])
    expect(done.deeds.findLast(({ intentId }) => intentId !== undefined)).toMatchObject({ result: 'done' })
    const events = machine.azure.requests.list({ path: '/metadata/scheduledevents' })
    expect(events.length).toBe(spec.settings === asked.settings ? 1 : 0)
  })

  it('row 13: what is given up is in the audit log', async () => {
    await using machine = await startAzureRow({ ...onNvme, settings: { allow: ['instance-store-data'] } })
    await machine.due()
    expect(machine.audit().at(-1)?.['detail']).toMatch(/^accepted: .*; given up, as allowed: \/scratch$/)
  })

  it('row 24: an extension that stays failed gives memory up after not_ready_minutes', async () => {
    await using machine = await startAzureRow({ vm: { hibernationExtension: 'failed' } })
    for (let checks = 0; machine.azure.instance().state === 'running' && checks < 20; checks += 1) await machine.check()
    const stops = machine.stops()
    expect(stops.at(-1)).toBe('stop accepted')
    expect(stops.length).toBeGreaterThanOrEqual(6)
    expect(stops.slice(0, -1).every((one) => one === 'hibernate OperationNotAllowed')).toBe(true)
  })

  it('row 24: what Azure says is not enabled after all is deallocated in the same check', async () => {
    await using machine = await startAzureRow({ vm: { notReadyCalls: 1 } })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate VMHibernateNotSupported', 'stop accepted'])
  })

  it('row 25: events that are not told in time are none, and the audit log says so', async () => {
    await using machine = await startAzureRow(asked)
    machine.azure.faults.add({
      server: 'metadata',
      path: '/metadata/scheduledevents',
      fault: { kind: 'status', status: 500 },
    })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate accepted'])
    expect(machine.audit().at(-1)?.['detail']).toContain('; scheduled events were not told')
  })

  it('row 26: half an hour after boot a missing role is not asked for at each check any more', async () => {
    await using machine = await startAzureRow({ vm: { role: null } })
    const waits: number[] = []
    for (let checks = 0; checks < 30; checks += 1) {
      const checked = await machine.check()
      if (checked.deeds.some(({ code }) => code === 'AuthorizationFailed')) waits.push(waitMinutes(checked, machine))
    }
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0])
    expect(waits.at(-1)).toBe(60)
  })
})

describe('a stop that leaves the machine allocated is a failure', () => {
  it('while it runs on: told after some minutes, and tried again', async () => {
    await using machine = await startAzureRow({ vm: { deallocationFails: 'VMHibernateFailed' } })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate accepted'])
    machine.azure.instance().deallocationFails = null
    let told: readonly string[] = []
    for (let checks = 0; checks < 6 && told.length === 0; checks += 1) {
      const { deeds } = await machine.check()
      told = deeds.flatMap(({ action, detail }) => (action === 'alert' || action === 'reconcile' ? [detail] : []))
    }
    expect(told).toEqual([expect.stringMatching(/^still running .* after a stop that was accepted/), 'failed'])
    expect(machine.stops()).toEqual(['hibernate accepted'])
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate accepted', 'hibernate accepted'])
  })

  it('at the next start, by what Azure tells of the deallocation', async () => {
    await using machine = await startAzureRow({
      vm: { deallocationFails: 'InternalOperationError', hibernation: false },
    })
    await machine.due()
    expect(machine.stops()).toEqual(['stop accepted'])
    machine.host.files.write('/proc/sys/kernel/random/boot_id', '22222222-3333-4444-8555-666666666666\n')
    const next = await machine.check(30 * MINUTE)
    expect(machine.audit().findLast(({ action }) => action === 'reconcile')).toMatchObject({
      result: 'failed',
      detail: 'InternalOperationError: the VM was not deallocated, so it stayed allocated and was paid for',
    })
    expect(next.notes).toContain(
      'the last stop failed: InternalOperationError: the VM was not deallocated, so it stayed allocated and was paid for',
    )
    expect([machine.tag('IdleAction'), next.decision.state.falseStops]).toEqual(['', []])
    await machine.check()
    expect(machine.azure.requests.list({ server: 'api', action: 'Operations_Get' })).toHaveLength(1)
  })

  it('and where it was deallocated, it is not', async () => {
    await using machine = await startAzureRow({ vm: { hibernation: false } })
    await machine.due()
    machine.host.files.write('/proc/sys/kernel/random/boot_id', '22222222-3333-4444-8555-666666666666\n')
    await machine.check(60 * MINUTE)
    expect(machine.audit().findLast(({ action }) => action === 'reconcile')).toMatchObject({ result: 'done' })
    expect(machine.tag('IdleAction')).toBe('stopped')
  })
})
