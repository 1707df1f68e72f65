// The simulator itself, and what must hold of a small fleet before buckets as small.
import { describe, expect, it } from 'vitest'
import { Account, actions, sum } from './account.ts'
import { Fleet, type FleetOptions } from './fleet.ts'
import { DAY, HOUR, MINUTE, mixedLife, morningLife, neededTo, neededUntil, nextNeed, SECOND } from './life.ts'
import { PeerFleet } from './peer.ts'
import { Timeline } from './timeline.ts'
import { callWith, cli } from './transport.ts'

async function fleetOf(options: Partial<FleetOptions>): Promise<Fleet> {
  const fleet = new Fleet({
    machines: 20,
    endMs: DAY,
    lifeOf: (seed) => mixedLife(seed, 1),
    metadataTags: 0.5,
    broken: 0.05,
    skips: true,
    ...options,
  })
  await fleet.live()
  return fleet
}

function callsOf({ account }: { readonly account: Account }): readonly (readonly number[])[] {
  return actions.flatMap((action) => {
    const { accepted, throttled, down } = account.calls[action]
    return [accepted, throttled, down].map((minutes) => [...minutes])
  })
}

function throttled({ account }: { readonly account: Account }, fromMs = 0): number {
  return actions.reduce((all, action) => all + sum(account.calls[action].throttled, fromMs / MINUTE), 0)
}

function accepted({ account }: { readonly account: Account }, fromMs = 0): number {
  return actions.reduce((all, action) => all + sum(account.calls[action].accepted, fromMs / MINUTE), 0)
}

describe('simulated time', () => {
  it('runs what waits shortest first, and waits for what works', async () => {
    const timeline = new Timeline()
    const told: string[] = []
    for (const [name, ms] of [
      ['a', 30],
      ['b', 10],
      ['c', 20],
    ] as const) {
      timeline.at(0, () =>
        timeline.start(async () => {
          await timeline.sleep(ms)
          await import('node:path')
          told.push(`${name} at ${timeline.now}`)
        }),
      )
    }
    await timeline.until(25)
    expect([...told, timeline.now]).toEqual(['b at 10', 'c at 20', 25])
  })

  it('keeps the order of ten thousand moments', async () => {
    const timeline = new Timeline()
    const told: number[] = []
    for (let n = 0; n < 10_000; n += 1) timeline.at((n * 7_919) % 10_007, () => told.push(timeline.now))
    await timeline.until(20_000)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect(told.length).toBe(10_000)
  })

  it('throws what a process throws', async () => {
    const timeline = new Timeline()
    timeline.at(1, () => timeline.start(() => Promise.reject(new Error('broken'))))
    await expect(timeline.until(2)).rejects.toThrow('broken')
  })
})

describe('the account', () => {
  it.each([
    ['CreateTags', 100, 10],
    ['StopInstances', 50, 5],
    ['DescribeTags', 100, 20],
  ] as const)('%s: %i at once and %i a second, and what is refused costs nothing', async (action, burst, perSecond) => {
    const timeline = new Timeline()
    const account = new Account({ timeline, endMs: HOUR })
    for (let n = 0; n < 300; n += 1) account.call(action)
    expect(sum(account.calls[action].accepted)).toBe(burst)
    await timeline.until(2 * SECOND)
    for (let n = 0; n < 300; n += 1) account.call(action)
    expect(sum(account.calls[action].accepted)).toBe(burst + 2 * perSecond)
  })

  it('answers nothing in an outage, and counts that apart', async () => {
    const timeline = new Timeline()
    const account = new Account({ timeline, endMs: HOUR, outage: { fromMs: MINUTE, untilMs: 2 * MINUTE } })
    for (const minute of [0.5, 1.5, 2.5]) {
      await timeline.until(minute * MINUTE)
      void account.call('CreateTags')
    }
    const { accepted, down } = account.calls.CreateTags
    expect([sum(accepted), sum(down)]).toEqual([2, 1])
  })

  it('the AWS CLI sends a call that is throttled three times', async () => {
    const timeline = new Timeline()
    const account = new Account({ timeline, endMs: HOUR, share: 0 })
    const line = {
      account,
      random: { next: () => 0.5, whole: () => 0, chance: () => false, pick: <T>([one]: readonly [T, ...T[]]) => one },
      sleep: (ms: number) => timeline.sleep(ms),
    }
    timeline.at(0, () => timeline.start(async () => void (await callWith(line, 'CreateTags', cli))))
    await timeline.until(MINUTE)
    expect(sum(account.calls.CreateTags.throttled)).toBe(3)
  })
})

