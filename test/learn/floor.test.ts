/** What is learned of a machine when nobody is there, and how far that can move a limit. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Rule, roundMinutes, rules } from '../../agent/learn/constants.ts'
import { type Floor, floorOf, learn, limitOf, type Observation } from '../../agent/learn/floor.ts'

const { cores } = rules.cpu
const start = Date.UTC(2026, 0, 5)
const dayMs = 86_400_000

/** Quiet nights from 00:00 on, ten minutes an observation; `value` by the number of the observation. */
function nights(days: number, value: (index: number) => number, { hours = 24, rule = cores as Rule } = {}) {
  let floor: Floor | undefined
  const each = (hours * 60) / roundMinutes
  for (let index = 0; index < days * each; index += 1) {
    const wallMs = start + Math.floor(index / each) * dayMs + (index % each) * roundMinutes * 60_000
    floor = learn(floor, { wallMs, minutes: roundMinutes, value: value(index) }, rule)
  }
  return floor
}

describe('the floor of a figure', () => {
  it.each<[what: string, floor: Floor | undefined, expected: number | undefined]>([
    ['nothing seen', undefined, undefined],
    ['two whole days', nights(2, () => 0.14), undefined],
    ['three days of eight hours', nights(3, () => 0.14, { hours: 8 }), undefined],
    ['four whole days of 0.14 cores', nights(4, () => 0.14), 0.128],
    ['ten nights of eight hours', nights(10, () => 0.14, { hours: 8 }), 0.128],
    ['four days of nothing', nights(4, () => 0), 0],
    ['every third observation at 0.1, else 0.3', nights(4, (index) => (index % 3 === 0 ? 0.1 : 0.3)), 0.0905],
    ['every sixth observation at 0.1, else 0.3', nights(4, (index) => (index % 6 === 0 ? 0.1 : 0.3)), 0.256],
    ['much more than the ceiling', nights(4, () => 40), 0.3044],
  ])('%s', (_, floor, expected) => {
    const found = floorOf(floor, cores)
    if (expected === undefined) expect(found).toBeUndefined()
    else expect(found).toBeCloseTo(expected, 4)
  })

  it('needs three calendar days, not only three days of time', () => {
    let floor: Floor | undefined
    for (let index = 0; index < 1000; index += 1)
      floor = learn(floor, { wallMs: start + index, minutes: roundMinutes, value: 0.14 }, cores)
    expect(floorOf(floor, cores)).toBeUndefined()
  })

  it('forgets a daemon that was removed within days, and everything after two months', () => {
    const noisy = nights(30, () => 0.2)
    let floor = noisy
    let days = 0
    for (; (floorOf(floor, cores) ?? 0) > 0.1; days += 1)
      for (let index = 0; index < 144; index += 1)
        floor = learn(floor, { wallMs: start + (30 + days) * dayMs, minutes: roundMinutes, value: 0.01 }, cores)
    expect(days).toBeLessThan(6)
    expect(floorOf(learn(noisy, { wallMs: start + 91 * dayMs, minutes: 10, value: 0.2 }, cores), cores)).toBeUndefined()
  })

  it.each([
    ['NaN', { wallMs: start, minutes: 10, value: Number.NaN }],
    ['less than nothing', { wallMs: start, minutes: 10, value: -1 }],
    ['endless', { wallMs: start, minutes: 10, value: Number.POSITIVE_INFINITY }],
    ['of no time', { wallMs: start, minutes: 0, value: 0.1 }],
  ])('takes no observation in that is %s', (_, observation) => {
    const known = nights(4, () => 0.14)
    expect(learn(known, observation, cores)).toEqual(known)
  })
})

const everyRule = Object.values(rules).flatMap((one) => Object.values<Rule>(one))
const observations = fc.array(
  fc.record<Observation>({
    wallMs: fc.integer({ min: start, max: start + 40 * dayMs }),
    minutes: fc.double({ min: 0, max: 1440, noNaN: true }),
    value: fc.double({ min: 0, max: 1e12, noNaN: true }),
  }),
  { maxLength: 60 },
)

describe('the limit that follows', () => {
  it.each([
    [undefined, 0.1],
    [0, 0.1],
    [0.03, 0.1],
    [0.14, 0.19],
    [0.3, 0.35],
    [5, 0.35],
    [Number.NaN, 0.1],
  ])('with a floor of %s cores it is %d', (floor, expected) => {
    expect(limitOf(floor, 0.1, cores)).toBeCloseTo(expected, 9)
  })

  it.each([
    [3_000, 10_000, 10_000],
    [12_000, 10_000, 36_000],
    [40_000, 10_000, 50_000],
    [40_000, 80_000, 80_000],
  ])('with a floor of %d B/s received over %d it is %d', (floor, fixed, expected) => {
    expect(limitOf(floor, fixed, rules.network.in_bytes_per_second)).toBe(expected)
  })

  it('is never below the fixed one, never above the ceiling unless that is, whatever was seen', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...everyRule),
        observations,
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        (rule, seen, fixed) => {
          const floor = seen.reduce<Floor | undefined>((known, one) => learn(known, one, rule), undefined)
          const limit = limitOf(floorOf(floor, rule), fixed, rule)
          expect(limit).toBeGreaterThanOrEqual(fixed)
          expect(limit).toBeLessThanOrEqual(Math.max(fixed, rule.ceiling))
        },
      ),
    )
  })

  it('does not call a machine idle that is always busy over the ceiling', () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyRule), fc.double({ min: 1.01, max: 1000, noNaN: true }), (rule, times) => {
        const busy = rule.ceiling * times
        const floor = nights(20, () => busy, { rule })
        expect(busy).toBeGreaterThan(limitOf(floorOf(floor, rule), rule.smallest, rule))
      }),
      { numRuns: 30 },
    )
  })

  it('keeps a histogram small, whatever was seen', () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyRule), observations, (rule, seen) => {
        const floor = seen.reduce<Floor | undefined>((known, one) => learn(known, one, rule), undefined)
        expect(floor?.bins.length ?? 0).toBeLessThan(60)
      }),
    )
  })
})
