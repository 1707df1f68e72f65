/** Readings to a verdict, and how long weak evidence may hold (kernel.md 5.3). */
import { describe, expect, it } from 'vitest'
import { combine, heldUntil, rememberHolds } from '../../agent/decide/policy.ts'
import type { Interval, NamedReading, Policy } from '../../agent/types.ts'
import { absent, blind, busy, held, idle, Machine, MINUTE, SECOND, start, state, typed } from './given.ts'

const steady: Interval = { kind: 'steady', ms: 2 * MINUTE, newRun: false, covered: true, reason: 'steady' }
const stepped: Interval = { ...steady, kind: 'step' }
const now = start.monoMs
const weak = held('connection', 60)

describe('combine', () => {
  it.each([
    ['one idle', [idle], 'idle'],
    ['idle and what cannot exist', [idle, absent], 'idle'],
    ['weak evidence', [idle, weak], 'idle'],
    ['weak evidence alone', [weak], 'idle'],
    ['an unknown beside idle', [idle, blind], 'unknown'],
    ['an unknown beside weak evidence', [weak, blind], 'unknown'],
    ['unknown alone', [blind], 'unknown'],
    ['active beside all else', [idle, weak, blind, absent, busy], 'active'],
    ['active alone', [busy], 'active'],
    ['no reading at all', [], 'unknown'],
    ['nothing that can exist here', [absent, absent], 'unknown'],
  ] as const)('%s: %s', (_name, readings, verdict) => {
    expect(combine(readings, steady, now).verdict).toBe(verdict)
  })

  it.each([
    ['a rate counts to the end of its interval', [busy], steady, now],
    ['an event has its own time', [typed(now - 90 * SECOND)], steady, now - 90 * SECOND],
    ['the latest of two events', [typed(now - 90 * SECOND), typed(now - 5 * SECOND)], steady, now - 5 * SECOND],
    ['a rate is later than any event', [typed(now - 5 * SECOND), busy], steady, now],
    ['no event is in the future', [typed(now + 5 * SECOND)], steady, now],
    ['after a step an event is as late as its check', [typed(now - 90 * SECOND)], stepped, now],
    ['an event before the interval stays there', [typed(now - 90 * MINUTE)], steady, now - 90 * MINUTE],
  ] as const)('%s', (_name, readings, interval, at) => {
    expect(combine(readings, interval, now).active?.at).toBe(at)
  })

  it('sees a person in any strong reading, the latest or not', () => {
    expect(combine([typed(now - MINUTE), busy], steady, now).active).toEqual({
      at: now,
      sensor: 'cpu',
      reason: 'make works',
      person: true,
    })
    expect(combine([busy], steady, now).active?.person).toBe(false)
  })

  it('names every sensor that could not read', () => {
    const other: NamedReading = { ...blind, sensor: 'cpu', reason: 'no text' }
    expect(combine([blind, idle, other], steady, now).unknown.map(({ sensor }) => sensor)).toEqual(['gpu', 'cpu'])
  })
})

describe('rememberHolds', () => {
  it('keeps what was seen before, and renews what is seen now', () => {
    const seen = { output: { at: 1, limitMs: 2 }, connection: { at: 3, limitMs: 4 } }
    expect(rememberHolds(seen, [weak, idle], 99)).toEqual({
      output: { at: 1, limitMs: 2 },
      connection: { at: 99, limitMs: 60 * MINUTE },
    })
  })

  it('keeps the longer limit of two sensors with evidence of one kind', () => {
    const short: NamedReading = {
      sensor: 'desktops',
      kind: 'hold',
      reason: 'open',
      evidence: 'connection',
      limitMinutes: 5,
    }
    for (const both of [
      [weak, short],
      [short, weak],
    ])
      expect(rememberHolds({ connection: { at: 3, limitMs: 9_000_000 } }, both, 99)).toEqual({
        connection: { at: 99, limitMs: 60 * MINUTE },
      })
  })
})

