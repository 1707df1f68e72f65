/** The ceiling: all leases of a user are one chain, which only that user's own input begins anew. */
import { describe, expect, it } from 'vitest'
import { type ChainMoment, endedInWords, limitLeases, OTHERS } from '../../agent/leases/chain.ts'
import type { Clocks, LeaseChain, Veto } from '../../agent/types.ts'

const HOUR = 3_600_000
const NOON = Date.UTC(2026, 10, 22, 12)
const START = 500 * HOUR
const ceilingMs = 24 * HOUR

const at = (hours: number): Clocks => ({ wallMs: NOON + hours * HOUR, bootMs: 9 * START, monoMs: START + hours * HOUR })
const moment = (hours: number, more: Partial<ChainMoment> = {}): ChainMoment => ({
  ...{ now: at(hours), passedMs: HOUR, ceilingMs, typed: new Map(), inDoubt: false },
  ...more,
})
const lease = (holder: number, hours?: number): Veto => ({
  ...{ name: 'lease', reason: 'lease', holder },
  ...(hours === undefined ? {} : { until: START + hours * HOUR }),
})
const typedAt = (uid: number, hours: number) => new Map([[uid, START + hours * HOUR]])

/** Checks at these hours; what a user holds at each. Gives back at which of them it held. */
function heldAt(
  hours: readonly number[],
  holds: (hour: number) => readonly Veto[],
  more: (hour: number) => Partial<ChainMoment> = () => ({}),
): readonly number[] {
  let chains: readonly LeaseChain[] = []
  return hours.filter((hour) => {
    const limited = limitLeases(holds(hour), chains, moment(hour, more(hour)))
    chains = limited.chains
    return limited.vetoes.length > 0
  })
}

const hourly = Array.from({ length: 60 }, (_, hour) => hour)
const day = hourly.slice(0, 24)

describe('the leases of one user', () => {
  it.each<[string, (hour: number) => readonly Veto[]]>([
    ['one for ever', () => [lease(1001, 1000)]],
    ['one of a process', () => [lease(1001)]],
    ['a new one every hour', (hour) => [lease(1001, hour + 2)]],
    ['sixteen at once', (hour) => Array.from({ length: 16 }, (_, slot) => lease(1001, hour + slot + 1))],
  ])('hold for a day from the first: %s', (_name, holds) => {
    expect(heldAt(hourly, holds)).toEqual(day)
  })

  it('hold no longer for short pauses between them', () => {
    // Two hours without a lease give four: the two themselves, and two that are given back.
    const holds = (hour: number) => (hour % 10 === 9 ? [] : [lease(1001, hour + 2)])
    expect(heldAt(hourly, holds)).toEqual(hourly.slice(0, 28).filter((hour) => hour % 10 !== 9))
  })

  it('hold every night, where there are pauses as long', () => {
    const nights = Array.from({ length: 24 * 30 }, (_, hour) => hour)
    const holds = (hour: number) => (hour % 24 < 12 ? [lease(1001, hour + 2)] : [])
    expect(heldAt(nights, holds)).toHaveLength(12 * 30)
  })

  it('that have ended hold no more until they are gone for as long', () => {
    const holds = (hour: number) => (hour === 40 || hour === 41 ? [] : [lease(1001, 1000)])
    expect(heldAt(hourly, holds).slice(24)).toEqual([42])
  })

  it('are no better for those of another, whose day begins with their own first', () => {
    const holds = (hour: number) => [lease(1001, hour + 2), ...(hour >= 20 ? [lease(1002, hour + 2)] : [])]
    expect(heldAt(hourly, holds).at(-1)).toBe(43)
  })

  it('and of another in turn hold for both their days, and not for ever', () => {
    const inTurn = (hour: number) => [lease(Math.floor(hour / 5) % 2 === 0 ? 1001 : 1002, hour + 2)]
    const held = heldAt(hourly, inTurn)
    const firstFree = hourly.find((hour) => !held.includes(hour))
    expect(firstFree).toBeGreaterThan(40)
    expect(firstFree).toBeLessThan(60)
  })

  it('hold for a day from the last input of their own, not of another', () => {
    const holds = (hour: number) => [lease(1001, hour + 2)]
    const input = (uid: number) => (hour: number) => ({ typed: hour === 20 ? typedAt(uid, 19.5) : new Map() })
    expect(heldAt(hourly, holds, input(1001)).at(-1)).toBe(43)
    expect(heldAt(hourly, holds, input(1002)).at(-1)).toBe(23)
  })

  it('hold again after input, even once they had ended', () => {
    const holds = (hour: number) => [lease(1001, hour + 2)]
    const input = (hour: number) => ({ typed: hour === 30 ? typedAt(1001, 30) : new Map() })
    expect(heldAt(hourly, holds, input)).toEqual([...day, ...hourly.slice(30, 54)])
  })

  it('hold for as long again as it could not be told who typed, and not for longer', () => {
    const holds = (hour: number) => [lease(1001, hour + 2)]
    expect(heldAt(hourly, holds, (hour) => ({ inDoubt: hour === 20 || hour === 21 })).at(-1)).toBe(25)
    expect(heldAt(hourly, holds, (hour) => ({ inDoubt: hour % 10 === 0 })).at(-1)).toBe(25)
    expect(heldAt(hourly, holds, (hour) => ({ inDoubt: hour > 30 })).at(-1)).toBe(23)
  })
})

