/** The cpu sensor: whole minus known, over the whole interval, on any number of cores. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cpu, parseBusy, withOwnCpu } from '../../agent/sensors/cpu.ts'
import type { CpuSample } from '../../agent/sensors/cpu-sample.ts'
import { agentNames, housekeepingUnit, isSystemUser } from '../../agent/sensors/known-agents.ts'
import { createMachine, fixtureBootId, type Machine } from '../host/fixture.ts'
import { closely, defaults, interval as intervalOf, sample } from './machine.ts'

const interval: typeof intervalOf = (sensor, machine, change = {}) =>
  intervalOf(sensor, machine, { ...change, closely: true })

/** Adds user ticks to /proc/stat and, where a pid is given, to that process: its own, or those of its ended children. */
function work(machine: Machine, ticks: number, by?: { readonly pid: number; readonly ended?: boolean }): void {
  machine.edit('/proc/stat', /^cpu {2}50000 /, `cpu  ${50_000 + ticks} `)
  if (by === undefined) return
  const column = by.ended === true ? 15 : 13
  machine.edit(
    `/proc/${by.pid}/stat`,
    new RegExp(`^(\\d+ \\([^]*\\)(?: \\S+){${column - 2}}) (\\d+)`),
    `$1 ${ticks + columnOf(by)}`,
  )
}

const columns: Readonly<Record<string, number>> = {
  '4242': 30_000,
  '560': 400,
  '570': 900,
  '540:ended': 900,
  '512:ended': 700,
}
function columnOf({ pid, ended }: { readonly pid: number; readonly ended?: boolean }): number {
  return columns[ended === true ? `${pid}:ended` : `${pid}`] ?? 0
}

describe('cpu', () => {
  it('is idle on a quiet machine', async () => {
    const reading = await interval(cpu, createMachine('debian12-vm-quiet'))
    expect(reading).toEqual({
      kind: 'idle',
      reason: '0.00 cores busy, limit 0.10',
      value: 0,
      unit: 'cores',
      limit: 0.1,
    })
  })

  it.each([2, 96])('names a busy thread on %i cores', async (cores) => {
    const machine = createMachine(`debian12-vm-busy-thread-${cores}`)
    const reading = await interval(cpu, machine, { then: () => work(machine, 11_640, { pid: 4242 }) })
    expect(reading).toMatchObject({
      kind: 'active',
      reason: 'python3 (pid 4242): 0.97 cores, limit 0.10',
      value: 0.97,
    })
  })

  it.each([
    [1200, 'idle', '0.10 cores busy, limit 0.10'],
    [1201, 'active', 'python3 (pid 4242): 0.1001 cores, limit 0.10'],
  ])('%d ticks in 120 s are %s', async (ticks, kind, reason) => {
    const machine = createMachine('debian12-vm-busy-thread-2')
    expect(await interval(cpu, machine, { then: () => work(machine, ticks, { pid: 4242 }) })).toMatchObject({
      kind,
      reason,
    })
  })

  it('does not count iowait, steal or idle', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => machine.edit('/proc/stat', '900000 3000 0 240 900', '940000 90000 0 240 90000')
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'idle' })
  })

  it.each([
    ['the SSM agent', 560, 'idle'],
    ['a node exporter of a system user', 570, 'idle'],
  ])('leaves out %s', async (_, pid, kind) => {
    const machine = createMachine('debian12-vm-quiet')
    expect(await interval(cpu, machine, { then: () => work(machine, 6000, { pid }) })).toMatchObject({ kind })
  })

  it('counts a process that a person named like an agent', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.edit('/proc/570/status', 'Uid:\t107', 'Uid:\t1000')
    const reading = await interval(cpu, machine, { then: () => work(machine, 6000, { pid: 570 }) })
    expect(reading).toMatchObject({ kind: 'active', reason: expect.stringContaining('prometheus-node (pid 570)') })
  })

  it("does not take the past of a process that renames itself for an agent's", async () => {
    const again = createMachine('debian12-vm-busy-thread-2')
    again.edit('/proc/4242/status', 'Uid:\t1000', 'Uid:\t0')
    const renamed = () => {
      work(again, 5000)
      again.edit('/proc/4242/stat', '(python3)', '(telegraf)')
    }
    expect(await interval(cpu, again, { then: renamed })).toMatchObject({ kind: 'active', value: 0.417 })
  })

  it('counts what an agent started for somebody, through its ended children', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const reading = await interval(cpu, machine, { then: () => work(machine, 6000, { pid: 560, ended: true }) })
    expect(reading).toMatchObject({ kind: 'active', reason: expect.stringContaining('processes that have ended') })
  })

  it.each([
    ['with control groups', 'debian12-vm-quiet'],
    ['with version 1 only', 'rhel8-v1'],
  ])('counts work of processes that nobody saw, %s', async (_, name) => {
    const machine = createMachine(name)
    const reading = await interval(cpu, machine, { then: () => work(machine, 6000) })
    expect(reading).toMatchObject({
      kind: 'active',
      reason: 'processes that have ended: 0.50 cores, limit 0.10',
      value: 0.5,
    })
  })

  it('names the group of processes that have ended', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      work(machine, 6000)
      machine.edit('/sys/fs/cgroup/user.slice/cpu.stat', 'usage_usec 120000000', 'usage_usec 180000000')
      machine.edit('/sys/fs/cgroup/user.slice/user-1000.slice/cpu.stat', 'usage_usec 118000000', 'usage_usec 178000000')
    }
    const reading = await interval(cpu, machine, { then })
    expect(reading.reason).toBe('processes of user.slice/user-1000.slice that have ended: 0.50 cores, limit 0.10')
  })

  it('names the parent of ended children', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const reading = await interval(cpu, machine, { then: () => work(machine, 6000, { pid: 512, ended: true }) })
    expect(reading.reason).toBe('ended children of cron (pid 512): 0.50 cores, limit 0.10')
  })

  it('counts no child twice when it ended within the interval', async () => {
    const machine = createMachine('rhel8-v1')
    const then = () => {
      work(machine, 2000)
      machine.remove('/proc/3301')
      machine.edit('/proc/3300/stat', ' 5000 700 ', ' 5210 700 ')
    }
    const reading = await interval(cpu, machine, { then })
    expect(reading.reason).toBe('processes that have ended: 0.17 cores, limit 0.10')
  })

  it('counts what processes used where the whole does not show it', async () => {
    const machine = createMachine('debian12-vm-busy-thread-2')
    const then = () => machine.edit('/proc/4242/stat', ' 30000 120 ', ' 36000 120 ')
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'active', value: 0.5 })
  })

  it('has no room for control characters, long names or arguments in its reason', async () => {
    const machine = createMachine('debian12-vm-busy-thread-2')
    machine.edit('/proc/4242/stat', '(python3)', '(\u001b[2J\u202e) R 1\n)')
    const reading = await interval(cpu, machine, { then: () => work(machine, 6000, { pid: 4242 }) })
    expect(reading.reason).toBe('[2J) R 1 (pid 4242): 0.50 cores, limit 0.10')
  })
})

