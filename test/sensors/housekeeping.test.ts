/** Housekeeping that ended within the interval: what systemd still knows of it is no work, and nothing else is excused. */
import { describe, expect, it } from 'vitest'
import { cpu } from '../../agent/sensors/cpu.ts'
import type { CpuSample } from '../../agent/sensors/cpu-sample.ts'
import type { Group } from '../../agent/sensors/groups.ts'
import { endedAtMostMs, endedMs, fetcher, parseRuns, type UnitRun, unitRuns } from '../../agent/sensors/housekeeping.ts'
import { network } from '../../agent/sensors/network.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { defaults, sample } from './machine.ts'

const block = (unit: string, usedNs: string, began: string, ended: string): string =>
  `Id=${unit}\nInactiveExitTimestampMonotonic=${began}\nInactiveEnterTimestampMonotonic=${ended}\nCPUUsageNSec=${usedNs}\n`

describe('what systemd tells', () => {
  it('is read in milliseconds, in whatever order', () => {
    const text = `${block('man-db.service', '5500000000', '100000', '7300500')}\n${block('fstrim.service', '20000', '1', '2')}`
    expect(parseRuns(text)).toEqual([
      { unit: 'man-db.service', began: 100, ended: 7300.5, usedUs: 5_500_000 },
      { unit: 'fstrim.service', began: 0.001, ended: 0.002, usedUs: 20 },
    ])
  })

  it.each<[string, string, Partial<UnitRun>]>([
    ['runs', block('man-db.service', '5000', '200', '100'), { began: 0.2, usedUs: 5 }],
    ['runs for the first time', block('man-db.service', '5000', '200', '0'), { began: 0.2, usedUs: 5 }],
    ['was not counted', block('man-db.service', '[not set]', '100', '200'), { began: 0.1, ended: 0.2 }],
    [
      'was not counted, in an older version',
      block('man-db.service', '18446744073709551615', '1', '2'),
      { began: 0.001, ended: 0.002 },
    ],
    ['has a negative figure', block('man-db.service', '-5000', '100', '200'), { began: 0.1, ended: 0.2 }],
    ['has another notation', block('man-db.service', '5e3', '100', '200'), { began: 0.1, ended: 0.2 }],
    ['has a figure cut off', block('man-db.service', '', '100', '200'), { began: 0.1, ended: 0.2 }],
  ])('of a unit that %s', (_, text, expected) => {
    expect(parseRuns(text)).toEqual([{ unit: 'man-db.service', ...expected }])
  })

  it.each([
    ['nothing', ''],
    ['a unit that never ran', block('man-db.service', '[not set]', '0', '0')],
    ['a property missing', 'Id=man-db.service\nCPUUsageNSec=5000\n'],
    ['a time that is none', block('man-db.service', '5000', 'n/a', '200')],
    ['something else', 'Failed to connect to bus: No such file or directory\n'],
  ])('is left out: %s', (_, text) => {
    expect(parseRuns(text)).toEqual([])
  })
})

const run = (change: Partial<UnitRun> = {}): UnitRun => ({
  ...{ unit: 'man-db.service', began: 2000, ended: 9000, usedUs: 6_000_000 },
  ...change,
})
const running: UnitRun = { unit: 'man-db.service', began: 2000, usedUs: 6_000_000 }
const there = (usedUs: number): readonly Group[] => [['system.slice/man-db.service', 7, usedUs]]

describe('what ended units used', () => {
  it.each<[string, UnitRun, number, { before?: readonly Group[]; now?: readonly Group[] }]>([
    ['all of it, when it began within', run(), 6000, {}],
    ['all of it, when it began at the first moment', run({ began: 1000 }), 6000, {}],
    ['what was added, when it ran before', run({ began: 900 }), 4000, { before: there(2_000_000) }],
    ['nothing, when it ran before and nobody knows what it had used', run({ began: 900 }), 0, {}],
    ['nothing, when it had used more before', run({ began: 900 }), 0, { before: there(7_000_000) }],
    ['nothing, when it ended before', run({ began: 100, ended: 1000 }), 0, {}],
    ['nothing, when it ended later', run({ ended: 11_001 }), 0, {}],
    ['nothing, when its group is still counted', run(), 0, { now: there(5_000_000) }],
    ['nothing, while it runs', running, 0, {}],
    ['nothing, when it was not counted', { unit: 'man-db.service', began: 2000, ended: 9000 }, 0, {}],
    ['nothing, when it is no housekeeping', run({ unit: 'docker.service' }), 0, {}],
    ['nothing, when it has no name', run({ unit: '' }), 0, {}],
  ])('%s', (_, one, expected, { before = [], now = [] }) => {
    expect(endedMs([one], { from: 1000, to: 11_000, before, now })).toBe(expected)
  })

  it('is summed', () => {
    const runs = [run(), run({ unit: 'logrotate.service', usedUs: 500_000 })]
    expect(endedMs(runs, { from: 1000, to: 11_000, before: [], now: [] })).toBe(6500)
  })

  it.each<[string, readonly Group[], readonly Group[], number]>([
    ['growth of the slice', [['system.slice', 3, 9_000_000]], [['system.slice', 3, 2_000_000]], 7000],
    [
      'less what still runs',
      [
        ['system.slice', 3, 9_000_000],
        ['system.slice/fstrim.service', 8, 3_000_000],
      ],
      [['system.slice', 3, 2_000_000]],
      4000,
    ],
    ['0 without a slice', [], [['system.slice', 3, 2_000_000]], 0],
    ['0 when the slice is new', [['system.slice', 4, 9_000_000]], [['system.slice', 3, 2_000_000]], 0],
  ])('is at most %s', (_, now, before, expected) => {
    expect(endedAtMostMs(now, before)).toBe(expected)
  })
})

