/** Terminals: what counts as input, when it was made, and what was our own warning. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { Host } from '../../agent/host/host.ts'
import { judgeTerminals, mayHideInput, ownWarning, withLastInput } from '../../agent/sensors/input.ts'
import { processTable } from '../../agent/sensors/processes.ts'
import { deviceName, readTerminals, type Terminal, type TerminalsSample } from '../../agent/sensors/terminals.ts'
import { createMachine } from '../host/fixture.ts'

const wallMs = Date.parse('2026-01-01T02:02:00Z')
const span = { now: { wallMs, bootMs: 9_000_000, monoMs: 8_000_000 }, ms: 120_000 }
const offsetMs = wallMs - 8_000_000
const old = wallMs - 3_600_000

/** A terminal with times in seconds before now. */
function pts(number: number, facts: Partial<Terminal> = {}): Terminal {
  return {
    name: `pts/${number}`,
    id: `24:${34_816 + number}:${number + 3}`,
    ctimeMs: old,
    atimeMs: old,
    mtimeMs: old,
    since: 1,
    ...facts,
  }
}

function at(terminals: readonly Terminal[], facts: Partial<TerminalsSample> = {}): TerminalsSample {
  return { offsetMs, terminals, ...facts }
}

describe('input', () => {
  it.each<[string, Terminal, number]>([
    ['an access time within the interval, at the end of its 8 s', pts(0, { atimeMs: wallMs - 40_000 }), 32_000],
    ['one in the middle of 8 s', pts(0, { atimeMs: wallMs - 37_000 }), 32_000],
    ['one in the present 8 s: now', pts(0, { atimeMs: wallMs - 1000 }), 0],
    ['an access time in the future: now', pts(0, { atimeMs: wallMs + 10_800_000 }), 0],
    ['an access time that went backwards: now', pts(0, { atimeMs: old - 10_800_000 }), 0],
    ['a terminal of the same number made anew', pts(0, { ctimeMs: wallMs - 21_000, atimeMs: wallMs - 21_000 }), 16_000],
    ['a terminal given to somebody, long unused', pts(0, { ctimeMs: wallMs - 21_000 }), 21_000],
    ['a terminal of another file system', pts(0, { id: '25:34816:3' }), 0],
  ])('is %s', (_, one, ago) => {
    const { input } = judgeTerminals(at([one]), at([pts(0)]), span)
    expect(input).toMatchObject({ name: 'pts/0', at: span.now.monoMs - ago })
  })

  it('is a terminal that was not there', () => {
    const fresh = pts(1, { ctimeMs: wallMs - 64_000, atimeMs: wallMs - 64_000, mtimeMs: wallMs - 64_000 })
    expect(judgeTerminals(at([pts(0), fresh]), at([pts(0)]), span).input).toMatchObject({
      name: 'pts/1',
      at: span.now.monoMs - 56_000,
    })
  })

  const monoMs = span.now.monoMs
  it.each<[string, Partial<Terminal>, boolean]>([
    [
      'is a terminal that has gone after input up to the check before: its person logged out',
      { since: monoMs - 120_000 },
      true,
    ],
    ['is none that has gone by itself, after the input that came with it', { since: monoMs - 120_001 }, false],
    ["is no container's that has gone", { since: monoMs - 120_000, apart: true }, false],
    [
      'is one that has gone within the time in which its person counts as near',
      { since: monoMs - 900_000, atimeMs: old + 8000 },
      true,
    ],
    ['is none that has gone after it', { since: monoMs - 900_001, atimeMs: old + 8000 }, false],
    [
      'is none that has gone and never had keys',
      { since: monoMs - 900_000, atimeMs: old + 7999 - (old % 8000) },
      false,
    ],
  ])('%s', (_, facts, isInput) => {
    const before = { ...at([pts(0), pts(1, facts)]), at: monoMs - 120_000 }
    const { input } = judgeTerminals(at([pts(0)]), before, { ...span, leftMs: 900_000 })
    expect(input).toEqual(isInput ? { name: 'pts/1', at: monoMs, uids: [] } : undefined)
  })

  it('is the latest of several', () => {
    const now = [
      pts(0, { atimeMs: wallMs - 80_000 }),
      pts(1, { atimeMs: wallMs - 24_000 }),
      pts(2, { atimeMs: wallMs - 48_000 }),
    ]
    expect(judgeTerminals(at(now), at([pts(0), pts(1), pts(2)]), span).input?.name).toBe('pts/1')
  })

  it.each([-10_800_000, 10_800_000, 1000, -1000])(
    'has the time of the check when the wall clock stepped by %i ms',
    (step) => {
      const before = at([pts(0)], { offsetMs: offsetMs - step })
      expect(judgeTerminals(at([pts(0, { atimeMs: wallMs - 40_000 })]), before, span).input?.at).toBe(span.now.monoMs)
    },
  )

  it.each([-10_800_000, 10_800_000])('is not a step of the wall clock by %i ms alone', (step) => {
    expect(judgeTerminals(at([pts(0)]), at([pts(0)], { offsetMs: offsetMs - step }), span)).toEqual({})
  })

  it.each<[string, readonly Terminal[]]>([
    ['the same terminals', [pts(0), pts(1)]],
    ['a terminal that is gone', [pts(0)]],
    ['no terminal at all', []],
    ['output', [pts(0, { mtimeMs: wallMs - 4000 }), pts(1)]],
  ])('is not %s', (_, now) => {
    expect(judgeTerminals(at(now), at([pts(0), pts(1)]), span).input).toBeUndefined()
  })

  const made = { id: '99:34816:3', name: 'pts/0 of pid 812', apart: true } as const
  it.each<[string, Partial<Terminal>, object]>([
    ['not one that is made with it, which holds like output', {}, { output: 'pts/0 of pid 812' }],
    ['not one that it prints on', { mtimeMs: wallMs - 1000 }, { output: 'pts/0 of pid 812' }],
    ['not one that it gives to its user', { ctimeMs: wallMs - 39_500 }, { output: 'pts/0 of pid 812' }],
    ['one that was read later', { atimeMs: wallMs - 24_000 }, { input: { name: 'pts/0 of pid 812', uids: [] } }],
  ])("on a container's new terminal is %s", (_, change, expected) => {
    const began = wallMs - 40_000
    const one = pts(0, { ctimeMs: began, atimeMs: began, mtimeMs: began, ...made, ...change })
    const found = judgeTerminals(at([pts(0), one]), at([pts(0)]), span)
    expect(found).toMatchObject(expected)
    expect(Object.keys(found)).toEqual(Object.keys(expected))
  })

  it("on a container's known terminal is any read", () => {
    const one = (atimeMs: number) => at([pts(0, { ...made, atimeMs })])
    expect(judgeTerminals(one(wallMs - 24_000), one(old), span).input?.name).toBe('pts/0 of pid 812')
  })

  it('still works after 2038', () => {
    const late = { now: { ...span.now, wallMs: Date.parse('2039-01-01T00:00:00Z') }, ms: 120_000 }
    const one = pts(0, { atimeMs: late.now.wallMs - 40_000 })
    const sample = { offsetMs: late.now.wallMs - span.now.monoMs, terminals: [one] }
    expect(judgeTerminals(sample, { ...sample, terminals: [pts(0)] }, late).input?.at).toBe(span.now.monoMs - 32_000)
  })
})

