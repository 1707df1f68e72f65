/** The table of kernel.md 4.2, a test a row and a test for each side of its limits. */
import { describe, expect, it } from 'vitest'
import { cadence, classify, gapLimit, passed, retryMax, waitMax } from '../../agent/decide/clock.ts'
import type { Interval, Moment, RunIdentity, State } from '../../agent/types.ts'
import { identity, intent, later, MINUTE, moment, policy, SECOND, start, state } from './given.ts'

const I = 2 * MINUTE
const { startedAt: _, ...silent } = identity

interface Case {
  readonly name: string
  readonly state?: State
  /** Time on the monotonic clock since the last check; an interval unless given. */
  readonly ms?: number
  readonly sleptMs?: number
  readonly steppedMs?: number
  readonly is?: Partial<RunIdentity>
  readonly now?: Partial<Moment>
  readonly expected: Interval['kind']
}

function interval({ state: before = state(), ms = I, sleptMs = 0, steppedMs = 0, is = {}, now = {} }: Case): Interval {
  return classify(
    before,
    moment(later(start, ms, { sleptMs, steppedMs }), { identity: { ...identity, ...is }, ...now }),
    I,
  )
}

const rows: readonly Case[] = [
  { name: 'row 1: another instance id is a clone', is: { instanceId: 'i-2' }, expected: 'first' },
  { name: 'row 2: another boot id', is: { bootId: 'other' }, expected: 'boot' },
  { name: 'row 2: the boot-time clock went back', ms: I, sleptMs: -I - 1, expected: 'boot' },
  { name: 'row 2: the monotonic clock went back', ms: -1, sleptMs: 2, expected: 'boot' },
  { name: 'row 3: the hook stamped a resume', is: { resumeStamp: '1795000000' }, expected: 'resume' },
  {
    name: 'row 3: the hook stamped another resume',
    state: state({ identity: { ...identity, resumeStamp: '1' } }),
    is: { resumeStamp: '2' },
    expected: 'resume',
  },
  { name: 'row 3: the provider names a new start', is: { startedAt: '2026-11-16T06:01:00Z' }, expected: 'resume' },
  {
    name: 'row 3: only now the provider names a start',
    state: state({ identity: silent }),
    expected: 'resume',
  },
  { name: 'row 4: we run after an accepted stop', state: state({}, { ended: true }), expected: 'ended' },
  {
    name: 'row 4: the journal alone knows of the accepted stop',
    now: { intent: intent({ phase: 'accepted' }) },
    expected: 'ended',
  },
  { name: 'row 5: slept', sleptMs: 501, expected: 'resume' },
  { name: 'row 6: slept less than nothing', sleptMs: -501, expected: 'fault' },
  { name: 'row 7: nobody looked', ms: 2 * I + 30 * SECOND + 1, expected: 'gap' },
  {
    name: 'row 8: a jump ahead, the start time is another',
    steppedMs: 31 * SECOND,
    is: { startedAt: '2026-11-16T06:01:00Z' },
    expected: 'resume',
  },
  { name: 'row 8: a jump ahead, the start time is the same', steppedMs: 31 * SECOND, expected: 'step' },
  { name: 'row 8: three hours ahead, the start time is the same', steppedMs: 180 * MINUTE, expected: 'step' },
  { name: 'row 9: a small step ahead', steppedMs: SECOND, expected: 'step' },
  { name: 'row 9: a small step back', steppedMs: -SECOND, expected: 'step' },
  { name: 'row 9: three hours back', steppedMs: -180 * MINUTE, expected: 'step' },
  { name: 'row 10: two checks at once', ms: 1_999, expected: 'merge' },
  { name: 'row 11: an interval', expected: 'steady' },
]