it.each<[string, Veto, string, number | undefined]>([
  ['that ends before', lease(1001, 3), 'lease', 3],
  ['that ends later', lease(1001, 99), 'lease, at most until 2026-11-23 12:00 UTC', 24],
  ['without an end', lease(1001), 'lease, at most until 2026-11-23 12:00 UTC', 24],
])('a lease %s is cut to its ceiling, in words too', (_name, veto, reason, hours) => {
  const [only] = limitLeases([veto], [], moment(0)).vetoes
  expect(only).toEqual({ ...veto, reason, until: hours === undefined ? undefined : START + hours * HOUR })
})

it('what nobody holds passes: root’s leases, and all other vetoes', () => {
  const others = [
    { name: 'lease', reason: 'root’s' },
    { name: 'metadata', reason: 'x', until: START },
  ]
  const first = limitLeases(others, [], moment(0))
  expect(first).toEqual({ vetoes: others, chains: [], ended: [] })
})

describe('an ended chain', () => {
  const { chains } = limitLeases([lease(1001)], [], moment(0))

  it('is named while something of it would hold, and not after', () => {
    const over = limitLeases([lease(1001), lease(1001)], chains, moment(24))
    expect(over.ended.map((chain) => endedInWords(chain, ceilingMs))).toEqual([
      'lease of uid 1001 ended: its ceiling of 24 h without input',
    ])
    expect(limitLeases([], over.chains, moment(25)).ended).toEqual([])
  })

  it('is forgotten with input where there is no lease any more', () => {
    expect(limitLeases([], chains, moment(25, { typed: typedAt(1001, 25) })).chains).toEqual([])
  })

  it('is told once: the mark lasts until it begins anew', () => {
    const told = [{ uid: 1001, since: START, told: true as const }]
    expect(limitLeases([lease(1001)], told, moment(30)).ended).toMatchObject([{ uid: 1001, told: true }])
    const anew = limitLeases([lease(1001)], told, moment(30, { typed: typedAt(1001, 30) }))
    expect(anew.chains).toEqual([{ uid: 1001, since: START + 30 * HOUR }])
  })
})

describe('more users than are remembered', () => {
  const many = Array.from({ length: 1500 }, (_, index) => lease(2000 + index))

  it('share a ceiling, the highest numbers first', () => {
    const { chains } = limitLeases(many, [], moment(0))
    expect(chains).toHaveLength(1001)
    const last = limitLeases([lease(2000), lease(3499)], chains, moment(24))
    expect([last.vetoes, last.ended.map(({ uid }) => uid)]).toEqual([[], [2000, OTHERS]])
    expect(endedInWords({ uid: OTHERS, since: 0 }, HOUR)).toBe(
      'leases of others ended: their ceiling of 1 h without input',
    )
  })

  it('do not push out one who was there before', () => {
    const { chains } = limitLeases([lease(5000)], [], moment(0))
    const crowd = limitLeases([...many.slice(0, 999), lease(5000)], chains, moment(23))
    expect(crowd.chains.find(({ uid }) => uid === 5000)).toEqual({ uid: 5000, since: START })
  })
})