describe('what was read through /dev/tty', () => {
  const tty = { id: '6:1280:9', ctimeMs: old, atimeMs: old }
  const now = (change: object, terminals = [pts(0)]) => at(terminals, { tty: { ...tty, ...change } })
  const before = at([pts(0)], { tty })

  it.each<[string, TerminalsSample, object | undefined]>([
    [
      'is input, whose it was is not known',
      now({ atimeMs: wallMs - 40_000 }),
      { name: '/dev/tty', at: span.now.monoMs - 32_000, uids: [] },
    ],
    [
      'is input with the time of the check after a step of the clock',
      { ...now({ atimeMs: old - 9 }), offsetMs: 0 },
      { at: span.now.monoMs },
    ],
    [
      'is named where it is later than input that was seen, with those who may have made that',
      now({ atimeMs: wallMs - 24_000 }, [pts(0, { atimeMs: wallMs - 80_000, uids: [1000] })]),
      { name: '/dev/tty', uids: [1000] },
    ],
    [
      'is not named beside the terminal itself',
      now({ atimeMs: wallMs - 24_000 }, [pts(0, { atimeMs: wallMs - 24_000 })]),
      { name: 'pts/0' },
    ],
    ['is nothing where nothing was read', now({}), undefined],
    ['is nothing where somebody touched it', now({ atimeMs: wallMs - 9000, ctimeMs: wallMs - 9000 }), undefined],
    ['is nothing where it is another', now({ atimeMs: wallMs - 9000, id: '7:1280:9' }), undefined],
    ['is nothing where there is none', at([pts(0)]), undefined],
  ])('%s', (_, sample, input) => {
    const found = judgeTerminals(sample, before, span).input
    if (input === undefined) expect(found).toBeUndefined()
    else expect(found).toMatchObject(input)
  })

  it('is nothing where there was none before', () => {
    expect(judgeTerminals(now({ atimeMs: wallMs }), at([pts(0)]), span)).toEqual({})
  })
})