describe('who fetched', () => {
  it.each<[string, UnitRun, string | undefined]>([
    ['a unit that ran within', run({ unit: 'apt-daily.service' }), 'apt-daily'],
    ['one that began before and ended within', run({ unit: 'apt-daily.service', began: 1 }), 'apt-daily'],
    ['one that began within and ended after', run({ unit: 'dnf-makecache.service', ended: 90_000 }), 'dnf-makecache'],
    ['one that runs', { unit: 'snapd.refresh.service', began: 5 }, 'snapd.refresh'],
    ['none that waits from boot to shutdown', { unit: 'unattended-upgrades.service', began: 5 }, undefined],
    ['none that hangs', { unit: 'apt-daily.service', began: 1000 - 2 * 3_600_000 }, undefined],
    ['none that ended before', run({ unit: 'apt-daily.service', began: 1, ended: 1000 }), undefined],
    ['none that began after', run({ unit: 'apt-daily.service', began: 11_000, ended: 11_001 }), undefined],
    ['none that fetches nothing', run({ unit: 'man-db.service' }), undefined],
    ['none of somebody else', run({ unit: 'backup.service' }), undefined],
    ['none without a name', run({ unit: '' }), undefined],
  ])('%s', (_, one, expected) => {
    expect(fetcher([run({ unit: 'logrotate.service' }), one], 1000, 11_000)).toBe(expected)
  })
})

/** 120 s in which `ticks` of CPU time were used, and as many in system.slice unless told. */
async function told(
  machine: Machine,
  { ticks = 6000, sliceMs = ticks * 10, systemctl }: { ticks?: number; sliceMs?: number; systemctl?: string },
): Promise<{ readonly first: Reading; readonly last: Reading; readonly asked: number }> {
  const before = await sample(cpu, machine)
  machine.pass(120_000)
  machine.edit('/proc/stat', /^cpu {2}50000 /, `cpu  ${50_000 + ticks} `)
  machine.edit(
    '/sys/fs/cgroup/system.slice/cpu.stat',
    'usage_usec 410000000',
    `usage_usec ${410_000_000 + sliceMs * 1000}`,
  )
  if (systemctl !== undefined) {
    machine.commands.set('systemctl', () => ({ status: 0, stdout: systemctl, stderr: '' }))
  }
  const now = await sample(cpu, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
  const more = await cpu.excuse?.(machine.host(), { ...context, now, before }, new AbortController().signal)
  const kept: CpuSample = JSON.parse(JSON.stringify(more ?? now))
  return {
    first: cpu.judge(now, before, context),
    last: cpu.judge(kept, before, context),
    asked: machine.ran.length,
  }
}

// The fixture machine is sampled 7200 s after its boot.
const within = ['7210000000', '7290000000'] as const

describe('the cpu sensor', () => {
  it('excuses housekeeping that ended within the interval', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const { first, last, asked } = await told(machine, {
      systemctl: `${block('apt-daily.service', '[not set]', '0', '0')}\n${block('man-db.service', '55000000000', ...within)}`,
    })
    expect(first).toMatchObject({ kind: 'active', value: 0.5 })
    expect(last).toMatchObject({ kind: 'idle', value: 0.042 })
    expect(asked).toBe(1)
    expect(machine.ran[0]).toEqual(expect.arrayContaining(['systemctl', 'show', 'man-db.service']))
  })

  it('excuses one that ran already, as far as it went on', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.edit('/sys/fs/cgroup/system.slice/apt-daily.service/cpu.stat', '12000000', '30000000')
    const systemctl = block('apt-daily.service', '80000000000', '7100000000', '7290000000')
    const before = await sample(cpu, machine)
    machine.remove('/sys/fs/cgroup/system.slice/apt-daily.service')
    machine.pass(120_000)
    machine.edit('/proc/stat', /^cpu {2}50000 /, 'cpu  56000 ')
    machine.edit('/sys/fs/cgroup/system.slice/cpu.stat', 'usage_usec 410000000', 'usage_usec 470000000')
    machine.commands.set('systemctl', () => ({ status: 0, stdout: systemctl, stderr: '' }))
    const now = await sample(cpu, machine)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
    const more = await cpu.excuse?.(machine.host(), { ...context, now, before }, new AbortController().signal)
    expect(more?.endedMs).toBe(50_000)
    expect(cpu.judge(more ?? now, before, context)).toMatchObject({ kind: 'idle', value: 0.083 })
  })

  it.each<[string, { ticks?: number; sliceMs?: number; systemctl?: string }, number, number]>([
    ['work beside it', { ticks: 9000, systemctl: block('man-db.service', '55000000000', ...within) }, 0.292, 1],
    ['work in the same slice', { systemctl: block('man-db.service', '1000000000', ...within) }, 0.492, 1],
    [
      'no more than its slice grew',
      { sliceMs: 50_000, systemctl: block('man-db.service', '90000000000', ...within) },
      0.083,
      1,
    ],
    [
      'work of people, without asking',
      { sliceMs: 40_000, systemctl: block('man-db.service', '60000000000', ...within) },
      0.5,
      0,
    ],
    ['work, where systemd knows of nothing', { systemctl: '' }, 0.5, 1],
    ['work, where there is no systemd', {}, 0.5, 1],
    ['work, where the run was yesterday', { systemctl: block('man-db.service', '60000000000', '1', '2') }, 0.5, 1],
  ])('counts %s', async (_, given, value, asked) => {
    const found = await told(createMachine('debian12-vm-quiet'), given)
    expect(found.last).toMatchObject({ kind: value > 0.1 ? 'active' : 'idle', value })
    expect(found.asked).toBe(asked)
  })

  it('does not take it off those who live', async () => {
    // The whole lags behind what processes are known to have used; ended units are only in the whole.
    const machine = createMachine('debian12-vm-busy-thread-2')
    const before = await sample(cpu, machine)
    machine.pass(120_000)
    machine.edit('/proc/4242/stat', ' 30000 120 ', ' 36000 120 ')
    const now: CpuSample = { ...(await sample(cpu, machine)), endedMs: 50_000 }
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
    expect(cpu.judge(now, before, context)).toMatchObject({ kind: 'active', value: 0.5 })
  })

  it('rejects when systemd does not answer in time', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.commands.set('systemctl', () => {
      throw new Error('no answer within 2 s')
    })
    await expect(told(machine, {})).rejects.toThrow('no answer')
  })
})

