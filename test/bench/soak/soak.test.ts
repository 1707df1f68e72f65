// A short soak, agents that do one thing wrong and are found out by it, and the arithmetic behind.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { canMount } from '../../e2e/namespace.ts'
import type { FaultName } from './faults.ts'
import { linesOf, notFlat, riseOf, type Sample } from './figures.ts'
import { Ledger } from './ledger.ts'
import { DAY } from './owner.ts'
import { chart } from './page.ts'
import type { SoakOptions, SoakResult } from './result.ts'
import { soak } from './soak.ts'

const slow = { timeout: 300_000 }
/** From its source, so that nothing has to be built. */
const program = [process.execPath, 'test/bench/soak/resident.ts']

async function brief(checks: number, more: Partial<SoakOptions> = {}): Promise<Brief> {
  const result = await soak({ checks, sampleEvery: 10, seed: 8, program, past: true, faultsADay: 0, ...more })
  return { result, found: [...result.problems, ...notFlat(linesOf(result.samples, 'short'))].join('\n') }
}

interface Brief {
  readonly result: SoakResult
  /** What is wrong, a line each. */
  readonly found: string
}

describe.skipIf(!canMount)('a soak', () => {
  test.concurrent('keeps its promises, its log and its lines', slow, async () => {
    const { result, found } = await brief(240, { faultsADay: 12, seed: 9 })
    expect(found).toBe('')
    expect(result.checks).toBe(240)
    expect(result.stops).toBeGreaterThan(0)
    expect(result.killed).toBeGreaterThan(0)
    expect(Object.keys(result.faults).length).toBeGreaterThan(3)
  })

  test.concurrent('finds whatever is left at every check', slow, async () => {
    const { found } = await brief(60, { mutant: 'descriptor,timer,memory,buffer,file,leftover,state' })
    expect(found).toMatch(/open descriptors rises/)
    expect(found).toMatch(/timers, sockets, pipes rises/)
    expect(found).toMatch(/objects rises/)
    expect(found).toMatch(/buffers rises/)
    expect(found).toMatch(/number of files rises/)
    expect(found).toMatch(/temporary files left: 1/)
    expect(found).toMatch(/state file rises/)
  })

  test.concurrent('finds what is not in the log and the journal', slow, async () => {
    const { found } = await brief(90, { mutant: 'audit,tag,intent' })
    expect(found).toMatch(/1 stops accepted, and 0 of them in the audit log/)
    expect(found).toMatch(/tags written 1 times, and 0 of them in the audit log/)
    expect(found).toMatch(/a hibernate was accepted without an intent in the journal/)
  })

  test.concurrent('finds a stop under a lease, and outcomes that are not in the log', slow, async () => {
    const { found } = await brief(260, { mutant: 'unleased,reconcile', seed: 112 })
    expect(found).toMatch(/stopped under a lease/)
    expect(found).toMatch(/its outcome is not in the audit log/)
  })

  test.concurrent.each<[string, Partial<SoakOptions>, number, RegExp]>([
    ['a stop that never was', { mutant: 'lie' }, 30, /stop done, of which the cloud knows nothing/],
    ['checks that fail', { mutant: 'fails' }, 10, /a check says: .* this check failed, the next one follows: made up/],
    [
      'a stop that comes early',
      { settings: '  hibernate_threshold_minutes: 6\n' },
      95,
      /stopped \d+ s after it was needed/,
    ],
    ['a stop that comes late', { settings: '  hibernate_threshold_minutes: 25\n' }, 95, /still up \d+ s after/],
  ])('finds %s', slow, async (_, more, checks, text) => {
    expect((await brief(checks, more)).found).toMatch(text)
  })

  test.concurrent.each<[string, FaultName, Partial<SoakOptions>]>([
    ['that is refused', 'api throttles', { mutant: 'sulks' }],
    ['that cannot read metadata', 'metadata answers 500', { mutant: 'forgets' }],
    ['that nobody ran', 'no checks', { mutant: 'forgets' }],
    ['whose state is lost', 'state lost', { settings: '  boot_grace_minutes: 25\n' }],
  ])('waits no longer for an agent %s than is promised', slow, async (_, kind, more) => {
    const { found } = await brief(150, { ...more, faultsADay: 20, kinds: [kind], seed: 2 })
    expect(found).toMatch(/still up \d+ s after the latest that explains it/)
  })
})