describe('a life', () => {
  const life = [
    [10, 20],
    [30, 50],
  ] as const
  it.each([
    [5, 0, undefined, undefined, 10],
    [15, 5, 15, 20, 30],
    [25, 10, 20, undefined, 30],
    [60, 30, 50, undefined, undefined],
  ])('at %i', (ms, sumMs, lastMs, to, next) => {
    expect([neededUntil(life, ms), neededTo(life, ms), nextNeed(life, ms)]).toEqual([{ sumMs, lastMs }, to, next])
  })
})

describe('a small fleet', () => {
  it('makes the same calls in the same minutes whether steady checks are left out or not', async () => {
    const [all, some] = [await fleetOf({ skips: false }), await fleetOf({ skips: true })]
    expect(callsOf(some)).toEqual(callsOf(all))
    expect(some.outcome.stopDelays).toEqual(all.outcome.stopDelays)
    expect(some.outcome.tagDelays).toEqual(all.outcome.tagDelays)
    expect(some.outcome.stopsAt.length).toBeGreaterThan(10)
    expect(some.outcome.checks).toBeLessThan(all.outcome.checks / 3)
  })

  it('does so where the buckets are too small and the API is away for an hour', async () => {
    const hard = { share: 0.02, outage: { fromMs: 11 * HOUR, untilMs: 12 * HOUR } }
    const [all, some] = [await fleetOf({ ...hard, skips: false }), await fleetOf({ ...hard, skips: true })]
    expect(callsOf(some)).toEqual(callsOf(all))
    expect(throttled(all)).toBeGreaterThan(0)
    expect(some.outcome.stopDelays).toEqual(all.outcome.stopDelays)
  })

  it('stops each machine that is not needed, within a check of its due time, and shows what is', async () => {
    const fleet = await fleetOf({ machines: 40 })
    expect([throttled(fleet), fleet.wrongTags(), fleet.waitingStops()]).toEqual([0, 0, 0])
    expect(Math.max(...fleet.outcome.stopDelays)).toBeLessThan(2 * MINUTE + 15 * SECOND)
  })
})

describe('600 machines before buckets that take one tag in ten seconds, which all come up within an hour', () => {
  const storm = (mornings: number, more: Partial<FleetOptions> = {}): Partial<FleetOptions> => {
    const at = Array.from({ length: mornings }, (_, day) => day * DAY)
    return {
      machines: 600,
      share: 0.01,
      endMs: (mornings - 1) * DAY + 5.5 * HOUR,
      lifeOf: (seed) => morningLife(seed, at, 4.5 * HOUR),
      offMs: at.map((ms) => ms + 5.5 * HOUR + 1),
      broken: 0,
      ...more,
    }
  }

  it('are all right in the end, and learn to ask less often for what they do not get', async () => {
    const fleet = await fleetOf(storm(3))
    const last = 2 * DAY
    expect(fleet.wrongTags()).toBe(0)
    expect(accepted(fleet, last)).toBeGreaterThan(590)
    const onTheFirst = throttled(fleet) - throttled(fleet, DAY)
    expect(throttled(fleet, last)).toBeLessThan(onTheFirst / 2)
    expect(throttled(fleet, last)).toBeLessThan(accepted(fleet, last))
  }, 120_000)

  it('ask hardly ever in vain where a window is set from the first day', async () => {
    // A bucket that a tenth would have: of one token, each second one who comes by chance finds none.
    const fleet = await fleetOf(storm(1, { tagWindowMs: 3 * HOUR, machines: 2_000, share: 0.05 }))
    expect(fleet.wrongTags()).toBe(0)
    expect(throttled(fleet)).toBeLessThan(accepted(fleet) / 10)
  }, 120_000)

  it('ask far less often than the peer', async () => {
    const ours = await fleetOf(storm(1))
    const peer = new PeerFleet({
      machines: 600,
      share: 0.01,
      endMs: 5.5 * HOUR,
      lifeOf: (seed) => morningLife(seed, [0], 4.5 * HOUR),
    })
    await peer.live()
    expect(throttled(peer)).toBeGreaterThan(20 * throttled(ours))
  }, 120_000)
})

describe('stops', () => {
  it('never wait for tags: where no tag is ever accepted, each is in time', async () => {
    const fleet = await fleetOf({ machines: 30, noTags: true })
    expect(sum(fleet.account.calls.CreateTags.accepted)).toBe(0)
    expect(fleet.outcome.stopDelays.length).toBeGreaterThan(15)
    expect(Math.max(...fleet.outcome.stopDelays)).toBeLessThan(2 * MINUTE + 15 * SECOND)
    expect(fleet.waitingStops()).toBe(0)
  })
})