describe('the time of the last input', () => {
  it.each<[string, Partial<Terminal>, number]>([
    ['stays while there is none', {}, 1000],
    ['is that of the check that sees another access time', { atimeMs: wallMs }, 5000],
    ['is that of the check that sees another terminal', { ctimeMs: wallMs }, 5000],
  ])('%s', (_, change, since) => {
    const now = at([pts(0, { since: 5000, ...change })])
    expect(withLastInput(now, at([pts(0, { since: 1000 })])).terminals).toMatchObject([{ since }])
  })

  it('is never in the future, as that of another boot may seem to be', () => {
    expect(withLastInput(at([pts(0, { since: 5 })]), at([pts(0, { since: 9 })])).terminals).toMatchObject([
      { since: 5 },
    ])
  })

  it('is that of the first check without an earlier one', () => {
    expect(withLastInput(at([pts(0, { since: 5 })]), undefined).terminals).toMatchObject([{ since: 5 }])
  })
})

describe('input that leaves no trace', () => {
  /** Begins 2 s into 8 s of the wall clock. */
  const late = { ...span, ms: 118_000 }
  const began = wallMs - late.ms
  it.each([
    ['may be there in the 8 s of a read just before the interval', began - 1, true],
    ['may be there in the 8 s that the interval began in', began - 2000, true],
    ['cannot be there where these 8 s had ended', began - 2001, false],
    ['may be there in the 8 s of a read within it', wallMs - 16_000, true],
    ['may be there in the present 8 s', wallMs, true],
    ['cannot be there long after', old, false],
    ['cannot be told from a time in the future', wallMs + 10_800_000, false],
  ])('%s', (_, atimeMs, may) => {
    expect([began % 8000, mayHideInput(pts(0, { atimeMs }), late)]).toEqual([2000, may])
  })
})

