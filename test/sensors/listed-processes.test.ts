/** Programs that an operator has declared: who fits, for how long, and what somebody who calls a program so gains by it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { listedProcesses } from '../../agent/sensors/listed-processes.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, fixtureBootId, type Machine } from '../host/fixture.ts'

interface Who {
  readonly pid: number
  readonly comm: string
  readonly uid?: number
  /** CPU time so far, in ticks. */
  readonly ticks?: number
  readonly words?: readonly string[]
  readonly exe?: string
  readonly state?: string
}

function plant(machine: Machine, { pid, comm, uid = 1000, ticks = 100, words = [comm], exe, state = 'S' }: Who): void {
  machine.write(
    `/proc/${pid}/stat`,
    `${pid} (${comm}) ${state} 1 ${pid} ${pid} 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 600000 0 0\n`,
  )
  machine.write(`/proc/${pid}/status`, `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  machine.write(`/proc/${pid}/cmdline`, words.map((word) => `${word}\0`).join(''))
  if (exe !== undefined) machine.link(`/proc/${pid}/exe`, exe)
}

type Entry = Readonly<Record<string, unknown>>

/** Judges 120 s in which the processes did this. */
async function judged(
  entries: readonly Entry[],
  processes: readonly Who[],
  { then = [], prepare = () => {} }: { readonly then?: readonly Who[]; prepare?(machine: Machine): void } = {},
): Promise<Reading> {
  const machine = createMachine('debian12-vm-quiet')
  prepare(machine)
  for (const one of processes) plant(machine, one)
  const sensor = listedProcesses(entries)
  const take = async () => JSON.parse(JSON.stringify(await sensor.read(machine.host(), new AbortController().signal)))
  const before = await take()
  machine.pass(120_000)
  for (const one of then) plant(machine, one)
  return sensor.judge(await take(), before, { span: { now: machine.clocks(), ms: 120_000 }, limits: {} })
}

const rsync: Who = { pid: 812, comm: 'rsync' }
const kept = 'process rsync (pid 812) of uid 1000 is configured to keep this machine up'

describe('who fits', () => {
  const long = { pid: 9, comm: 'long-running-tr' }
  it.each<[string, Entry, Who, boolean]>([
    ['the name', { name: 'rsync' }, rsync, true],
    ['a pattern', { name: 'rs*' }, rsync, true],
    ['another name', { name: 'rsyncd' }, rsync, false],
    ['a part of the name', { name: 'sync' }, rsync, false],
    ['one that has ended and waits to be collected', { name: 'rsync' }, { ...rsync, state: 'Z' }, false],
    ['the user by number', { name: 'rsync', user: '1000' }, rsync, true],
    ['another user', { name: 'rsync', user: '1001' }, rsync, false],
    [
      'an argument',
      { name: 'python*', argument: 'train.py' },
      { pid: 9, comm: 'python3', words: ['python3', '/home/ann/train.py'] },
      true,
    ],
    [
      'an argument as a whole',
      { name: 'python*', argument: '/home/*/train.py' },
      { pid: 9, comm: 'python3', words: ['python3', '/home/ann/train.py'] },
      true,
    ],
    [
      'no such argument',
      { name: 'python*', argument: 'train.py' },
      { pid: 9, comm: 'python3', words: ['python3', 'serve.py'] },
      false,
    ],
    ['the program itself, which is no argument', { name: 'rsync', argument: 'rsync' }, rsync, false],
    [
      'a long name by the executable',
      { name: 'long-running-training' },
      { ...long, exe: '/opt/long-running-training' },
      true,
    ],
    [
      'one that was replaced since',
      { name: 'long-running-training' },
      { ...long, exe: '/opt/long-running-training (deleted)' },
      true,
    ],
    [
      'a long name of a script',
      { name: 'long-running-train.py' },
      { ...long, exe: '/usr/bin/python3', words: ['python3', './long-running-train.py'] },
      true,
    ],
    [
      'a long name that only begins so',
      { name: 'long-running-training' },
      { ...long, exe: '/opt/long-running-trial' },
      false,
    ],
    [
      'an argument in a line too long to be read',
      { name: 'rsync', argument: 'x' },
      { ...rsync, words: ['rsync', 'y'.repeat(70_000)] },
      true,
    ],
  ])('%s', async (_, entry, who, fits) => {
    const { kind } = await judged([entry], [who])
    expect(kind).toBe(fits ? (entry['user'] === undefined ? 'hold' : 'active') : 'idle')
  })

  it('not this agent', async () => {
    const prepare = (machine: Machine) => {
      machine.self = { ...machine.self, pid: 812, startTicks: 600_000, bootId: fixtureBootId }
    }
    expect(await judged([{ name: 'rsync' }], [rsync], { prepare })).toMatchObject({ kind: 'idle', reason: 'no rsync' })
  })
})

describe('a user by name', () => {
  const entry = { name: 'rsync', user: 'ann' }
  const getent = (status: number, stdout: string) => (machine: Machine) => {
    machine.commands.set('getent', () => ({ status, stdout, stderr: '' }))
  }
  it.each<[string, (machine: Machine) => void, string]>([
    [
      'of this machine',
      (machine) => machine.write('/etc/passwd', 'annabel:x:7:7::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n'),
      'active',
    ],
    ['of a directory', getent(0, 'ann:*:1000:1000:Ann:/home/ann:/bin/sh\n'), 'active'],
    ['of somebody else', getent(0, 'ann:*:1001:1001:Ann:/home/ann:/bin/sh\n'), 'idle'],
  ])('%s', async (_, prepare, kind) => {
    expect((await judged([entry], [rsync], { prepare })).kind).toBe(kind)
  })

  it.each<[string, (machine: Machine) => void]>([
    ['does not answer', getent(1, '')],
    ['knows none, or is away', getent(2, '')],
    ['is not there', () => {}],
  ])('is unknown where the directory %s', async (_, prepare) => {
    await expect(judged([entry], [rsync], { prepare })).rejects.toThrow('cannot be told')
  })
})

describe('for how long', () => {
  it.each<[string, Entry, Who, Reading]>([
    [
      'anybody can call a program so: a day at most, however often it is started anew',
      { name: 'rsync' },
      rsync,
      { kind: 'hold', reason: `${kept}, for 24 h at most`, evidence: 'process', limitMinutes: 1440 },
    ],
    [
      'of the user that the operator names: without an end',
      { name: 'rsync', user: '1000' },
      rsync,
      { kind: 'active', reason: kept },
    ],
    [
      "root's: without an end",
      { name: 'rsync' },
      { ...rsync, uid: 0 },
      { kind: 'active', reason: kept.replace('1000', '0') },
    ],
    [
      'as the operator says, whoever it is',
      { name: 'rsync', user: '1000', max_hours: 2 },
      rsync,
      { kind: 'hold', reason: `${kept}, for 2 h at most`, evidence: 'process', limitMinutes: 120 },
    ],
  ])('%s', async (_, entry, who, expected) => {
    expect(await judged([entry], [who])).toEqual(expected)
  })

  it("root's counts although thousands of others are called so", async () => {
    const crowd = Array.from({ length: 300 }, (_, index) => ({ pid: 2000 + index, comm: 'rsync', ticks: 10_000 }))
    const reading = await judged([{ name: 'rsync' }], [...crowd, { ...rsync, uid: 0 }])
    expect(reading).toMatchObject({ kind: 'active', reason: expect.stringContaining('(pid 812) of uid 0') })
  })
})

describe('work', () => {
  const entry = { name: 'rsync', user: '1000', min_cpu_cores: 0.5 }
  it.each<[string, readonly Who[], readonly Who[], string]>([
    ['enough of it', [rsync], [{ ...rsync, ticks: 6100 }], 'active'],
    ['too little', [rsync], [{ ...rsync, ticks: 6099 }], 'idle'],
    ['none', [rsync], [], 'idle'],
    [
      'together',
      [rsync, { ...rsync, pid: 813 }],
      [
        { ...rsync, ticks: 3100 },
        { ...rsync, pid: 813, ticks: 3100 },
      ],
      'active',
    ],
    ['of one that is new', [], [{ ...rsync, ticks: 6000 }], 'active'],
    ['of one whose figure went down', [{ ...rsync, ticks: 9000 }], [{ ...rsync, ticks: 100 }], 'idle'],
  ])('%s', async (_, first, then, kind) => {
    expect((await judged([entry], first, { then })).kind).toBe(kind)
  })

  it('is told in cores, and nobody’s arguments are', async () => {
    const words = ['rsync', '--password=s3cret']
    const reading = await judged([entry], [{ ...rsync, words }], { then: [{ ...rsync, ticks: 12_100, words }] })
    expect(reading).toEqual({ kind: 'active', reason: `${kept}: 1.00 cores` })
  })
})

it('of several entries the strongest is told, and all that are idle', async () => {
  const [long, short] = [
    { name: 'rsync', max_hours: 5 },
    { name: 'rsync', max_hours: 1, user: '1000' },
  ]
  expect(await judged([short, long], [rsync])).toMatchObject({ limitMinutes: 300 })
  expect(await judged([long, { name: 'rs*', user: '1000' }], [rsync])).toMatchObject({ kind: 'active' })
  expect(await judged([{ name: 'make' }, { name: 'train*' }], [rsync])).toEqual({
    kind: 'idle',
    reason: 'no make, no train*',
  })
})

it('a name cannot write to a terminal', async () => {
  const { reason } = await judged([{ name: '*2J*' }], [{ pid: 812, comm: '\u001b[2J\u202ex' }])
  expect(reason).toMatch(/^process \[2Jx \(pid 812\) of uid 1000/)
})

it('throws where the process table cannot be read', async () => {
  const machine = createMachine('debian12-vm-quiet')
  machine.remove('/proc')
  await expect(listedProcesses([{ name: 'x' }]).read(machine.host(), new AbortController().signal)).rejects.toThrow(
    'cannot be listed',
  )
})

it('finds a real process by a word of its command line, and not its ghost', async () => {
  const host = createHost({ root: '/', env: {} })
  const sensor = listedProcesses([{ name: 'sleep', argument: '98.765', user: String(process.getuid?.()) }])
  const judge = async () => {
    const sample = await sensor.read({ ...host }, new AbortController().signal)
    return sensor.judge(sample, sample, { span: { now: host.clocks(), ms: 1000 }, limits: {} })
  }
  expect((await judge()).kind).toBe('idle')
  const child: ChildProcess = spawn('sleep', ['98.765'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve) => child.once('spawn', resolve))
  expect(await judge()).toMatchObject({ kind: 'active', reason: expect.stringContaining(`sleep (pid ${child.pid})`) })
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  expect((await judge()).kind).toBe('idle')
})