const limits: readonly Case[] = [
  { name: 'slept exactly half a second', sleptMs: 500, expected: 'steady' },
  { name: 'slept half a second less than nothing', sleptMs: -500, expected: 'steady' },
  { name: 'the longest interval that counts', ms: 2 * I + 30 * SECOND, expected: 'steady' },
  { name: 'a step of 999 ms', steppedMs: 999, expected: 'steady' },
  { name: 'a step of -999 ms', steppedMs: -999, expected: 'steady' },
  { name: 'exactly two seconds later', ms: 2_000, expected: 'steady' },
  { name: 'no time at all', ms: 0, expected: 'merge' },
  { name: 'a step between two checks at once', ms: 100, steppedMs: 5_000, expected: 'step' },
  {
    name: 'an accepted stop of an earlier run',
    now: { intent: intent({ phase: 'accepted', runId: 'run-0' }) },
    expected: 'steady',
  },
  { name: 'a stop whose outcome is unknown', now: { intent: intent() }, expected: 'steady' },
  {
    name: 'the hook’s stamp is as before',
    state: state({ identity: { ...identity, resumeStamp: '1' } }),
    is: { resumeStamp: '1' },
    expected: 'steady',
  },
  {
    name: 'the hook’s stamp cannot be read any more',
    state: state({ identity: { ...identity, resumeStamp: '1' } }),
    expected: 'steady',
  },
  {
    name: 'the instance id becomes known',
    state: state({ identity: { bootId: identity.bootId, startedAt: '2026-11-16T05:00:00Z' } }),
    expected: 'steady',
  },
]

describe('classify', () => {
  it('row 1: without an earlier state it is the first check', () => {
    expect(classify(undefined, moment(start), I)).toMatchObject({ kind: 'first', newRun: true, covered: false, ms: 0 })
  })

  it.each(rows)('$name: $expected', (row) => {
    const found = interval(row)
    expect(found.kind).toBe(row.expected)
    const newRun = ['first', 'boot', 'resume', 'ended', 'fault', 'pause'].includes(row.expected)
    expect(found.newRun).toBe(newRun)
    expect(found.covered).toBe(!newRun && row.expected !== 'gap')
    expect(found.ms).toBe(newRun ? 0 : (row.ms ?? I))
    expect(found.reason).not.toBe('')
  })

  it.each(limits)('$name: $expected', (row) => expect(interval(row).kind).toBe(row.expected))

  it.each([
    ['metadata cannot be read now', state(), silent],
    ['there is no start time on this cloud', state({ identity: silent }), silent],
  ])('row 8: a jump ahead begins a new run where %s', (_name, before, is) => {
    const jumped = (steppedMs: number) => classify(before, moment(later(start, I, { steppedMs }), { identity: is }), I)
    expect(jumped(30_001)).toMatchObject({ kind: 'pause', newRun: true, covered: false })
    expect(jumped(30_000)).toMatchObject({ kind: 'step', newRun: false })
    expect(jumped(-30_001)).toMatchObject({ kind: 'step', newRun: false })
  })

  it.each([
    ['a clone beats a boot', { is: { instanceId: 'i-2', bootId: 'other' }, expected: 'first' }],
    ['a boot beats a resume', { is: { bootId: 'other', resumeStamp: '1' }, expected: 'boot' }],
    [
      'a resume beats an accepted stop',
      { state: state({}, { ended: true }), is: { resumeStamp: '1' }, expected: 'resume' },
    ],
    ['an accepted stop beats sleep', { state: state({}, { ended: true }), sleptMs: 900, expected: 'ended' }],
    ['sleep beats a gap', { ms: 30 * MINUTE, sleptMs: 900, expected: 'resume' }],
    ['a gap beats a jump', { ms: 30 * MINUTE, steppedMs: 60_000, is: { startedAt: undefined }, expected: 'gap' }],
    ['a gap beats a step', { ms: 30 * MINUTE, steppedMs: 5_000, expected: 'gap' }],
    ['a step beats a merge', { ms: 1, steppedMs: -5_000, expected: 'step' }],
  ] as readonly (readonly [string, Omit<Case, 'name'>])[])('the first match wins: %s', (name, row) => {
    expect(interval({ name, ...row }).kind).toBe(row.expected)
  })

  it('merges within half an interval where the interval is short', () => {
    const kind = (ms: number) => classify(state(), moment(later(start, ms)), 3 * SECOND).kind
    expect([kind(1_499), kind(1_500)]).toEqual(['merge', 'steady'])
  })

  it('takes the observed cadence where it is slower than the configured one', () => {
    const slow = state({ cadenceMs: [9 * MINUTE, 10 * MINUTE, 11 * MINUTE] })
    expect(interval({ name: '', state: slow, ms: 18.5 * MINUTE, expected: 'steady' }).kind).toBe('steady')
    expect(interval({ name: '', state: slow, ms: 18.5 * MINUTE + 1, expected: 'gap' }).kind).toBe('gap')
  })

  it('does not take a wait within one check for a gap, but a gap before or after its look', () => {
    const seen = (ms: number, lookedMs: number) =>
      interval({ name: '', ms, now: { lookedAt: start.monoMs + lookedMs }, expected: 'steady' }).kind
    expect(seen(8 * MINUTE, 4 * MINUTE)).toBe('steady')
    expect(seen(9 * MINUTE, 4 * MINUTE)).toBe('gap')
    expect(seen(5 * MINUTE, 4.6 * MINUTE)).toBe('gap')
  })
})

