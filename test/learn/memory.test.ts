/** What is remembered of a machine's noise: bounded, of this machine only, and nothing where it cannot be read. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mostUnits, roundMinutes } from '../../agent/learn/constants.ts'
import { busiest, learnAll, type Memory, parseMemory } from '../../agent/learn/memory.ts'

const start = Date.UTC(2026, 0, 5)

/** So many days of the same figures, ten minutes an observation. */
function days(
  count: number,
  figures: Readonly<Record<string, Readonly<Record<string, number>>>>,
  from = parseMemory(undefined, 'm'),
) {
  let [memory, known]: [Memory, ReturnType<typeof learnAll>['known']] = [from, {}]
  const busy = Object.keys(figures['cpu'] ?? {})
  for (let index = 0; index < count * 144; index += 1) {
    const quiet = { wallMs: start + index * roundMinutes * 60_000, minutes: roundMinutes }
    ;({ memory, known } = learnAll(memory, { figures, quiet, mixed: [], busy }))
  }
  return { memory, known }
}

const figures = {
  cpu: { 'system.slice/a.service': 0.14 },
  network: { in_bytes_per_second: 12_000, out_bytes_per_second: 0 },
  disk: { bytes_per_second: 200_000 },
}

describe('the memory', () => {
  it('knows units and traffic after four days, and keeps that through the state file', () => {
    const { memory, known } = days(4, figures)
    expect(known).toEqual({
      cpu: { 'system.slice/a.service': expect.closeTo(0.128, 3) },
      network: { in_bytes_per_second: expect.closeTo(10_240, 0) },
      disk: { bytes_per_second: expect.closeTo(172_216, 0) },
    })
    expect(parseMemory(JSON.parse(JSON.stringify(memory)), 'm')).toEqual(memory)
    expect(JSON.stringify(memory).length).toBeLessThan(400)
  })

  it.each([
    ['another machine', (memory: Memory) => ({ ...memory, machine: 'i-2 8' })],
    ['another version', (memory: Memory) => ({ ...memory, version: 2 })],
    ['something else', () => 'noise'],
    ['a floor without bins', (memory: Memory) => ({ ...memory, floors: { cpu: { x: { days: 3, lastDay: 1 } } } })],
    [
      'a negative weight',
      (memory: Memory) => ({ ...memory, floors: { cpu: { x: { bins: [[1, -5]], days: 3, lastDay: 1 } } } }),
    ],
    [
      'a bin that is none',
      (memory: Memory) => ({ ...memory, floors: { cpu: { x: { bins: [[1e9, 5]], days: 3, lastDay: 1 } } } }),
    ],
  ])('begins anew with %s', (_, change) => {
    expect(parseMemory(change(days(4, figures).memory), 'm').floors).toEqual({})
  })

  it('forgets a unit in which somebody works, and lets one fade that is gone', () => {
    const { memory } = days(4, figures)
    const quiet = { wallMs: start + 4 * 86_400_000, minutes: roundMinutes }
    const none = { network: figures.network, cpu: {} }
    expect(
      learnAll(memory, { figures: none, quiet, mixed: ['system.slice/a.service'], busy: [] }).known['cpu'],
    ).toBeUndefined()
    expect(learnAll(memory, { figures: none, quiet, mixed: [], busy: [] }).known['cpu']).toBeDefined()
    expect(days(2, none, memory).known['cpu']).toEqual({ 'system.slice/a.service': 0 })
  })

  it('watches no unit but the given ones, and no more than there is room for', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.integer({ min: 0, max: 1e9 })), { maxLength: 80 }), (units) => {
        const busy = busiest(units, 7_200_000)
        const quiet = { wallMs: start, minutes: 10 }
        const { known } = learnAll(parseMemory(undefined, 'm'), { figures: { cpu: {} }, quiet, mixed: [], busy })
        const watched = Object.keys(known['cpu'] ?? {})
        expect(watched.length).toBeLessThanOrEqual(mostUnits)
        for (const unit of watched) expect(busy).toContain(unit)
      }),
    )
  })
})