describe('housekeeping', () => {
  it('of the distribution is left out while its unit is there', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      work(machine, 6000)
      machine.edit(
        '/sys/fs/cgroup/system.slice/apt-daily.service/cpu.stat',
        'usage_usec 12000000',
        'usage_usec 72000000',
      )
    }
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'idle', value: 0 })
  })

  it('that began in the interval counts whole', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      work(machine, 6000)
      machine.write('/sys/fs/cgroup/system.slice/man-db.service/cpu.stat', 'usage_usec 60000000\n')
    }
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'idle', value: 0 })
  })

  it('that ended in the interval counts as work', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      work(machine, 6000)
      machine.remove('/sys/fs/cgroup/system.slice/apt-daily.service')
    }
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'active', value: 0.5 })
  })

  it('is no unit of somebody else', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      work(machine, 6000)
      machine.edit('/sys/fs/cgroup/system.slice/cron.service/cpu.stat', 'usage_usec 21000000', 'usage_usec 81000000')
      machine.write('/sys/fs/cgroup/user.slice/man-db.service/cpu.stat', 'usage_usec 60000000\n')
    }
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'active', value: 0.5 })
  })
})

describe('a container', () => {
  it('is measured by its own group, not by the machine', async () => {
    const machine = createMachine('container-nspawn')
    const then = () => machine.edit('/proc/stat', 'cpu  9000000', 'cpu  9900000')
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'idle', value: 0 })
  })

  it('is active when its group works', async () => {
    const machine = createMachine('container-nspawn')
    const then = () => machine.edit('/sys/fs/cgroup/cpu.stat', 'usage_usec 41000000', 'usage_usec 101000000')
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'active', value: 0.5 })
  })

  it('begins at 0 when its group was made anew, and is unknown when its counter went down', async () => {
    const machine = createMachine('container-nspawn')
    const before = await sample(cpu, machine)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
    const anew: CpuSample = { ...before, whole: { of: 'container', ino: 5, ms: 24_000 } }
    expect(cpu.judge(anew, before, context)).toMatchObject({ kind: 'active', value: 0.2 })
    const down: CpuSample = { ...before, whole: { ...before.whole, ms: 1 } }
    expect(() => cpu.judge(down, before, context)).toThrow('went down')
    const moved: CpuSample = { ...before, whole: { of: 'machine', ino: 0, ms: 50_000 } }
    expect(() => cpu.judge(moved, before, context)).toThrow('changed between')
  })
})