describe('passed', () => {
  it('tells sleep from steps', () => {
    const to = later(start, 1_000, { sleptMs: 500, steppedMs: -70 })
    expect(passed(start, to)).toEqual({ wallMs: 1_430, bootMs: 1_500, monoMs: 1_000, sleptMs: 500, steppedMs: -70 })
  })
})

describe('cadence', () => {
  it.each([
    ['nothing seen', [], I],
    ['two distances only', [9 * MINUTE, 9 * MINUTE], I],
    ['the shortest of three', [9 * MINUTE, 7 * MINUTE, 60 * MINUTE], 7 * MINUTE],
    ['never under what is configured', [MINUTE, MINUTE, MINUTE], I],
    ['one on time among slow ones', [9 * MINUTE, I, 9 * MINUTE], I],
    ['never over an hour', [180 * MINUTE, 180 * MINUTE, 180 * MINUTE], 60 * MINUTE],
  ])('%s', (_name, seen, expected) => expect(cadence(I, seen)).toBe(expected))

  it('may be configured longer than an hour', () => expect(cadence(90 * MINUTE, [])).toBe(90 * MINUTE))
})

describe('gapLimit', () => {
  it('is two intervals and 30 s', () => expect(gapLimit(I)).toBe(270 * SECOND))
})

describe('waitMax', () => {
  it.each([
    ['a multiple: 30 s', 2 * MINUTE, 10 * MINUTE, 30 * SECOND],
    ['the same: 30 s', 10 * MINUTE, 10 * MINUTE, 30 * SECOND],
    ['no multiple: an interval less 10 s', 15 * MINUTE, 10 * MINUTE, 890 * SECOND],
    ['no multiple, by a second', 2 * MINUTE, 10 * MINUTE + SECOND, 110 * SECOND],
    ['no multiple of a short interval: 30 s', 35 * SECOND, 60 * SECOND, 30 * SECOND],
    ['never over an interval', 3 * SECOND, 10 * SECOND, 3 * SECOND],
    ['a multiple of a very short interval', 2 * SECOND, 10 * SECOND, 2 * SECOND],
  ])('%s', (_name, intervalMs, thresholdMs, expected) => expect(waitMax(intervalMs, thresholdMs)).toBe(expected))
})

it.each([
  ['all but 20 s of a short interval', 2 * MINUTE, 100 * SECOND],
  ['ten minutes of a long one', 30 * MINUTE, 10 * MINUTE],
  ['as long as for the due time where that is more', 45 * MINUTE, 45 * MINUTE - 10 * SECOND],
])('another try is waited for: %s', (_name, checkIntervalMs, expected) => {
  expect(retryMax({ ...policy, checkIntervalMs, hibernateThresholdMs: 60 * MINUTE })).toBe(expected)
})
