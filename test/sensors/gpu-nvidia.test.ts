/** NVIDIA's GPUs by what nvidia-smi prints: which looks show work, which weak evidence, which nothing; and never an error for idleness. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { Reading } from '../../agent/types.ts'
import { type Answers, answer, answersOf, between, buses, edited, gpuMachine, judged, look } from './nvidia-smi.ts'

type Kind = Reading['kind']

/** The machine that a fixture is named for. */
function machineOf(name: string) {
  const kind = (['p4d', 'g5', 'a100', 'gb10'] as const).find((one) => name.startsWith(one))
  return gpuMachine(kind ?? 'g5')
}

describe('two looks alike', () => {
  it.each<[string, Kind, string | RegExp]>([
    ['p4d-idle', 'idle', '8 GPUs, none busy over 5 %, no program on them'],
    ['p4d-only-5-busy', 'active', 'GPU 5 is busy: 88 %, limit 5 %'],
    [
      'p4d-3-lost',
      'unknown',
      'GPU 0000:20:1d.0: nvidia-smi says: Unable to determine the device handle for GPU3: 0000:20:1D.0: Unknown Error',
    ],
    ['p4d-3-lost-silently', 'unknown', 'GPU 0000:20:1d.0: nvidia-smi does not list it: it may have fallen off the bus'],
    ['p4d-3-lost-5-busy', 'active', /^GPU 5 is busy/],
    ['g5-idle', 'idle', 'GPU 0: 0 % busy, limit 5 %, no program on it'],
    ['g5-idle-desktop', 'idle', /no program on it$/],
    ['g5-not-persistent', 'idle', 'GPU 0: 0 % busy, limit 5 %, no program on it'],
    ['g5-just-ended', 'active', 'GPU 0 is busy: 100 %, limit 5 %'],
    ['g5-model-loaded', 'hold', 'GPU 0: 1 program, 21.2 GiB taken, 0 % busy'],
    ['g5-model-loaded-not-accounted', 'hold', 'GPU 0: 1 program, 21.2 GiB taken, 0 % busy, not accounted'],
    ['g5-bursts', 'active', 'GPU 0 is busy: 12 %, limit 5 %'],
    ['g5-at-5', 'hold', /, 5 % busy$/],
    ['g5-at-6', 'active', 'GPU 0 is busy: 6 %, limit 5 %'],
    ['g5-encodes', 'active', 'GPU 0 is busy: 60 %, limit 5 %'],
    ['g5-stream-open', 'hold', 'GPU 0: 1 encoded stream, 300 MiB taken, 0 % busy, not accounted'],
    ['a100-mig-idle', 'idle', 'GPU 0: no program on it; how busy it is is not told'],
    [
      'a100-mig-programs',
      'hold',
      'GPU 0: 2 programs, 10.9 GiB taken; split into instances (MIG), which hides how busy it is',
    ],
    ['a100-mig-programs-by-instance', 'hold', /^GPU 0: 1 program, /],
    ['gb10-shared-memory-idle', 'idle', /no program on it$/],
    ['gb10-shared-memory-loaded', 'hold', 'GPU 0: 1 program, 0 % busy, not accounted'],
    ['g5-columns-in-another-order', 'active', 'GPU 0 is busy: 64 %, limit 5 %'],
    ['g5-with-units', 'active', 'GPU 0 is busy: 64 %, limit 5 %'],
    ['g5-inforom-warning', 'idle', /no program on it$/],
    ['programs-not-told', 'hold', 'GPU 0: perhaps a program, 21.2 GiB taken, 0 % busy, not accounted'],
    ['programs-none-in-words', 'idle', /no program on it$/],
  ])('%s: %s', async (name, kind, reason) => {
    const reading = await between(machineOf(name), answersOf(name))
    expect(reading).toMatchObject({ kind, reason: typeof reason === 'string' ? reason : expect.stringMatching(reason) })
  })

  it('holds for a program that is not told, whatever the memory', async () => {
    const answers = edited('programs-not-told', ', 21740,', ', 100,')
    const reason = 'GPU 0: perhaps a program, 100 MiB taken, 0 % busy, not accounted'
    expect(await between(gpuMachine('g5'), answers)).toMatchObject({ kind: 'hold', reason })
  })

  it('gives the figure behind it', async () => {
    const reading = await between(gpuMachine('p4d'), answersOf('p4d-only-5-busy'))
    expect(reading).toMatchObject({ value: 88, unit: 'percent', limit: 5 })
  })

  it('asks one thing more of no idle GPU than what was accounted', async () => {
    const machine = gpuMachine('p4d')
    await between(machine, answersOf('p4d-idle'))
    expect(machine.ran.map(([, question]) => question?.split('=')[0])).toEqual([
      '--query-gpu',
      '--query-accounted-apps',
      '--query-gpu',
      '--query-accounted-apps',
    ])
  })
})

