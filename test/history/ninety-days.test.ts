/** Ninety days with a change every few minutes: within the bytes, no hour lost, no action lost. */
import { describe, expect, it } from 'vitest'
import { recordDeed } from '../../agent/audit.ts'
import { compact } from '../../agent/history/compact.ts'
import { categories, type HourTotal, hourTotals, joinHours, spansOf } from '../../agent/history/hours.ts'
import { parseHistory } from '../../agent/history/lines.ts'
import { MOST_BYTES } from '../../agent/history.ts'
import type { Segment } from '../../agent/types/cause.ts'
import { blind, busy, HOUR, held, identity, idle, MINUTE, typed, WALL } from '../decide/given.ts'
import { createRandom } from '../scenarios/random.ts'
import { paths, Recorder } from './recorder.ts'

const DAY = 24 * HOUR
const slow = { timeout: 120_000 }
/** As long as a reason can be. */
const long = 'x'.repeat(200)

function sum(hours: readonly HourTotal[]): number {
  return hours.reduce((all, { minutes }) => all + categories.reduce((one, name) => one + (minutes[name] ?? 0), 0), 0)
}

async function live(seed: number): Promise<Recorder> {
  const recorder = new Recorder()
  const random = createRandom(seed)
  const began = recorder.machine.clocks.wallMs
  let boots = 0
  while (recorder.machine.clocks.wallMs - began < 90 * DAY) {
    const at = recorder.machine.clocks.monoMs + 2 * MINUTE
    const choices = [
      [{ ...busy, reason: `${long}${at}`.slice(-200) }],
      [typed(at)],
      [idle, blind],
      [held('output', 120)],
      [idle],
    ]
    const readings = choices[Math.floor(random.next() * choices.length)] ?? [idle]
    if (random.next() < 0.003) {
      const { wallMs } = recorder.machine.clocks
      boots += 1
      recorder.machine.clocks = { wallMs: wallMs + 8 * HOUR * random.next(), bootMs: 0, monoMs: 0 }
    }
    await recorder.check(2 * MINUTE, { readings, moment: { identity: { ...identity, bootId: `boot-${boots}` } } })
  }
  return recorder
}

it.each([1, 2])('stay within two megabytes on disk, and tell every hour (seed %d)', slow, async (seed) => {
  const recorder = await live(seed)
  const { hours, segments, skipped } = await recorder.read()
  expect(skipped).toBe(0)
  expect(recorder.rewrites).toBeGreaterThan(3)
  expect(recorder.largest).toBeLessThan(MOST_BYTES + 1_000)
  // What is written over and over, in all these days.
  expect(recorder.rewritten).toBeLessThan(100 * MOST_BYTES)
  const total = sum([...hours, ...hourTotals(spansOf(segments), 10_000)])
  const lived = ((segments.at(-1)?.until ?? 0) - WALL) / MINUTE
  expect(lived).toBeGreaterThan(89 * 24 * 60)
  // The minutes of rolled up hours are rounded to tenths.
  expect(Math.abs(total - lived)).toBeLessThan(30)
  // The latest days are there segment by segment.
  expect((segments.at(-1)?.until ?? 0) - (segments[0]?.from ?? 0)).toBeGreaterThan(DAY)
})

it('a check every few seconds costs bytes no more', slow, async () => {
  const recorder = new Recorder()
  for (let count = 0; count < 30_000; count += 1) {
    const readings = count % 2 === 0 ? [{ ...busy, reason: long }] : [idle, { ...blind, reason: long }]
    await recorder.check(3_000, { readings, policy: { checkIntervalMs: 3_000 } })
  }
  expect(recorder.largest).toBeLessThan(MOST_BYTES + 1_000)
})