describe('heldUntil', () => {
  const limitMs = 60 * MINUTE
  const leadMs = 5 * MINUTE
  it.each([
    ['nothing was seen', {}, undefined],
    ['fresh: to its limit and the lead', { connection: { at: now, limitMs } }, 65],
    ['ended: the lead after it was last seen', { connection: { at: now - 3 * MINUTE, limitMs } }, 22],
    ['ended just before its limit', { connection: { at: now - 1, limitMs: 18 * MINUTE } }, 23],
    ['fresh, its limit long over', { connection: { at: now, limitMs: 2 * MINUTE } }, 7],
    [
      'the longest of several',
      {
        connection: { at: now, limitMs },
        output: { at: now, limitMs: 2 * limitMs },
        'gpu-memory': { at: now, limitMs },
      },
      125,
    ],
  ])('%s', (_name, seen, minutes) => {
    const idleSince = now - 20 * MINUTE
    const until = heldUntil(seen, idleSince, { now, leadMs })?.until
    expect(until === undefined ? undefined : Math.round((until - idleSince) / MINUTE)).toBe(minutes)
  })
})

/** Minutes after idleSince + threshold at which it acts, when each minute's check reads `at(minute)`. */
function extraMinutes(at: (minute: number) => readonly NamedReading[], thresholds: Partial<Policy> = {}): number {
  const machine = new Machine({ state: state() })
  const policy = { checkIntervalMs: MINUTE, ...thresholds }
  for (let minute = 1; minute < 400; minute += 1) {
    const decision = machine.after(MINUTE, { readings: at(minute), policy })
    expect(decision.state.idleSince).toBe(start.monoMs)
    if (decision.phase === 'acting') return minute - (policy.hibernateThresholdMs ?? 10 * MINUTE) / MINUTE
  }
  return Number.POSITIVE_INFINITY
}

describe('the worst that weak evidence can do at thresholds 5/10', () => {
  const connection = held('connection', 60)
  const output = held('output', 120)
  const gpu = held('gpu-memory', 60)
  const equal = { idleThresholdMs: 10 * MINUTE }
  const long = { idleThresholdMs: 60 * MINUTE, hibernateThresholdMs: 70 * MINUTE }

  it.each([
    ['none at all', () => [idle], {}, 0],
    ['a connection for ever', () => [idle, connection], {}, 55],
    ['output for ever', () => [idle, output], {}, 115],
    ['GPU memory for ever', () => [idle, gpu], {}, 55],
    ['all of them: the longest, no sum', () => [connection, output, gpu], {}, 115],
    ['a connection that comes and goes', (m: number) => (m % 3 === 0 ? [idle] : [idle, connection]), {}, 55],
    ['kinds that take turns', (m: number) => (m % 2 === 0 ? [connection] : [gpu]), {}, 55],
    ['a connection that ends at once', (m: number) => (m === 1 ? [connection] : [idle]), {}, 0],
    ['a connection that ends at minute 5', (m: number) => (m <= 5 ? [connection] : [idle]), {}, 0],
    ['a connection that ends at minute 7', (m: number) => (m <= 7 ? [connection] : [idle]), {}, 2],
    ['a connection that ends as it is due', (m: number) => (m <= 10 ? [connection] : [idle]), {}, 5],
    ['a connection that ends after half an hour', (m: number) => (m <= 30 ? [connection] : [idle]), {}, 25],
    ['a new connection after its limit', (m: number) => (m > 61 || m < 60 ? [connection] : [idle]), {}, 55],
    ['no lead: a connection for ever', () => [idle, connection], equal, 50],
    ['no lead: a connection that ends at minute 10', (m: number) => (m <= 10 ? [connection] : [idle]), equal, 1],
    ['a threshold over the limit: a connection for ever', () => [idle, connection], long, 0],
  ] as const)('%s', (_name, at, thresholds, expected) => {
    expect(extraMinutes(at, thresholds)).toBe(expected)
  })

  it('counts the limit from the new idleSince after strong evidence', () => {
    const machine = new Machine({ state: state() })
    for (let minute = 1; minute <= 30; minute += 1) machine.after(MINUTE, { readings: [connection] })
    const used = machine.after(MINUTE, { readings: [connection, typed(machine.clocks.monoMs + MINUTE)] })
    const next = machine.after(MINUTE, { readings: [connection] })
    expect(next.due).toBe(used.state.idleSince + 65 * MINUTE)
  })
})