describe('what ran between two looks', () => {
  it.each<[string, string, string, Kind, RegExp]>([
    [
      'a job of 7 s that has ended',
      'g5-accounted-before',
      'g5-accounted-after-a-job',
      'active',
      /programs that have ended: 6 %/,
    ],
    ['one of 5 s: 4 % of the time', 'g5-accounted-before', 'g5-accounted-after-a-blink', 'idle', /no program/],
    ["a question of nvidia-smi's own", 'g5-accounted-before', 'g5-accounted-after-a-question', 'idle', /no program/],
    [
      'a job after the list was cleared',
      'g5-accounted-before',
      'g5-accounted-then-cleared',
      'active',
      /have ended: 6 %/,
    ],
    ['nothing', 'g5-accounted-before', 'g5-accounted-before', 'idle', /no program/],
    ['a program that came and worked', 'g5-idle', 'g5-new-program', 'active', /new program: 22 %/],
    ['requests to a loaded model', 'g5-model-loaded', 'g5-model-answers', 'active', /did more than before/],
    ['none: its average falls', 'g5-model-answers', 'g5-model-loaded', 'hold', /1 program/],
    ['work that ended somewhere in between', 'g5-just-ended', 'g5-idle', 'active', /was busy at the last look: 100 %/],
    ['a program that is gone', 'g5-model-loaded-not-accounted', 'g5-idle-desktop', 'hold', /1 program/],
    ['accounting that was switched on', 'g5-idle-desktop', 'g5-accounted-after-a-job', 'idle', /no program/],
  ])('%s', async (_, then, now, kind, reason) => {
    const reading = await between(gpuMachine('g5'), answersOf(then), answersOf(now))
    expect(reading).toMatchObject({ kind, reason: expect.stringMatching(reason) })
  })

  it('holds for a window after work where nothing is accounted, and not where it is', async () => {
    const kindsAfter = async (name: string, list: string) => {
      const machine = gpuMachine('g5')
      answer(machine, answersOf(name))
      let before = await look(machine)
      const kinds: string[] = []
      answer(machine, answersOf(list))
      for (let minute = 2; minute <= 18; minute += 2) {
        machine.pass(120_000)
        const now = await look(machine, before)
        const reading = judged(machine, now, before)
        kinds.push(reading.kind === 'hold' ? `${reading.evidence} ${reading.limitMinutes}` : reading.kind)
        before = now
      }
      return kinds
    }
    const work = 'gpu-work 15'
    const bursts = ['active', work, work, work, work, work, work, 'idle', 'idle']
    expect(await kindsAfter('g5-just-ended', 'g5-idle-desktop')).toEqual(bursts)
    const accounted = ['active', ...Array.from({ length: 8 }, () => 'idle')]
    // The first interval has no list at its beginning.
    expect(await kindsAfter('g5-just-ended', 'g5-idle')).toEqual(accounted)
    // A list that is full has lost what it had no room for.
    expect(await kindsAfter('g5-just-ended', 'g5-accounted-short-list')).toEqual(bursts)
  })

  it('remembers the heights of its looks, not each of them', async () => {
    const machine = gpuMachine('g5')
    let sample = await look(machine)
    const from = machine.clocks().monoMs
    for (const percent of [90, 20, 60, 7, 7, 0, 0]) {
      answer(machine, edited('g5-just-ended', ' 100,', ` ${percent},`))
      machine.pass(60_000)
      sample = await look(machine, sample)
    }
    const peaks = sample.gpus[0]?.peaks.map(([at, percent]) => [(at - from) / 60_000, percent])
    expect(peaks).toEqual([
      [1, 90],
      [3, 60],
      [5, 7],
    ])
    machine.pass(86_400_000)
    expect((await look(machine, sample)).gpus[0]?.peaks).toEqual([])
  })
})