test.each([
  ['a line that is in a sum at once', 3, 0, []],
  ['a line that is lost, of a day that the 90 days begin in', 1, 89.9, []],
  ['a line that is lost', 1, 0, ['2027-09-15 tag done : 14 in the last 90 days, and 13 of them left in the log']],
])('an account over a rewriting of the log: %s', (_, times, daysAgo, problems) => {
  const folder = mkdtempSync(join(tmpdir(), 'idle-agent-ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const log = join(folder, 'log/audit.jsonl')
  const tag = { at: '2027-09-15T08:00:00.000Z', action: 'tag', result: 'done', detail: 'IdleStatus=idle' }
  const lines = (count: number) => `${JSON.stringify(tag)}\n`.repeat(count)
  const ledger = new Ledger(folder)
  const seen = { killed: false, full: false, hurried: false, calls: [] }
  mkdirSync(join(folder, 'log'))
  writeFileSync(log, lines(14))
  ledger.account({ ...seen, writes: 14 })
  // As a check does it that writes the fifteenth: twelve of a day stay, the others become one line.
  writeFileSync(`${log}.new`, `${lines(12)}${JSON.stringify({ ...tag, times })}\n`)
  renameSync(`${log}.new`, log)
  ledger.account({ ...seen, writes: 14 })
  ledger.close(Date.parse(tag.at) + daysAgo * DAY)
  expect(ledger.problems).toEqual(problems)
  expect([ledger.rewritings, ledger.lines.length]).toEqual([1, times === 3 ? 15 : 14])
})

test('a rise is that of the line of least squares, whatever scatters around it', () => {
  expect(riseOf([3, 3, 3, 3])).toBe(0)
  expect(riseOf([0, 1, 2, 3])).toBeCloseTo(3)
  expect(riseOf([1, -1, 1, -1, 1])).toBeCloseTo(0)
  expect(riseOf([5])).toBe(0)
})

const sample: Sample = {
  ...{ checks: 1, load: 1, rssBytes: 6e7, heapBytes: 1e7, codeBytes: 5e6, externalBytes: 2e6, descriptors: 20 },
  ...{ resources: 2, folderBytes: 5e4, stateBytes: 3e3, historyBytes: 0, auditBytes: 0, intentsBytes: 0, files: 9 },
  leftovers: 0,
}
const samples = Array.from({ length: 30 }, () => sample)

test.each([
  ['resident memory', { rssBytes: 6e9 }, 'resident memory: 6000.0 MB, at most 120.0'],
  ['objects', { heapBytes: 6e9 }, 'objects: 6000.0 MB, at most 11.0'],
  ['buffers', { externalBytes: 6e9 }, 'buffers: 6000.0 MB, at most 5.0'],
  ['compiled code', { codeBytes: 6e9 }, 'compiled code: 6000.0 MB, at most 11.0'],
  ['descriptors', { descriptors: 600 }, 'open descriptors: 600.0 , at most 30.0'],
  ['timers', { resources: 600 }, 'timers, sockets, pipes: 600.0 , at most 5.0'],
  ['the state', { stateBytes: 6e6 }, 'state file: 6000.0 kB, at most 65.5'],
  ['all files', { folderBytes: 6e6 }, 'all files: 6000.0 kB, at most 3319.6'],
  ['the history', { historyBytes: 6e6 }, 'history: 6000.0 kB, at most 2101.2'],
  ['the log', { auditBytes: 6e6 }, 'audit log: 6000.0 kB, at most 1052.6'],
  ['the journal', { intentsBytes: 6e6 }, 'journal of intents: 6000.0 kB, at most 34.8'],
  ['files', { files: 600 }, 'number of files: 600.0 , at most 16.0'],
  ['temporary files', { leftovers: 1 }, 'temporary files left: 1.0 , at most 0.0'],
])('a bound that is passed once, while it warms up, is told: %s', (_, once, told) => {
  expect(notFlat(linesOf(samples))).toEqual([])
  expect(notFlat(linesOf(samples.with(1, { ...sample, ...once })))).toEqual([told])
})

test('a chart shows where a line is', () => {
  expect(
    chart('a line', [0, 50, 100])
      .split('\n')
      .map((line) => line.slice(0, 30)),
  ).toMatchInlineSnapshot(`
    [
      "a line",
      "      102 |                   ",
      "     86.4 |",
      "     70.7 |",
      "     55.0 |                   ",
      "     39.3 |",
      "     23.6 |",
      "     7.86 |*******************",
      "          +-------------------",
    ]
  `)
})
