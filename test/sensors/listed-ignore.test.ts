/** What an operator leaves out: only that, only as it was left out, and nothing of it where nothing is configured. */
import { describe, expect, it } from 'vitest'
import { readLists } from '../../agent/sensors/listed.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import { sensors } from '../../agent/sensors/table.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { io, plant, use } from './disk-machine.ts'
import { defaults, sample } from './machine.ts'

type Lists = Readonly<Record<string, readonly unknown[]>>

function configured(lists: Lists) {
  const all = readLists(new Map(Object.entries(lists))).around(sensors.map((sensor) => ({ sensor, limits: {} })))
  return all.map(({ sensor }) => sensor)
}

function sensorOf(name: string, lists: Lists): Sensor<unknown> {
  const found = configured(lists).find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no sensor ${name}`)
  return found
}

const quiet = 'debian12-vm-quiet'

/** Judges 120 s as the loop does, with a closer look at what seems active. */
async function judged(
  name: string,
  { lists, before = lists }: { readonly before?: Lists; readonly lists: Lists },
  happen: { readonly first?: (machine: Machine) => void; readonly then: (machine: Machine) => void },
): Promise<Reading> {
  const machine = createMachine(quiet)
  happen.first?.(machine)
  const sensor = sensorOf(name, lists)
  const earlier = await sample(sensorOf(name, before), machine)
  machine.pass(120_000)
  happen.then(machine)
  const now = await sample(sensor, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(sensor.options) }
  const first = sensor.judge(now, earlier, context)
  if (first.kind !== 'active') return first
  const more = await sensor.excuse?.(machine.host(), { now, before: earlier, ...context }, new AbortController().signal)
  return more === undefined ? first : sensor.judge(JSON.parse(JSON.stringify(more)), earlier, context)
}

it('around the sensors: in their order, themselves where nothing is ignored, then those of the lists', () => {
  expect(configured({ processes: [], commands: [] })).toEqual(sensors)
  const lists = { commands: [{ argv: ['/x'] }], processes: [{ name: 'x' }], services: [{ port: 1 }] }
  const names = configured({ ...lists, 'ignore.disks': ['sda'] }).map(({ name }) => name)
  expect(names).toEqual([...sensors.map(({ name }) => name), 'processes', 'commands', 'services'])
})

it.each<[string, Lists, readonly string[]]>([
  ['programs', { 'ignore.programs': ['x'] }, ['cpu']],
  ['interfaces', { 'ignore.interfaces': ['x'] }, ['network']],
  ['disks', { 'ignore.disks': ['x'] }, ['disk']],
  ['units', { 'ignore.units': ['x.service'] }, ['cpu', 'network', 'disk']],
])('%s change no other sensor than theirs', (_, lists, expected) => {
  expect(
    configured(lists)
      .filter((one) => !sensors.includes(one))
      .map(({ name }) => name),
  ).toEqual(expected)
})

interface Worker {
  readonly comm: string
  readonly uid: number
  readonly ticks: number
  readonly exe?: string
}

/** CPU time of the machine and of one process, 60 s of 120. */
function work(machine: Machine, { comm, uid, ticks, exe }: Worker): void {
  const pid = 900
  machine.write(
    `/proc/${pid}/stat`,
    `${pid} (${comm}) S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 500 0 0\n`,
  )
  machine.write(`/proc/${pid}/status`, `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  if (exe !== undefined) machine.link(`/proc/${pid}/exe`, exe)
}

const busier = (machine: Machine): void => machine.edit('/proc/stat', 'cpu  50000', 'cpu  56000')

describe('programs', () => {
  const lists = { 'ignore.programs': ['backup-daemon-of-ours'] }
  const ours = '/opt/backup-daemon-of-ours (deleted)'
  const run = (
    uid: number,
    { comm = 'backup-daemon-o', exe = ours, before = lists }: { comm?: string; exe?: string; before?: Lists } = {},
  ) =>
    judged(
      'cpu',
      { before, lists },
      {
        first: (machine) => work(machine, { comm, uid, ticks: 1000, exe }),
        then: (machine) => {
          work(machine, { comm, uid, ticks: 7000, exe })
          busier(machine)
        },
      },
    )
  it.each<[string, () => Promise<Reading>, string]>([
    ["root's is left out", () => run(0), 'idle'],
    ["a service user's is left out", () => run(110), 'idle'],
    ["a person's counts, whatever it is called", () => run(1000), 'active'],
    ['nobody’s counts', () => run(65_534), 'active'],
    ['one whose name begins so counts', () => run(0, { exe: '/opt/backup-daemon-old' }), 'active'],
    ['another one counts', () => run(0, { comm: 'backup' }), 'active'],
    ['is left out, too, when the earlier sample did not know it', () => run(0, { before: { processes: [] } }), 'idle'],
  ])('%s', async (_, reading, kind) => {
    expect((await reading()).kind).toBe(kind)
  })
})