const failing = (stdout: string, status: number, stderr = ''): Answers => ({
  '--query-gpu': { stdout, status, stderr },
})
const busyIs = (text: string) => edited('g5-idle', '1E.0, 0,', `1E.0, ${text},`)

const broken: readonly (readonly [string, Answers, RegExp])[] = [
  ['[N/A] without MIG', busyIs('[N/A]'), /^GPU 0: it does not tell how busy it is|^it does not/],
  ['[Not Supported]', busyIs('[Not Supported]'), /does not tell how busy/],
  ['[Unknown Error]', busyIs('[Unknown Error]'), /utilization.gpu reads \[Unknown Error\]/],
  ['ERR!', busyIs('ERR!'), /reads ERR!/],
  ['[GPU requires reset]', busyIs('[GPU requires reset]'), /requires reset/],
  ['[GPU is lost]', busyIs('[GPU is lost]'), /GPU is lost/],
  ['4711 %', busyIs('4711'), /4711, which is no percentage/],
  ['a negative figure', busyIs('-1'), /reads -1/],
  ['an empty cell', busyIs(''), /reads as something else/],
  ['a figure in words', busyIs('idle'), /reads idle/],
  ['letters that act on a terminal', busyIs('\u001b[2J'), /reads as something else/],
  ['memory that is an error', edited('g5-idle', '1E.0, 0, 0,', '1E.0, 0, ERR!,'), /memory.used reads ERR!/],
  ['a MIG mode that is an error', edited('g5-idle', 'Disabled', 'ERR!'), /mig.mode.current reads ERR!/],
  ['No devices were found', failing('No devices were found\n', 6), /^nvidia-smi says: No devices were found$/],
  [
    'a library of another version',
    failing('Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.129\n', 18),
    /version mismatch$/,
  ],
  [
    'no driver that answers',
    failing("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure\n", 9),
    /couldn't communicate/,
  ],
  ['the same on stderr', failing('', 9, 'NVIDIA-SMI has failed\n'), /says: NVIDIA-SMI has failed$/],
  [
    'the only GPU lost',
    failing('Unable to determine the device handle for GPU0: 0000:00:1E.0: GPU is lost.\n', 15),
    /GPU is lost/,
  ],
  [
    'a field that it must know',
    failing('Field "utilization.gpu" is not a valid field to query.\n\n', 2),
    /not a valid field/,
  ],
  ['a heading without lines', edited('g5-idle', /\n.*\n/, '\n'), /fallen off the bus/],
  ['nothing', failing('', 0), /^nvidia-smi printed nothing$/],
  ['a page of a proxy', failing('<html><body>0, 0, 0</body></html>\n', 0), /says: <html>/],
  ['a line that is cut off', edited('g5-idle', /, Enabled, 4000, Enabled$/m, ''), /says: GPU-/],
  ['binary noise', failing('\u007fELF\u0002\u0001\u0000\uFFFD\n', 0), /printed something that is not understood/],
  ['a long line', failing('x'.repeat(100_000), 0), /not understood/],
  ['no address', edited('g5-idle', '00000000:00:1E.0', '[N/A]'), /fallen off the bus/],
  ['another GPU than the one on the bus', edited('g5-idle', '00:1E.0', '00:1F.0'), /0000:00:1e.0: .*fallen off/],
  [
    'the list of programs failing',
    { ...answersOf('g5-model-loaded'), '--query-compute-apps': { stdout: 'Failed\n', stderr: '', status: 255 } },
    /says: Failed/,
  ],
  [
    'the list of programs failing in the middle',
    { ...answersOf('g5-model-loaded'), '--query-compute-apps': { stdout: 'gpu_uuid, pid\n', stderr: '', status: 255 } },
    /nvidia-smi failed/,
  ],
  ['programs that are none', edited('g5-model-loaded', ', 900', ', ERR!', '--query-compute-apps'), /pid reads ERR!/],
  [
    'the account failing',
    { ...answersOf('g5-idle'), '--query-accounted-apps': { stdout: 'ERR!\n', stderr: '', status: 0 } },
    /says: ERR!/,
  ],
  [
    'an account that is an error',
    edited('g5-accounted-before', ', 40,', ', ERR!,', '--query-accounted-apps'),
    /gpu_utilization reads ERR!/,
  ],
]

