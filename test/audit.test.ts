/** The audit log as a real file: three months of it, and of what repeats itself, in at most a megabyte. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { compact } from '../agent/audit/compact.ts'
import { type Deed, recordDeed } from '../agent/audit.ts'
import type { Host } from '../agent/host/host.ts'
import { createHost } from '../agent/host/real.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MIB = 1_048_576
const start = Date.UTC(2026, 0, 1)

let path: string
let host: Host
let nowMs: number

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  path = join(folder, 'audit.jsonl')
  nowMs = start
  const real = createHost({ root: '/', env: {} })
  host = { ...real, clocks: () => ({ wallMs: nowMs, bootMs: nowMs - start, monoMs: nowMs - start }) }
})

interface Line extends Deed {
  readonly at: string
  readonly times?: number
  readonly until?: string
}

function lines(): readonly Line[] {
  const text = readFileSync(path, 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line) // our own file; the fields are asserted on
}

function lineOf(deed: Deed, at: number): string {
  return `${JSON.stringify({ at: new Date(at).toISOString(), ...deed })}\n`
}

/** The deeds of one check of a machine on which everything goes wrong, and a user adds to it; no text is like another. */
function ofCheck(check: number): readonly Deed[] {
  const minutes = check * 2
  return [
    {
      action: 'stop',
      result: 'refused',
      code: 'UnauthorizedOperation',
      detail: `UnauthorizedOperation (forbidden): no ${check}`,
    },
    {
      action: 'stop',
      result: 'refused',
      detail: `postponed by the second look: 0.${check} cores busy, most in job-${check}`,
    },
    { action: 'warn', result: 'done', detail: `3 terminals told: hibernate in ${minutes} min` },
    { action: 'tag', result: 'failed', detail: `CreateTags failed: RequestLimitExceeded: after ${check} tries` },
  ]
}

/** What ends a run of the machine, more often in a day than anything is told line by line. */
function ofDay(day: number): readonly Deed[] {
  return Array.from({ length: 5 }, (_, when) => when).flatMap((when): readonly Deed[] => [
    { action: 'hibernate', result: 'done', detail: `accepted: req-${day}-${when}`, intentId: `i-${day}-${when}` },
    { action: 'reconcile', result: 'done', detail: `hibernated, off for ${day} h`, intentId: `i-${day}-${when}` },
  ])
}

describe('four lines a check, for 130 days', () => {
  const days = 130
  let largest = 0

  /** The deeds of an hour: written at once, or as the agent does where that may make the log smaller. */
  async function live(made: (readonly [number, Deed])[]): Promise<void> {
    const bytes = made.map(([at, deed]) => lineOf(deed, at)).join('')
    const size = existsSync(path) ? statSync(path).size : 0
    if (size > 0 && Math.floor((size + bytes.length) / MIB) === Math.floor(size / MIB))
      return appendFileSync(path, bytes)
    for (const [at, deed] of made) {
      nowMs = at
      await recordDeed(host, path, deed)
      largest = Math.max(largest, statSync(path).size)
    }
  }

  it('takes a megabyte at most, and tells every stop, and how often everything else was, of 90 days', {
    timeout: 60_000,
  }, async () => {
    const done: string[] = []
    for (let hour = 0; hour < days * 24; hour += 1) {
      const at = start + hour * HOUR_MS
      const first = hour % 24 === 0 ? ofDay(hour / 24) : []
      done.push(...first.map((deed) => lineOf(deed, at).trim()))
      const checks = Array.from({ length: 30 }, (_, check) => check)
      await live([
        ...first.map((deed) => [at, deed] as const),
        ...checks.flatMap((check) => ofCheck(hour * 30 + check).map((deed) => [at + check * 120_000, deed] as const)),
      ])
      nowMs = at + HOUR_MS
    }
    expect(largest).toBeLessThan(MIB + 1000)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = new Set(readFileSync(path, 'utf8').split('\n'))
    const recent = done.filter((line) => nowMs - Date.parse(JSON.parse(line).at) < 90 * DAY_MS)
    expect(recent.length).toBe(89 * 10)
    expect(recent.filter((line) => !text.has(line))).toEqual([])
    const kept = lines()
    for (let day = days - 89; day < days; day += 1) {
      const date = new Date(start + day * DAY_MS).toISOString().slice(0, 10)
      for (const { action, result, code } of ofCheck(1)) {
        const own = kept.filter(
          (one) => one.at.startsWith(date) && one.action === action && one.result === result && one.code === code,
        )
        const count = own.reduce((sum, { times = 1 }) => sum + times, 0)
        expect(count, `${date} ${action} ${result} ${code}`).toBe(720)
      }
    }
    // There was no room for all of it.
    expect(Date.parse(kept[0]?.at ?? '')).toBeGreaterThan(start + 10 * DAY_MS)
  })
})

