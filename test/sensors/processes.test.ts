/** The process table: text that a program can choose, text that is damaged, processes that vanish. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStat, parseSwitches, parseUid, processTable, whileItLives } from '../../agent/sensors/processes.ts'
import { createMachine } from '../host/fixture.ts'

const tail = 'S 1 7 8 34819 7 4194560 1523 0 3 0 11 12 13 14 20 0 1 0 4711 12345344 1024 18446744073709551615'
const signal = new AbortController().signal

describe('parseStat', () => {
  it('takes any name, brackets, blanks and newlines included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 15 }), fc.nat(4_194_304), (comm, pid) => {
        const process = parseStat(`${pid} (${comm}) ${tail}\n`)
        expect(process).toEqual({
          ...{ pid, comm, state: 'S', ppid: 1, pgrp: 7, session: 8, ttyNr: 34_819, tpgid: 7 },
          ...{ utime: 11, stime: 12, cutime: 13, cstime: 14, start: 4711 },
        })
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  it.each(['a) S 1 2 3', ') R (', '((((', '))))', 'tmux: server', '\n', ''])('takes the name %j', (comm) => {
    expect(parseStat(`5 (${comm}) ${tail}`)).toMatchObject({ comm, utime: 11, start: 4711 })
  })

  it('throws at every place where the text can be cut, and never gives NaN', () => {
    const text = `4242 (python3) ${tail}`
    const end = text.indexOf(' 4711') + 2
    for (let length = 0; length < end; length += 1) expect(() => parseStat(text.slice(0, length))).toThrow()
  })

  it('throws an Error or gives whole numbers, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `1 (x) ${text}`),
        ),
        (text) => {
          let numbers: unknown[]
          try {
            const { comm: _, state: __, ...rest } = parseStat(text)
            numbers = Object.values(rest)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            return
          }
          for (const value of numbers) expect(Number.isSafeInteger(value)).toBe(true)
        },
      ),
      { seed: 2, numRuns: 1000 },
    )
  })

  it.each([
    ['utime beyond 2^53', tail.replace(' 11 ', ' 9007199254740993 ')],
    ['utime beyond 2^64', tail.replace(' 11 ', ' 99999999999999999999999 ')],
    ['utime with a fraction', tail.replace(' 11 ', ' 1.1 ')],
    ['utime in hexadecimal', tail.replace(' 11 ', ' 0x1 ')],
    ['negative utime', tail.replace(' 11 ', ' -11 ')],
    ['two blanks', tail.replace(' 11 ', '  ')],
    ['a state of two letters', tail.replace('S ', 'SS ')],
  ])('refuses %s', (_, text) => {
    expect(() => parseStat(`1 (x) ${text}`)).toThrow(/\/proc\/PID\/stat/)
  })
})

describe('status', () => {
  it.each(['', 'Uid:\t\n', 'Uid:\t-1\t0\n', 'Name:\tUid:\t0\n', 'Uid: 0\n'])('has no user id in %j', (text) => {
    expect(() => parseUid(text)).toThrow(/Uid/)
  })
  it.each(['', 'voluntary_ctxt_switches:\t5\n', 'nonvoluntary_ctxt_switches:\t5\n', 'voluntary_ctxt_switches:\tx\n'])(
    'has no context switches in %j',
    (text) => {
      expect(() => parseSwitches(text)).toThrow(/ctxt_switches/)
    },
  )
  it('is read', () => {
    const text = 'Name:\tx\nUid:\t1000\t0\t0\t0\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n'
    expect([parseUid(text), parseSwitches(text)]).toEqual([1000, 11])
  })
})

describe('processTable', () => {
  it('is read once for each Host object', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const host = machine.host()
    const table = await processTable(host, signal)
    machine.remove('/proc/512')
    expect(await processTable(host, signal)).toBe(table)
    expect(table.has(512)).toBe(true)
    expect((await processTable(machine.host(), signal)).has(512)).toBe(false)
  })

  it('skips a process that ends while it is read', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.remove('/proc/512/stat')
    const host = machine.host()
    const gone = {
      ...host,
      readText: async (path: string) => (path === '/proc/540/stat' ? vanish(machine) : host.readText(path)),
    }
    const table = await processTable(gone, signal)
    expect([table.has(512), table.has(540), table.has(1)]).toEqual([false, false, true])
  })

  it.each([
    ['/proc is not there', 'cannot be listed', (m: ReturnType<typeof createMachine>) => m.remove('/proc')],
    [
      'a process cannot be read',
      'permission denied',
      (m: ReturnType<typeof createMachine>) => m.forbid('/proc/512/stat'),
    ],
    [
      'a process is garbage',
      'in parentheses',
      (m: ReturnType<typeof createMachine>) => m.write('/proc/512/stat', '\0\u0001\u0002'),
    ],
    ['a process is empty', 'in parentheses', (m: ReturnType<typeof createMachine>) => m.write('/proc/512/stat', '')],
    [
      'a process has 10 MB',
      'larger',
      (m: ReturnType<typeof createMachine>) => m.write('/proc/512/stat', 'x'.repeat(10_000_000)),
    ],
  ])('throws when %s', async (_, message, damage) => {
    const machine = createMachine('debian12-vm-quiet')
    damage(machine)
    await expect(processTable(machine.host(), signal)).rejects.toThrow(message)
  })

  it('throws when nobody is to be seen', async () => {
    const host = { ...createMachine('debian12-vm-quiet').host(), list: async () => ['self', 'sys'] }
    await expect(processTable(host, signal)).rejects.toThrow('no process at all')
  })

  /** A machine with so many processes, whose host really sleeps. */
  const crowded = (count: number) => ({
    ...createMachine('debian12-vm-quiet').host(),
    list: async () => Array.from({ length: count }, (_, index) => String(index + 1)),
    readText: async (path: string) => `${path.replace(/\D/g, '')} (x) ${tail}\n`,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  })

  it('lets others come to their turn while it reads thousands, so that no answer is late for it', async () => {
    const turns: number[] = []
    const timer = setInterval(() => turns.push(turns.length), 0)
    expect((await processTable(crowded(5000), signal)).size).toBe(5000)
    clearInterval(timer)
    expect(turns.length).toBeGreaterThanOrEqual(5)
  })

  it('ends at its deadline among thousands', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('late')), 0)
    await expect(processTable(crowded(100_000), controller.signal)).rejects.toThrow('late')
  })

  it('stops when told to', async () => {
    const host = createMachine('debian12-vm-quiet').host()
    await expect(processTable(host, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })
})

describe('whileItLives', () => {
  it('passes on the failure of a process that is there', async () => {
    const host = createMachine('debian12-vm-quiet').host()
    await expect(whileItLives(host, 512, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await whileItLives(host, 4711, () => Promise.reject(new Error('no')))).toBeUndefined()
  })
})

async function vanish(machine: ReturnType<typeof createMachine>): Promise<never> {
  machine.remove('/proc/540')
  throw new Error('no such process')
}
