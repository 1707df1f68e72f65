/** Whose disk traffic it was: somebody's, who is named, or the distribution's own. */
import { describe, expect, it } from 'vitest'
import { type DiskSample, disk } from '../../agent/sensors/disk.ts'
import { parseBytes } from '../../agent/sensors/disk-bytes.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { io, plant, use } from './disk-machine.ts'
import { defaults, sample } from './machine.ts'

const quiet = 'debian12-vm-quiet'

describe('the bytes of a process', () => {
  it.each<[string, string, number]>([
    ['what was read and written', io(5, 7), 12],
    ['without what was deleted before it was written', io(5, 7, 4), 8],
    ['never less than nothing', io(5, 7, 9), 5],
  ])('%s', (_, text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  it.each(['garbage', 'read_bytes: 5\n', io(5).replace('5', '-5')])('throw at %j', (text) => {
    expect(() => parseBytes(text)).toThrow('/proc/PID/io')
  })
})

/** Judges twice, as the loop does: what looks like activity is looked at more closely. */
async function twice(
  machine: Machine,
  then: () => void,
  before?: DiskSample,
): Promise<{ reading: Reading; kept: DiskSample }> {
  const first = before ?? (await sample(disk, machine))
  machine.pass(120_000)
  then()
  const now = await sample(disk, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(disk.options) }
  expect(disk.judge(now, first, context).kind).toBe('active')
  const kept = await disk.excuse?.(machine.host(), { now, before: first, ...context }, new AbortController().signal)
  return { reading: disk.judge(kept ?? now, first, context), kept: kept ?? now }
}

describe('who it was', () => {
  const started = 730_000 // ticks; the samples are taken 720,000 and 732,000 ticks after boot

  it('one that has begun since is named at once', async () => {
    const machine = createMachine(quiet)
    const { reading } = await twice(machine, () => {
      use(machine, { written: 1e9 })
      plant(machine, { pid: 4242, comm: 'dd', start: started }, io(0, 1e9))
    })
    expect(reading).toMatchObject({ kind: 'active', reason: expect.stringMatching(/; most by dd \(pid 4242\)$/) })
  })

  it('one that was there before is named from the second time on', async () => {
    const machine = createMachine(quiet)
    const postgres = { pid: 77, comm: 'postgres' }
    plant(machine, postgres, io(5e11, 5e11))
    const first = await twice(machine, () => {
      use(machine, { read: 1e9 })
      plant(machine, postgres, io(5e11 + 1e9, 5e11))
    })
    expect(first.reading).toMatchObject({ kind: 'active', reason: expect.not.stringContaining('most by') })
    const again = await twice(
      machine,
      () => {
        use(machine, { read: 3e9 })
        plant(machine, postgres, io(5e11 + 3e9, 5e11))
      },
      first.kept,
    )
    expect(again.reading).toMatchObject({ reason: expect.stringMatching(/; most by postgres \(pid 77\)$/) })
  })

  const aptDaily = (began: number, ended: number) => () => ({
    status: 0,
    stdout: `Id=apt-daily.service\nInactiveExitTimestampMonotonic=${began}\nInactiveEnterTimestampMonotonic=${ended}\nCPUUsageNSec=5\n`,
    stderr: '',
  })
  const [within, later] = [7_210_000_000, 7_250_000_000]

  it.each<[string, (machine: Machine) => void, object]>([
    [
      'a unit of the distribution that has ended',
      () => {},
      { kind: 'hold', evidence: 'housekeeping', reason: expect.stringMatching(/, while apt-daily ran$/) },
    ],
    [
      'its own processes that still run',
      (machine) =>
        plant(
          machine,
          { pid: 900, comm: 'apt-get', start: started, cgroup: '/system.slice/apt-daily.service' },
          io(0, 1e9),
        ),
      { kind: 'hold' },
    ],
    [
      "the kernel's own writing for it",
      (machine) => plant(machine, { pid: 50, comm: 'jbd2/nvme0n1p1', ppid: 2, start: started }, io(0, 1e9)),
      { kind: 'hold' },
    ],
    [
      'somebody else beside it',
      (machine) => plant(machine, { pid: 4242, comm: 'rsync', start: started }, io(0, 5e8)),
      { kind: 'active', reason: expect.stringMatching(/; most by rsync \(pid 4242\)$/) },
    ],
    [
      "a user's service of a like name",
      (machine) =>
        plant(
          machine,
          { pid: 4242, comm: 'rsync', start: started, cgroup: '/user.slice/user-1000.slice/apt-daily.service' },
          io(0, 5e8),
        ),
      { kind: 'active' },
    ],
  ])('while the distribution looks after itself: %s', async (_, add, expected) => {
    const machine = createMachine(quiet)
    machine.commands.set('systemctl', aptDaily(within, later))
    const { reading } = await twice(machine, () => {
      use(machine, { written: 1e9 })
      add(machine)
    })
    expect(reading).toMatchObject(expected)
  })

  it('what process 1 took over from those that ended is nobody else', async () => {
    const machine = createMachine(quiet)
    machine.commands.set('systemctl', aptDaily(within, later))
    const then = (): void => {
      use(machine, { written: 1e9 })
      machine.write('/proc/1/io', io(1e12, 1e12))
    }
    const { reading } = await twice(machine, then, { ...(await sample(disk, machine)), users: [] })
    expect(reading).toMatchObject({ kind: 'hold' })
  })

  it.each<[string, () => { status: number; stdout: string; stderr: string }]>([
    ['ran before', aptDaily(7_100_000_000, 7_150_000_000)],
    ['was never asked for', () => ({ status: 1, stdout: '', stderr: 'no bus' })],
  ])('a unit that %s excuses nothing', async (_, systemctl) => {
    const machine = createMachine(quiet)
    machine.commands.set('systemctl', systemctl)
    const { reading } = await twice(machine, () => use(machine, { written: 1e9 }))
    expect(reading).toMatchObject({ kind: 'active' })
  })

  it('who may not be looked at may be somebody: it is in use', async () => {
    const machine = createMachine(quiet)
    machine.commands.set('systemctl', aptDaily(within, later))
    plant(machine, { pid: 77, comm: 'postgres' }, io(1))
    const { reading } = await twice(machine, () => {
      use(machine, { written: 1e9 })
      machine.forbid('/proc/77/io')
    })
    expect(reading).toMatchObject({ kind: 'active' })
  })

  it('nobody is named who had less than half of it', async () => {
    const machine = createMachine(quiet)
    const { reading } = await twice(machine, () => {
      use(machine, { written: 1e9 })
      plant(machine, { pid: 4242, comm: 'logger', start: started }, io(0, 4.9e8))
    })
    expect(reading).toMatchObject({ kind: 'active', reason: expect.not.stringContaining('most by') })
  })
})