it('with hundreds of actions every one of them is kept, the refused by number', slow, async () => {
  // On the same disk of pieces, in place of the history.
  const recorder = new Recorder()
  const { host, memory } = recorder
  const done = new Set<string>()
  let refused = 0
  for (let day = 0; day < 90; day += 1) {
    for (let stop = 0; stop < 5; stop += 1) {
      const intentId = `${day}-${stop}`
      done.add(intentId)
      for (let again = 0; again < 6; again += 1) {
        memory.clock.advance(20 * MINUTE)
        refused += 1
        const deed = { action: 'hibernate', result: 'refused', code: 'X', detail: `X (other): ${long}` } as const
        await recordDeed(host, paths.history, deed)
      }
      await recordDeed(host, paths.history, { action: 'hibernate', result: 'done', detail: 'accepted: x', intentId })
      memory.clock.advance(2.8 * HOUR)
      const detail = 'hibernated, off for 2 h 48'
      await recordDeed(host, paths.history, { action: 'reconcile', result: 'done', detail, intentId })
    }
  }
  const lines = recorder
    .text()
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
  for (const action of ['hibernate', 'reconcile']) {
    const kept = lines.filter((line) => line['action'] === action && line['result'] === 'done')
    expect(new Set(kept.map((line) => line['intentId']))).toEqual(done)
  }
  const counted = lines
    .filter((line) => line['result'] === 'refused')
    .reduce((all, { times }) => all + (typeof times === 'number' ? times : 1), 0)
  expect(counted).toBe(refused)
  // With the history and what takes its place for a moment: within five megabytes.
  expect(recorder.largest + 1.5 * MOST_BYTES).toBeLessThan(5_000_000)
})

describe('rolling up', () => {
  const segment = (from: number, minutes: number, kind: string, more: Partial<Segment> = {}): Segment => ({
    ...{ from, until: from + minutes * MINUTE, verdict: 'idle', state: 'idle', checks: 1 },
    cause: { kind, reason: kind },
    ...more,
  })
  const start = Date.UTC(2026, 10, 22)

  it('keeps the latest and sums up the others, in the order of the checks', () => {
    const segments = Array.from({ length: 6000 }, (_, index) => {
      return segment(start + index * 6 * MINUTE, 6, index % 3 === 0 ? 'active' : 'idle')
    })
    const { hours, segments: kept } = parseHistory(compact({ hours: [], segments }, 300_000))
    expect(kept.at(-1)).toEqual(segments.at(-1))
    expect(hours[0]).toEqual({
      hour: start,
      minutes: { active: 24, idle: 36 },
      cause: { kind: 'idle', reason: 'idle' },
      causeMinutes: 36,
    })
    expect(sum([...hours, ...hourTotals(spansOf(kept), 10_000)])).toBeCloseTo(6000 * 6, 5)
    // Again: a part of an hour that was rolled up before is joined with the rest of it.
    const again = parseHistory(compact({ hours, segments: kept }, 150_000))
    expect(again.hours.length).toBeGreaterThan(hours.length)
    expect(new Set(again.hours.map(({ hour }) => hour)).size).toBe(again.hours.length)
  })

  it('keeps the time off before the first that it keeps', () => {
    const segments = Array.from({ length: 3000 }, (_, index) =>
      segment(start + index * HOUR, 30, 'active', { began: { kind: 'boot' } }),
    )
    const { hours, segments: kept } = parseHistory(compact({ hours: [], segments }, 300_000))
    const all = [...hours, ...hourTotals(spansOf(kept), 10_000)]
    const off = all.reduce((minutes, one) => minutes + (one.minutes.off ?? 0), 0)
    expect(off).toBe((Math.min(3000, all.length) - 1) * 30)
  })

  it('is bounded where a clock makes a hole of a century', () => {
    const segments = [
      segment(start, 30, 'active'),
      segment(start + 36_500 * DAY, 30, 'active', { began: { kind: 'boot' } }),
    ]
    const { hours } = parseHistory(compact({ hours: [], segments }, 0))
    expect(hours.length).toBeLessThanOrEqual(2401)
  })

  it('joins the parts of an hour', () => {
    const cause = { kind: 'veto', veto: 'lease', reason: 'lease' }
    const one = { hour: 0, minutes: { active: 10, off: 5 }, cause: { kind: 'active', reason: 'a' }, causeMinutes: 10 }
    expect(joinHours(one, { hour: 0, minutes: { held: 30 }, cause, causeMinutes: 30 })).toEqual({
      ...{ hour: 0, minutes: { active: 10, held: 30, off: 5 }, cause, causeMinutes: 30 },
    })
  })
})