/** 120 s in which the machine's one interface received and sent so much while apt-daily ran. */
async function fetched(given: { received?: number; sent?: number; systemctl?: string }): Promise<Reading> {
  const { received = 1, sent = 1, systemctl = block('apt-daily.service', '5000', ...within) } = given
  const machine = createMachine('debian12-vm-quiet')
  const before = await sample(network, machine)
  machine.pass(120_000)
  machine.edit('/proc/net/dev', 'ens5: 81000000', `ens5: ${81_000_000 + received}`)
  machine.edit('/proc/net/dev', / 9100000 /, ` ${9_100_000 + sent} `)
  machine.commands.set('systemctl', () => ({ status: 0, stdout: systemctl, stderr: '' }))
  const now = await sample(network, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(network.options) }
  const more = await network.excuse?.(machine.host(), { ...context, now, before }, new AbortController().signal)
  return network.judge(JSON.parse(JSON.stringify(more ?? now)), before, context)
}

describe('the network sensor', () => {
  it('holds while the distribution fetches, since nobody can tell whose bytes they were', async () => {
    expect(await fetched({ received: 12_000_000, sent: 300_000 })).toEqual({
      kind: 'hold',
      reason: 'ens5 received 100.0 kB/s, limit 10.0 kB/s, while apt-daily ran',
      ...{ evidence: 'housekeeping', limitMinutes: 1440, value: 100_000, unit: 'bytes per second', limit: 10_000 },
    })
  })

  it.each<[string, Parameters<typeof fetched>[0], string]>([
    ['holds for acknowledgements over the limit', { received: 120_000_000, sent: 4_200_000 }, 'hold'],
    ['is active when more was sent', { received: 120_000_000, sent: 4_200_001 }, 'active'],
    ['is active when only sent', { sent: 700_000 }, 'active'],
    ['is active when nothing fetched', { received: 12_000_000, systemctl: '' }, 'active'],
    [
      'is active when it fetched earlier',
      { received: 12_000_000, systemctl: block('apt-daily.service', '5', '1', '7200000000') },
      'active',
    ],
    ['is idle when little was received', { received: 1000 }, 'idle'],
  ])('%s', async (_, given, kind) => {
    expect(await fetched(given)).toMatchObject({ kind })
  })
})

it('asks systemd once for both', async () => {
  const machine = createMachine('debian12-vm-quiet')
  machine.commands.set('systemctl', () => ({ status: 0, stdout: '', stderr: '' }))
  const host = machine.host()
  const { signal } = new AbortController()
  await Promise.all([unitRuns(host, signal), unitRuns(host, signal)])
  expect(machine.ran.length).toBe(1)
  await unitRuns(machine.host(), signal)
  expect(machine.ran.length).toBe(2)
})