describe('compact', () => {
  const line = (at: string, more: object): string =>
    JSON.stringify({ at: `2026-01-${at}.000Z`, action: 'tag', result: 'failed', ...more })
  const now = Date.UTC(2026, 0, 20)
  const small = { nowMs: now, maxBytes: 1 }

  it('sums up what repeats in a day: since when, until when, how often, and the last of them', () => {
    const texts = [
      line('03T10:00:00', { detail: 'a' }),
      line('03T11:00:00', { detail: 'b', result: 'done', action: 'stop' }),
      line('03T12:00:00', { detail: 'c' }),
      line('04T12:00:00', { detail: 'd' }),
      line('03T13:00:00', { detail: 'e', code: 'other' }),
      line('03T14:00:00', { detail: 'f' }),
    ]
    expect(compact(`${texts.join('\n')}\n`, small).split('\n')).toEqual([
      line('03T10:00:00', { detail: 'f', times: 3, until: '2026-01-03T14:00:00.000Z' }),
      ...[texts[1], texts[3], texts[4], ''],
    ])
  })

  it('goes on with a sum that it made before', () => {
    const sum = line('03T10:00:00', { detail: 'a', times: 700, until: '2026-01-03T15:00:00.000Z' })
    const later = line('03T16:00:00', { detail: 'b' })
    expect(compact(`${sum}\n`, small)).toBe(`${sum}\n`)
    expect(compact(`${sum}\n${later}\n`, small)).toBe(
      `${line('03T10:00:00', { detail: 'b', times: 701, until: '2026-01-03T16:00:00.000Z' })}\n`,
    )
    expect(compact(`${sum}\n${later}\n`, { nowMs: now, maxBytes: 1000 })).toBe(`${sum}\n${later}\n`)
  })

  it('does no more than it takes: nothing goes for its age where summing up is enough', () => {
    const old = line('01T00:00:00', { detail: 'old' })
    const many = Array.from({ length: 100 }, (_, index) => line('02T00:00:00', { detail: `${index}` }))
    const text = `${[old, ...many].join('\n')}\n`
    const years = now + 5 * 365 * DAY_MS
    const made = compact(text, { nowMs: years, maxBytes: 2000 })
    expect(made.trim().split('\n').length).toBe(14)
    expect(made.startsWith(old)).toBe(true)
    expect(compact(text, { nowMs: years, maxBytes: 100 })).toBe('')
    expect(compact(text, { nowMs: now, maxBytes: 100 }).trim().split('\n')).toEqual([
      old,
      expect.stringContaining('"times":100'),
    ])
  })

  it('lets go of what is older than 90 days, and of nothing younger', () => {
    const texts = [line('01T00:00:00', { detail: 'old' }), line('01T00:00:02', { detail: 'young' })]
    const nowMs = Date.UTC(2026, 0, 1) + 90 * DAY_MS + 1000
    expect(compact(`${texts.join('\n')}\n`, { nowMs, maxBytes: 100 })).toBe(`${texts[1]}\n`)
  })

  it('keeps a sum of which the last is younger than 90 days', () => {
    const sum = line('01T00:00:00', { detail: 'refused', times: 100, until: '2026-01-01T10:00:00.000Z' })
    const nowMs = Date.UTC(2026, 0, 1, 9) + 90 * DAY_MS
    expect(compact(`${sum}\n`, { nowMs, maxBytes: 10 })).toBe(`${sum}\n`)
  })

  it('passes over what no one can read', () => {
    const good = line('03T10:00:00', { action: 'stop', result: 'done' })
    expect(compact(`{"at":"2026-01-\n[]\nnull\n7\n{"at":7}\n${good}\n\n`, small)).toBe(`${good}\n`)
  })
})

it('cuts a detail that is very long', async () => {
  await recordDeed(host, path, { action: 'tag', result: 'failed', detail: 'x'.repeat(100_000) })
  expect(statSync(path).size).toBeLessThan(1200)
})

it('puts aside a log that has become too large to be read, and goes on', async () => {
  writeFileSync(path, `${'x'.repeat(1023)}\n`.repeat(17 * 1024).slice(0, -10))
  const deed: Deed = { action: 'stop', result: 'done', detail: 'accepted' }
  expect(await recordDeed(host, path, deed)).toEqual(deed)
  expect([existsSync(path), statSync(`${path}.corrupt`).size > 17 * MIB - 100]).toEqual([false, true])
  await recordDeed(host, path, deed)
  expect(lines()).toMatchObject([deed])
})
