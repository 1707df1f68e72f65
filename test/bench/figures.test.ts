// Medians, spreads and ratios of measured runs.
import { describe, expect, test } from 'vitest'
import { pairRatios, spreadOf } from './figures.ts'

describe('the spread of some figures', () => {
  test.each([
    { name: 'an odd number', figures: [9, 1, 5], spread: { min: 1, median: 5, max: 9 } },
    { name: 'an even number', figures: [4, 1, 2, 100], spread: { min: 1, median: 3, max: 100 } },
    { name: 'a single one', figures: [7], spread: { min: 7, median: 7, max: 7 } },
    { name: 'ten before nine, as numbers', figures: [10, 9, 100], spread: { min: 9, median: 10, max: 100 } },
  ])('of $name', ({ figures, spread }) => {
    expect(spreadOf(figures)).toEqual(spread)
  })

  test('does not exist without figures', () => {
    expect(() => spreadOf([])).toThrow('no figures')
  })
})

describe('ratios of pairs', () => {
  test('are taken pair by pair, so that a slow spell of the machine cancels out', () => {
    expect(pairRatios([10, 100, 10], [100, 1000, 200])).toEqual({ min: 0.05, median: 0.1, max: 0.1 })
  })

  test('are refused for lists that are no pairs', () => {
    expect(() => pairRatios([1, 2], [1])).toThrow('no pairs')
  })
})
