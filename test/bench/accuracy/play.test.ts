// The bench's own arithmetic, on series that a person can count.
import { expect, test } from 'vitest'
import { ours } from './ours.ts'
import { peers } from './peers.ts'
import { play } from './play.ts'
import type { Contender } from './policy.ts'
import { betterThanOurs, rowOf } from './rows.ts'
import { figuresOf, interval, paired } from './score.ts'
import type { Series } from './series.ts'
import { truthRules } from './truth.ts'

/** `#` busy at 1 core, `.` at rest, ` ` no sample; one character for five minutes. */
function series(text: string): { readonly series: Series; readonly truth: Uint8Array } {
  const cpu = Float64Array.from(text, (one) => (one === '#' ? 1 : one === '.' ? 0.01 : Number.NaN))
  return {
    series: { name: 'written', startMs: 0, cores: 2, cpu },
    truth: Uint8Array.from(text, (one) => (one === '#' ? 1 : 0)),
  }
}

const fixed15 = peers.find(({ name }) => name === 'fixed 15 min') as Contender

test('a stop, the time it saves, and whether it was false', () => {
  //                                 stopped after 3 quiet samples; back 25 min later; then for good
  const score = play(fixed15, series('##........##......'))
  expect(score).toMatchObject({
    stops: 2,
    falseStops: [1, 0, 1],
    hardStops: 0,
    interrupted: 2,
    idleOn: 30,
    idleAlways: 70,
  })
  expect(score.best).toEqual([
    { cost: 30, idleOn: 0 },
    { cost: 70, idleOn: 70 },
  ])
  expect(figuresOf(score)?.captured).toBeCloseTo(40 / 70)
})

test('a stop amid activity is a hard one', () => {
  const blind: Contender = { name: 'blind', about: '', over: () => ({ start: () => {}, look: (slot) => slot === 1 }) }
  expect(play(blind, series('####..'))).toMatchObject({ stops: 1, hardStops: 1, falseStops: [1, 1, 1] })
})

test("time without samples is nobody's: neither idle nor saved", () => {
  expect(play(fixed15, series('#..    ..#'))).toMatchObject({
    stops: 0,
    idleOn: 20,
    idleAlways: 20,
    weeks: 30 / 10_080,
  })
})

test('our own: ten minutes of grace and ten of rest, never while it works', () => {
  expect(play(ours, series('.......'))).toMatchObject({ stops: 1, idleOn: 20 })
  expect(play(ours, series('#'.repeat(50)))).toMatchObject({ stops: 0 })
  expect(play(ours, series(`${'#'.repeat(20)}${'.'.repeat(20)}`))).toMatchObject({ stops: 1, hardStops: 0, idleOn: 10 })
})

test('intervals hold their mean, and are nothing for what does not vary', () => {
  const { mean, low, high } = interval([1, 2, 3, 4, 10])
  expect(mean).toBe(4)
  expect(low).toBeLessThan(4)
  expect(high).toBeGreaterThan(4)
  expect(paired([2, 3, 4], [1, 2, 3])).toEqual({ mean: 1, low: 1, high: 1 })
})

test('one that is better at both is named', () => {
  const machines = [series(`${'#'.repeat(20)}${'.'.repeat(40)}#`)]
  const scores = (one: Contender) => machines.map((machine) => play(one, machine))
  const row = (one: Contender, own: Contender) => rowOf(one, scores(one), scores(own))
  const never: Contender = { name: 'never', about: '', over: () => ({ start: () => {}, look: () => false }) }
  const rash: Contender = { name: 'rash', about: '', over: () => ({ start: () => {}, look: (slot) => slot % 2 === 1 }) }
  const both = (own: Contender, other: Contender) =>
    betterThanOurs({ name: '', about: '', machines: 1, rows: [row(own, own), row(other, own)] }).map(({ name }) => name)
  expect(both(rash, fixed15)).toEqual([])
  expect(both(never, fixed15)).toEqual([])
  const late: Contender = {
    name: 'late',
    about: '',
    over: () => ({ start: () => {}, look: (slot) => slot === 57 }),
  }
  expect(both(late, fixed15)).toEqual(['fixed 15 min'])
})

test("the truth is by the machine's own level", () => {
  const busy = series('................####')
  const marks = truthRules.map((rule) => [...rule.of(busy.series)].join(''))
  expect(marks).toEqual(['00000000000000001111', '00000000000000001111'])
  const steady = { ...busy.series, cpu: new Float64Array(20).fill(0.9) }
  expect([...(truthRules[0]?.of(steady) ?? [])].join('')).toBe('0'.repeat(20))
})
