// The owner of the soak's machine: when somebody types, which jobs run on, which leases are taken. From a seed, for as many days as are asked.
import { createRandom, type Random } from '../../scenarios/random.ts'

export const MINUTE = 60_000
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** From one moment to another, in milliseconds since the first midnight. */
export interface Stretch {
  readonly from: number
  readonly until: number
}

export interface Owner {
  /** Somebody types, at least once a minute. */
  readonly typing: readonly Stretch[]
  /** A job works, whoever is there. */
  readonly jobs: readonly Stretch[]
  /** A lease holds; `from` is when it is asked for. */
  readonly leases: readonly Stretch[]
}

/** A morning, a break or three, lunch, an afternoon. */
function workday(random: Random, midnight: number): readonly Stretch[] {
  const typing: Stretch[] = []
  let at = midnight + 8 * HOUR + random.whole(0, 90) * MINUTE
  for (const until of [midnight + 12 * HOUR + random.whole(0, 30) * MINUTE, midnight + 17 * HOUR]) {
    const end = until + random.whole(0, 75) * MINUTE
    while (at < end) {
      const stop = Math.min(end, at + random.whole(25, 170) * MINUTE)
      typing.push({ from: at, until: stop })
      // Some breaks are longer than the machine waits.
      at = stop + random.whole(3, 24) * MINUTE
    }
    at = Math.max(at, end + random.whole(20, 60) * MINUTE)
  }
  return typing
}

/** The first day is a Monday. */
export function createOwner(seed: number, days: number): Owner {
  const random = createRandom(seed)
  const typing: Stretch[] = []
  const jobs: Stretch[] = []
  const leases: Stretch[] = []
  for (let day = 0; day < days; day += 1) {
    const midnight = day * DAY
    const isWeekend = day % 7 > 4
    if (random.chance(isWeekend ? 0.9 : 0.06)) continue
    const worked = isWeekend
      ? [{ from: midnight + 15 * HOUR, until: midnight + random.whole(930, 1080) * MINUTE }]
      : workday(random, midnight)
    typing.push(...worked)
    const end = worked.at(-1)?.until ?? midnight
    const runs = { from: end - 5 * MINUTE, until: end + random.whole(40, 900) * MINUTE }
    if (random.chance(0.04)) jobs.push({ ...runs, until: end + random.whole(30, 60) * HOUR })
    else if (random.chance(0.4)) jobs.push(runs)
    else if (random.chance(0.25))
      leases.push({ from: end - 2 * MINUTE, until: end + Math.round(random.next() * 5 * HOUR) })
  }
  return { typing, jobs, leases }
}

/** The stretch that holds at a moment. Stretches are in order. */
export function during(stretches: readonly Stretch[], at: number): Stretch | undefined {
  return stretches.find(({ from, until }) => from <= at && at < until)
}

/** When the owner next wants the machine, after `at`. */
export function nextTyping({ typing }: Owner, at: number): Stretch | undefined {
  return typing.find(({ until }) => until > at)
}