describe('units', () => {
  const lists = { 'ignore.units': ['nightly-report.service', 'other.timer'] }
  const unit = 'nightly-report.service'
  const used = (machine: Machine, us: number, name = unit) =>
    machine.write(`/sys/fs/cgroup/system.slice/${name}/cpu.stat`, `usage_usec ${us}\n`)
  const slice = (machine: Machine, us: number) =>
    machine.edit('/sys/fs/cgroup/system.slice/cpu.stat', 'usage_usec 410000000', `usage_usec ${410_000_000 + us}`)

  it('one that runs is left out', async () => {
    const happen = {
      first: (machine: Machine) => used(machine, 5_000_000),
      then: (machine: Machine) => {
        used(machine, 65_000_000)
        busier(machine)
      },
    }
    expect(await judged('cpu', { lists }, happen)).toMatchObject({ kind: 'idle', value: 0 })
    expect(await judged('cpu', { lists: { 'ignore.programs': ['x'] } }, happen)).toMatchObject({ kind: 'active' })
  })

  it('what it had used before it was listed hides nobody', async () => {
    const happen = {
      first: (machine: Machine) => used(machine, 5_000_000_000),
      then: (machine: Machine) => {
        used(machine, 5_000_000_000)
        busier(machine)
      },
    }
    expect(await judged('cpu', { before: { 'ignore.programs': ['x'] }, lists }, happen)).toMatchObject({
      kind: 'active',
      value: 0.5,
    })
  })

  it('one of a template is found in its slice', async () => {
    const name = 'system-nightly\\x2dreport.slice/nightly-report@a.service'
    const happen = {
      first: (machine: Machine) => used(machine, 5_000_000, name),
      then: (machine: Machine) => {
        used(machine, 65_000_000, name)
        busier(machine)
      },
    }
    expect((await judged('cpu', { lists: { 'ignore.units': ['nightly-report@a.service'] } }, happen)).kind).toBe('idle')
  })

  const told = (name: string, usedNs: string) =>
    `Id=${name}\nInactiveExitTimestampMonotonic=7210000000\nInactiveEnterTimestampMonotonic=7290000000\nCPUUsageNSec=${usedNs}\n`

  it('one that has ended is left out by what systemd remembers, and only by that', async () => {
    const run = (answer: string, inSlice = 60_000_000) =>
      judged(
        'cpu',
        { lists },
        {
          then: (machine) => {
            busier(machine)
            slice(machine, inSlice)
            machine.commands.set('systemctl', (argv) => ({
              status: 0,
              stdout: argv.includes(unit) ? answer : '',
              stderr: '',
            }))
          },
        },
      )
    expect(await run(told(unit, '60000000000'))).toMatchObject({ kind: 'idle', value: 0 })
    expect(await run(told(unit, '6000000000'))).toMatchObject({ kind: 'active', value: 0.45 })
    expect(await run(told('somebody.service', '60000000000'))).toMatchObject({ kind: 'active' })
    expect(await run(told(unit, '60000000000'), 1_000_000)).toMatchObject({ kind: 'active' })
  })

  const ran = (machine: Machine) =>
    machine.commands.set('systemctl', (argv) => ({
      status: 0,
      stdout: argv.includes(unit) ? told(unit, '1') : '',
      stderr: '',
    }))

  it('downloads while it runs only hold', async () => {
    const then = (machine: Machine) => {
      machine.edit('/proc/net/dev', 'ens5: 81000000', 'ens5: 93000000')
      ran(machine)
    }
    expect(await judged('network', { lists }, { then })).toMatchObject({
      kind: 'hold',
      reason: expect.stringMatching(/, while nightly-report ran$/),
    })
  })

  it('disk traffic while it runs only holds, unless it is that of somebody else', async () => {
    const run = (cgroup: string) =>
      judged(
        'disk',
        { lists },
        {
          then: (machine) => {
            use(machine, { written: 1e9 })
            plant(machine, { pid: 4242, comm: 'dd', start: 730_000, cgroup }, io(0, 1e9))
            ran(machine)
          },
        },
      )
    expect(await run(`/system.slice/${unit}`)).toMatchObject({
      kind: 'hold',
      reason: expect.stringMatching(/nightly-report ran$/),
    })
    expect(await run('/user.slice/user-1000.slice')).toMatchObject({ kind: 'active' })
  })
})

describe('devices', () => {
  const more = (machine: Machine) => machine.edit('/proc/net/dev', 'ens5: 81000000', 'ens5: 93000000')
  it.each<[string, readonly string[], Partial<Reading>]>([
    ['another interface', ['eth*'], { kind: 'active' }],
    [
      'the interface',
      ['ens5'],
      { kind: 'absent', reason: 'no network interface that is not left out by the configuration' },
    ],
    ['by a pattern', ['e*'], { kind: 'absent' }],
  ])('%s', async (_, names, expected) => {
    expect(await judged('network', { lists: { 'ignore.interfaces': names } }, { then: more })).toMatchObject(expected)
  })

  it.each<[string, readonly string[], Partial<Reading>]>([
    ['another disk', ['sd*'], { kind: 'active' }],
    ['the disk', ['nvme0n1'], { kind: 'absent', reason: 'no disk that is not left out by the configuration' }],
  ])('%s', async (_, names, expected) => {
    const then = (machine: Machine) => use(machine, { written: 1e9 })
    expect(await judged('disk', { lists: { 'ignore.disks': names } }, { then })).toMatchObject(expected)
  })

  it('one that is left out since the last check has not vanished', async () => {
    const lists = { 'ignore.interfaces': ['ens5'] }
    expect((await judged('network', { before: { processes: [{ name: 'x' }] }, lists }, { then: more })).kind).toBe(
      'absent',
    )
  })
})