describe('what goes wrong', () => {
  it.each(broken)('%s is unknown, with the reason', async (_, answers, reason) => {
    const machine = gpuMachine('g5')
    expect(await between(machine, answersOf('g5-idle'), answers)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(reason),
    })
    expect(await between(machine, answers, answersOf('g5-idle'))).toEqual({
      kind: 'unknown',
      reason: 'GPU 0 could not be read before',
    })
  })

  it('costs one interval: the next look is compared with the last one that told something', async () => {
    const machine = gpuMachine('g5')
    const kinds: string[] = []
    let before: Awaited<ReturnType<typeof look>> | undefined
    const fails = broken[3]?.[1] ?? failing('', 1)
    for (const answers of [
      answersOf('g5-accounted-before'),
      fails,
      fails,
      answersOf('g5-accounted-after-a-job'),
      answersOf('g5-accounted-after-a-job'),
    ]) {
      answer(machine, answers)
      const now = await look(machine, before)
      if (before !== undefined) kinds.push(judged(machine, now, before).kind)
      before = now
      machine.pass(120_000)
    }
    expect(kinds).toEqual(['unknown', 'unknown', 'active', 'idle'])
    expect(JSON.stringify(before).length).toBeLessThan(1_000)
  })

  it('says so in few words that can be printed', async () => {
    for (const [, answers] of broken) {
      const { reason } = await between(gpuMachine('g5'), answers)
      expect(reason).toMatch(/^[ -~…]{10,200}$/)
    }
  })

  it('does not hide work on another GPU', async () => {
    const answers = edited('p4d-only-5-busy', '10:1C.0, 0,', '10:1C.0, ERR!,')
    expect(await between(gpuMachine('p4d'), answers)).toMatchObject({
      kind: 'active',
      reason: expect.stringMatching(/^GPU 5 is busy/),
    })
  })

  it('does not hide work where the rest of the answers fail', async () => {
    const answers = { '--query-gpu': answersOf('p4d-only-5-busy')['--query-gpu'] ?? failing('', 1)['--query-gpu'] }
    expect(await between(gpuMachine('p4d'), answers as Answers)).toMatchObject({
      kind: 'active',
      reason: expect.stringMatching(/^GPU 5/),
    })
  })

  it('takes averages that are not understood for none', async () => {
    for (const stdout of [
      '',
      'Failed\n',
      'GPU 00000000:00:1E.0\n    GPU Utilization Samples\n        Avg : Not Found\n',
    ]) {
      const answers = { ...answersOf('g5-bursts'), '-q': { stdout, stderr: '', status: 0 } }
      expect(await between(gpuMachine('g5'), answers)).toMatchObject({ kind: 'hold' })
    }
  })

  it('is unknown where nvidia-smi is not installed', async () => {
    const machine = gpuMachine('g5')
    const before = await look(machine)
    const reason = 'nvidia-smi is not in /usr/bin, although its driver is loaded'
    expect(judged(machine, await look(machine, before), before)).toEqual({ kind: 'unknown', reason })
  })

  it.each([
    ['hangs', 'nvidia-smi did not end within 5000 ms'],
    ['prints without end', 'nvidia-smi printed more than 6000000 bytes'],
    ['cannot be started', 'cannot run nvidia-smi: EACCES'],
  ])('is unknown where it %s', async (_, message) => {
    const machine = gpuMachine('g5')
    machine.commands.set('nvidia-smi', () => {
      throw new HostError(message)
    })
    const before = await look(machine)
    expect(judged(machine, await look(machine, before), before)).toEqual({ kind: 'unknown', reason: message })
  })

  it('is unknown once when a GPU has gone, and absent then', async () => {
    const machine = gpuMachine('g5')
    answer(machine, answersOf('g5-idle'))
    const before = await look(machine)
    machine.edit('/proc/bus/pci/devices', /^00f0.*\n/m, '')
    const now = await look(machine, before)
    expect(judged(machine, now, before)).toEqual({ kind: 'unknown', reason: 'GPU 0 has gone since the last check' })
    expect(judged(machine, await look(machine, now), now)).toMatchObject({ kind: 'absent' })
  })

  it.each([
    ['vfio-pci', 'unknown', 'its driver vfio-pci does not tell how busy it is'],
    ['nouveau', 'unknown', 'its driver nouveau does not tell how busy it is'],
    [undefined, 'idle', 'GPU 0000:00:1e.0 has no driver: nothing can use it'],
  ])('with the driver %s it is %s', async (driver, kind, reason) => {
    const machine = gpuMachine('g5')
    machine.remove('/sys/bus/pci/devices/0000:00:1e.0/driver')
    if (driver !== undefined) machine.link('/sys/bus/pci/devices/0000:00:1e.0/driver', `../../drivers/${driver}`)
    const before = await look(machine)
    expect(judged(machine, await look(machine, before), before)).toEqual({ kind, reason })
    expect(machine.ran).toEqual([])
  })
})

