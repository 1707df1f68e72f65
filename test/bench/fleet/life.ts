// When a machine is needed: a list of times, drawn from a seed.
import { createRandom, type Random } from '../../scenarios/random.ts'

export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Times in which somebody or something needs the machine, in order; milliseconds of the simulation. */
export type Life = readonly (readonly [fromMs: number, untilMs: number])[]

/** Milliseconds of need up to a moment, and when the last of it was. */
export function neededUntil(life: Life, ms: number): { readonly sumMs: number; readonly lastMs: number | undefined } {
  let sumMs = 0
  let lastMs: number | undefined
  for (const [from, until] of life) {
    if (from >= ms) break
    lastMs = Math.min(until, ms)
    sumMs += lastMs - from
  }
  return { sumMs, lastMs }
}

/** The first time of need that begins after a moment. */
export function nextNeed(life: Life, ms: number): number | undefined {
  return life.find(([from]) => from >= ms)?.[0]
}

/** Until when it is needed without a pause; `undefined` where it is not. */
export function neededTo(life: Life, ms: number): number | undefined {
  return life.find(([from, until]) => from <= ms && ms < until)?.[1]
}

/** About `mean`, never further than three times `spread` from it. */
function about(random: Random, mean: number, spread: number): number {
  const sum = random.next() + random.next() + random.next() + random.next() - 2
  return mean + spread * sum * 1.5
}

/** One day of somebody at work: two blocks around lunch, with pauses in between. */
function workday(random: Random, dayMs: number): [number, number][] {
  const blocks: [number, number][] = [
    [about(random, 9 * HOUR, 30 * MINUTE), about(random, 12.25 * HOUR, 20 * MINUTE)],
    [about(random, 13.25 * HOUR, 20 * MINUTE), about(random, 17.5 * HOUR, 40 * MINUTE)],
  ]
  return blocks.flatMap(([from, until]) => {
    if (!random.chance(0.4)) return [[dayMs + from, dayMs + until]]
    const pause = from + (until - from) * (0.3 + 0.4 * random.next())
    return [
      [dayMs + from, dayMs + pause],
      [dayMs + pause + about(random, 25 * MINUTE, 15 * MINUTE), dayMs + until],
    ]
  })
}

/** A job that begins at some hour and runs for hours. */
function job(random: Random, dayMs: number): [number, number][] {
  const from = dayMs + random.next() * DAY
  return [[from, from + about(random, 3 * HOUR, 2 * HOUR)]]
}

/** Short pieces of work all day long. */
function pieces(random: Random, dayMs: number): [number, number][] {
  const found: [number, number][] = []
  for (let at = random.next() * 4 * HOUR; at < DAY; at += 40 * MINUTE + random.next() * 5 * HOUR)
    found.push([dayMs + at, dayMs + at + 5 * MINUTE + random.next() * 30 * MINUTE])
  return found
}

const kinds = ['person', 'person', 'person', 'person', 'job', 'job', 'pieces', 'always', 'weekly', 'never'] as const
export const kindsInWords =
  '40 % people at work (two blocks a day with pauses, weekdays), 20 % a job of hours a day, 10 % short pieces of work all day, 10 % in use all the time, 10 % one day a week, 10 % never used'

/** The week of one machine of a mixed fleet; day 0 is a Monday. */
export function mixedLife(seed: number, days: number): Life {
  const random = createRandom(seed)
  const kind = kinds[seed % kinds.length] ?? 'person'
  const found: [number, number][] = []
  const first = random.next() * 8 * HOUR
  if (kind === 'always') return [[first, days * DAY]]
  if (kind === 'never') return [[first, first + MINUTE]]
  const chosen = random.whole(0, 4)
  for (let day = 0; day < days; day += 1) {
    const dayMs = day * DAY
    const weekday = day % 7 < 5
    if (kind === 'person' && weekday) found.push(...workday(random, dayMs))
    if (kind === 'weekly' && day % 7 === chosen) found.push(...workday(random, dayMs))
    if (kind === 'job') found.push(...job(random, dayMs))
    if (kind === 'pieces') found.push(...pieces(random, dayMs))
  }
  return apart(found.filter(([from, until]) => until > from))
}

/** In order, and what overlaps taken together. */
function apart(times: readonly (readonly [number, number])[]): Life {
  const found: [number, number][] = []
  for (const [from, until] of times.toSorted(([a], [b]) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], until)
    else found.push([from, until])
  }
  return found
}

/** Mornings on which everybody comes within an hour, most of them in its middle, and stays. */
export function morningLife(seed: number, mornings: readonly number[], stayMs: number): Life {
  const random = createRandom(seed)
  return mornings.map((ms) => {
    const from = ms + ((random.next() + random.next()) / 2) * HOUR
    return [from, ms + HOUR + stayMs]
  })
}

/** The hour in which the API does not answer, in the lives of `outageLife`. */
export const outage = { fromMs: 4 * HOUR, untilMs: 5 * HOUR }

/**
 * A fleet that has come up slowly; in the hour of the outage a machine in 25 becomes due to be stopped, three in a hundred
 * are left for eight minutes, and three in a hundred are started. After it nothing changes any more.
 */
export function outageLife(seed: number, endMs: number): Life {
  const random = createRandom(seed)
  const up = random.next() * 3.5 * HOUR
  const { fromMs, untilMs } = outage
  const moment = fromMs + random.next() * (untilMs - fromMs)
  const lot = seed % 100
  if (lot < 4) return [[up, moment - 10 * MINUTE]]
  if (lot < 7)
    return [
      [up, moment],
      [moment + 8 * MINUTE, endMs],
    ]
  return [[lot < 10 ? moment : up, endMs]]
}