describe('own CPU time', () => {
  /** The agent's own process of two checks in a row, on the machine that it observes. */
  async function own(times: {
    readonly first: number
    readonly end: number
    readonly second: number
    readonly whole: number
    readonly samePid?: boolean
  }) {
    const machine = createMachine('debian12-vm-quiet')
    machine.self = { pid: 7000, startTicks: 719_000, bootId: fixtureBootId, cpuMs: times.first }
    const then = () => {
      const again = times.samePid === true ? {} : { pid: 7001, startTicks: 731_000 }
      machine.self = { ...machine.self, ...again, cpuMs: times.second }
      work(machine, times.whole)
    }
    return await interval(cpu, machine, { first: (one) => withOwnCpu(one, times.end), then })
  }

  it.each([
    ['the rest of the last check and this one so far', { first: 5000, end: 65_000, second: 60_000, whole: 12_000 }, 0],
    [
      'the difference, in a process that stays',
      { first: 5000, end: 65_000, second: 125_000, whole: 12_000, samePid: true },
      0,
    ],
    ['no more than that', { first: 5000, end: 65_000, second: 60_000, whole: 18_000 }, 0.5],
  ])('is left out: %s', async (_, times, value) => {
    expect(await own(times)).toMatchObject({ value })
  })

  it.each([
    ['an agent that calls itself something else', '(amazon-ssm-agen)', '(python3)'],
    ['something that calls itself an agent', '(python3)', '(amazon-ssm-agen)'],
  ])('that %s had before is not used again', async (_, from, to) => {
    const machine = createMachine('debian12-vm-quiet')
    machine.write('/proc/560/stat', `560 ${from} S 1 560 560 0 -1 0 0 0 0 0 900000 150 90 30 20 0 1 0 970\n`)
    expect(await interval(cpu, machine, { then: () => machine.edit('/proc/560/stat', from, to) })).toMatchObject({
      kind: 'idle',
    })
  })

  it('of an agent that looks from another machine is not left out', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.self = { pid: 7000, startTicks: 719_000, bootId: 'another-machine', cpuMs: 5000 }
    expect((await sample(cpu, machine)).own).toBeUndefined()
    expect(withOwnCpu(await sample(cpu, machine), 9000).own).toBeUndefined()
    const then = () => {
      machine.self = { ...machine.self, cpuMs: 90_000 }
      work(machine, 6000)
    }
    expect(await interval(cpu, machine, { then })).toMatchObject({ kind: 'active', value: 0.5 })
  })
})