describe('an older driver', () => {
  it('is asked again without what it does not know', async () => {
    const machine = gpuMachine('g5')
    const unknown = ['utilization.encoder', 'utilization.decoder', 'mig.mode.current']
    machine.commands.set('nvidia-smi', ([, question = '']) => {
      const [name, list = ''] = question.split('=')
      const fields = list.split(',')
      const strange = fields.find((field) => unknown.includes(field))
      if (strange !== undefined)
        return { stdout: `Field "${strange}" is not a valid field to query.\n\n`, stderr: '', status: 2 }
      if (name !== '--query-gpu') return { stdout: `${fields.join(', ')}\n`, stderr: '', status: 0 }
      const values: Record<string, string> = {
        'pci.bus_id': '00000000:00:1E.0',
        'utilization.gpu': '9',
        'memory.used': '11',
      }
      const row = fields.map((field) => values[field] ?? (field.startsWith('accounting') ? '[N/A]' : '0'))
      return { stdout: `${fields.join(', ')}\n${row.join(', ').replace(/0$/, 'Enabled')}\n`, stderr: '', status: 0 }
    })
    const before = await look(machine)
    expect(before.gpus).toMatchObject([{ name: 'GPU 0', busy: 9, persistent: true, programs: 0 }])
    expect(judged(machine, before, before)).toMatchObject({ kind: 'active' })
  })
})

it('judges by the limits it is given', async () => {
  const machine = gpuMachine('g5')
  const reading = (limits: object) => between(machine, answersOf('g5-at-6'), answersOf('g5-at-6'), limits)
  expect(await reading({ percent: 6 })).toMatchObject({ kind: 'hold', evidence: 'gpu-memory', limitMinutes: 60 })
  expect(await reading({ percent: 6, memory_hold_minutes: 7, window_minutes: 5 })).toMatchObject({ limitMinutes: 7 })
  expect(await between(machine, answersOf('g5-idle'), answersOf('g5-idle'), { percent: 0 })).toMatchObject({
    kind: 'idle',
  })
})

it('keeps a sample that fits into a state file', async () => {
  const machine = gpuMachine('p4d')
  answer(machine, answersOf('p4d-only-5-busy'))
  const sample = await look(machine)
  expect(JSON.stringify(sample).length).toBeLessThan(3_000)
  expect(sample.gpus.map(({ id }) => id)).toEqual(buses.p4d.map((address) => `0000:${address}`))
})