describe('output', () => {
  const stat = (mtimeMs: number) => ({
    ...{ kind: 'character' as const, dev: 24, ino: 3, rdev: 34_816, uid: 0, mode: 0, nlink: 1, size: 0 },
    ...{ atimeMs: old, mtimeMs, ctimeMs: old },
  })

  it.each([
    ['is a modification time that differs', pts(0, { mtimeMs: wallMs - 4000 }), 'pts/0'],
    ['is one that went backwards', pts(0, { mtimeMs: old - 4000 }), 'pts/0'],
    ['is none that stayed', pts(0), undefined],
  ])('%s', (_, now, output) => {
    expect(judgeTerminals(at([now]), at([pts(0)]), span).output).toBe(output)
  })

  it.each([
    ['is not what our warning wrote', wallMs - 100_000, undefined],
    ['is what came after our warning', wallMs - 92_000, 'pts/0'],
  ])('%s', (_, mtimeMs, output) => {
    const before = ownWarning(at([pts(0)]), [stat(wallMs - 100_000)])
    expect(judgeTerminals(at([pts(0, { mtimeMs })]), before, span).output).toBe(output)
  })

  it('of a warning is not forgiven twice', () => {
    const warned = pts(0, { mtimeMs: wallMs - 100_000 })
    expect(judgeTerminals(at([warned]), at([warned]), span).output).toBeUndefined()
    expect(judgeTerminals(at([pts(0, { mtimeMs: wallMs - 4000 })]), at([warned]), span).output).toBe('pts/0')
  })

  it.each([
    ['is not what a terminal shows that runs this check at both ends', true, true, undefined],
    ['is what one shows that runs it only now', undefined, true, 'pts/0'],
    ['is what one shows that ran it only before', true, undefined, 'pts/0'],
  ] as const)('%s', (_, first, second, output) => {
    const ours = (flag: true | undefined) => (flag === undefined ? {} : { ours: flag })
    const now = pts(0, { mtimeMs: wallMs - 4000, ...ours(second) })
    expect(judgeTerminals(at([now]), at([pts(0, ours(first))]), span).output).toBe(output)
  })

  it('of another terminal is not forgiven', () => {
    const before = ownWarning(at([pts(0), pts(1)]), [stat(wallMs - 100_000)])
    const now = at([pts(0), pts(1, { mtimeMs: wallMs - 100_000 })])
    expect(judgeTerminals(now, before, span).output).toBe('pts/1')
  })
})

describe('deviceName', () => {
  it.each([
    [34_816, 'pts/0'],
    [34_819, 'pts/3'],
    [(136 << 8) | 0x2c | (1 << 20), 'pts/300'],
    [(137 << 8) | 1, 'pts/257'],
    [0x401, 'tty1'],
    [0x440, 'ttyS0'],
    [(204 << 8) | 64, 'ttyAMA0'],
    [(229 << 8) | 0, 'hvc0'],
    [(5 << 8) | 1, 'terminal 5:1'],
  ])('names device %i', (ttyNr, name) => {
    expect(deviceName(ttyNr)).toBe(name)
  })
})

describe('what is behind a descriptor', () => {
  const signal = new AbortController().signal
  const stat = '9000 (bash) S 1 9000 9000 34817 9000 0 0 0 0 0 1 1 0 0 20 0 1 0 16000\n'

  /** A session whose input leads to `target`; looking at that throws `refusal`. */
  async function terminals(target: string, refusal: Error): Promise<readonly string[]> {
    const machine = createMachine('debian12-vm-quiet')
    machine.write('/proc/9000/stat', stat)
    const real = machine.host()
    const host: Host = {
      ...real,
      readLink: async (path) => (path === '/proc/9000/fd/0' ? target : real.readLink(path)),
      async stat(path) {
        if (path === '/proc/9000/fd/0') throw refusal
        return real.stat(path)
      },
    }
    const sample = await readTerminals(host, await processTable(host, signal), signal)
    return sample.terminals.map(({ name }) => name)
  }

  it.each(['/mnt/server/input.csv', 'socket:[4711]', 'pipe:[12]', '/home/alice/tty.log'])(
    'is not looked at if it is no terminal: %s',
    async (target) => {
      expect(await terminals(target, new Error('never returned'))).toEqual([])
    },
  )

  it.each(['/dev/pts/3', '/0', '/dev/console', '/dev/ttyS0', '/dev/lxc/tty1', '/1 (deleted)'])(
    'is unknown if it may be one and cannot be looked at: %s',
    async (target) => {
      await expect(terminals(target, new HostError('input/output error'))).rejects.toThrow('input/output')
    },
  )

  it('is none if its file system refuses even root', async () => {
    const cause = Object.assign(new Error('refused'), { code: 'EACCES' })
    expect(await terminals('/0', new HostError('refused', { cause }))).toEqual([])
  })
})