describe('what cannot be understood is an error', () => {
  it.each([
    ['no /proc/stat', 'absent', (m: Machine) => m.remove('/proc/stat')],
    ['empty', 'does not begin', (m: Machine) => m.write('/proc/stat', '')],
    ['garbage', 'does not begin', (m: Machine) => m.write('/proc/stat', '\0\u00ff\n\n')],
    ['cut off', 'is missing', (m: Machine) => m.write('/proc/stat', 'cpu  1 2 3 4\n')],
    ['without an end of line', 'does not begin', (m: Machine) => m.write('/proc/stat', 'cpu  1 2 3 4 5 6 7')],
    ['beyond 2^53', '2^53', (m: Machine) => m.edit('/proc/stat', 'cpu  50000', 'cpu  9007199254740993')],
    ['not a number', 'whole number', (m: Machine) => m.edit('/proc/stat', 'cpu  50000', 'cpu  5e4')],
    ['10 MB', 'larger', (m: Machine) => m.write('/proc/stat', 'cpu  1 2 3\n'.repeat(1_000_000))],
    [
      'a cpu.stat without usage',
      'usage_usec',
      (m: Machine) => m.write('/sys/fs/cgroup/user.slice/cpu.stat', 'nr_periods 0\n'),
    ],
    ['a mount without a point', 'mount point', (m: Machine) => m.write('/proc/self/mountinfo', 'x - cgroup2 \n')],
    ['an agent without a user', 'Uid', (m: Machine) => m.write('/proc/560/status', '\n')],
  ])('%s', async (_, message, damage) => {
    const machine = createMachine('debian12-vm-quiet')
    damage(machine)
    await expect(cpu.read(machine.host(), new AbortController().signal)).rejects.toThrow(message)
  })

  it.each([
    ['the whole', (m: Machine) => m.edit('/proc/stat', 'cpu  50000', 'cpu  49999')],
    ['a known agent', (m: Machine) => m.edit('/proc/560/stat', ' 400 150 ', ' 399 150 ')],
    [
      'a housekeeping unit',
      (m: Machine) =>
        m.edit('/sys/fs/cgroup/system.slice/apt-daily.service/cpu.stat', 'usage_usec 12000000', 'usage_usec 1'),
    ],
  ])('the counter of %s went down', async (_, change) => {
    const machine = createMachine('debian12-vm-quiet')
    await expect(interval(cpu, machine, { then: () => change(machine) })).rejects.toThrow('went down')
  })

  it('an interval of no length', async () => {
    await expect(interval(cpu, createMachine('debian12-vm-quiet'), { ms: 0 })).rejects.toThrow('0 ms')
  })

  it('a sample that is damaged', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const good = await sample(cpu, machine)
    const context = { span: { now: machine.clocks(), ms: 1000 }, limits: defaults(cpu.options) }
    const bad: CpuSample = { ...good, whole: { ...good.whole, ms: Number.NaN } }
    expect(() => cpu.judge(good, bad, context)).toThrow('not a number')
    expect(() => cpu.judge(bad, good, context)).toThrow('not a number')
  })

  it('parseBusy gives a number or throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `cpu  ${text}\n`),
        ),
        (text) => {
          try {
            expect(Number.isSafeInteger(parseBusy(text))).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        },
      ),
      { seed: 3, numRuns: 1000 },
    )
  })
})

describe('the sample', () => {
  it('stays small with 5,000 processes, and still finds the one that works', async () => {
    const machine = createMachine('debian12-vm-busy-thread-2')
    const host = machine.host()
    const crowd = (pid: number) => `${pid} (worker) S 1 1 1 0 -1 0 0 0 0 0 ${900 + (pid % 7)} 0 0 0 20 0 1 0 5000\n`
    const pids = Array.from({ length: 5000 }, (_, index) => String(10_000 + index))
    const before = await cpu.read(
      {
        ...host,
        list: async (path) => (path === '/proc' ? [...((await host.list(path)) ?? []), ...pids] : host.list(path)),
        readText: async (path) => {
          const pid = /^\/proc\/(1[0-4]\d{3})\/stat$/.exec(path)?.[1]
          return pid === undefined ? host.readText(path) : crowd(Number(pid))
        },
      },
      new AbortController().signal,
    )
    expect(JSON.stringify(before).length).toBeLessThan(20_000)
    expect(before.cut).toBeGreaterThan(0)
    expect(before.known.map(([pid]) => pid)).toContain(570)
    machine.pass(120_000)
    work(machine, 6000, { pid: 4242 })
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
    const reading = await closely(cpu, machine.host(), { now: await sample(cpu, machine), before, ...context })
    expect(reading).toMatchObject({ kind: 'active', reason: expect.stringContaining('python3 (pid 4242)') })
  })
})

describe('the data', () => {
  it('has names as the kernel cuts them', () => {
    for (const name of agentNames) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(15)
  })
  it.each(['apt-daily.service', 'apt-daily-upgrade.service', 'snapd.refresh.service'])('knows %s', (unit) => {
    expect(housekeepingUnit.test(unit)).toBe(true)
  })
  it.each(['cron.service', 'docker.service', 'xapt-daily.service', 'apt-daily.service.scope', 'man-db.timer', ''])(
    'does not know %j',
    (unit) => {
      expect(housekeepingUnit.test(unit)).toBe(false)
    },
  )
  it.each([
    [0, true],
    [999, true],
    [1000, false],
    [61_183, false],
    [61_184, true],
    [65_519, true],
    [65_520, false],
    [65_534, false],
    [65_535, false],
    [1_234_567, false],
  ])('user %i is of the system: %s', (uid, expected) => {
    expect(isSystemUser(uid)).toBe(expected)
  })
})
