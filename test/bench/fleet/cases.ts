// The cases of the bench: which fleet, what happens to it, and what is read off.
import { Fleet } from './fleet.ts'
import { DAY, HOUR, type Life, MINUTE, mixedLife, morningLife, outage, outageLife } from './life.ts'
import { PeerFleet, type PeerOptions } from './peer.ts'
import { type Quantiles, quantiles, type Stretch, stretch } from './score.ts'

export interface Result {
  readonly name: string
  readonly machines: number
  /** The part of the account's buckets that these machines have. */
  readonly share: number
  readonly stretch: Stretch
  readonly stopDelays: Quantiles
  readonly tagDelays: Quantiles
  /** Stops that are due and not accepted, and tags that are not those of the state, at the end. */
  readonly waitingStops: number
  readonly wrongTags: number
  /** From the beginning of the stretch to the last tag that was put right, and the last stop; seconds. */
  readonly drained?: { readonly tags: number; readonly stops: number }
  /** The same for one who knows everything and spends each token as it comes. */
  readonly best?: { readonly tags: number; readonly stops: number }
}

export const FLEET = 100_000
/** A tenth of the fleet before a tenth of the buckets does about what the whole does before the whole: compare the first mornings. */
const TENTH = 0.1
const MORNINGS = 8
const STAY_MS = 4.5 * HOUR
const WEEK = 7

const usual = { metadataTags: 0.5, broken: 0.01, skips: true } as const

/** A token bucket's best: so many seconds for so many calls. */
function atBest(
  calls: number,
  { burst, perSecond, share }: { burst: number; perSecond: number; share: number },
): number {
  return Math.max(0, (calls / share - burst) / perSecond)
}

const tagBucket = { burst: 100, perSecond: 10 }
const stopBucket = { burst: 50, perSecond: 5 }

function resultOf(
  fleet: Fleet,
  { name, share = 1, ...when }: { name: string; share?: number; fromMs: number; untilMs: number; binMinutes: number },
): Result {
  const { outcome } = fleet
  return {
    name,
    machines: fleet.machines.length,
    share,
    stretch: stretch(fleet.account, name, when),
    stopDelays: quantiles(outcome.stopDelays),
    tagDelays: quantiles(outcome.tagDelays),
    waitingStops: fleet.waitingStops(),
    wrongTags: fleet.wrongTags(),
  }
}

/** 1,000 machines for a week. */
export async function week(name: string): Promise<readonly Result[]> {
  const endMs = WEEK * DAY
  const fleet = new Fleet({ ...usual, machines: 1_000, endMs, lifeOf: (seed) => mixedLife(seed, WEEK) })
  await fleet.live()
  return [resultOf(fleet, { name, fromMs: 0, untilMs: endMs, binMinutes: 180 })]
}

/** All machines are started in the same second of each morning, and stop by themselves. */
export async function together(machines: number, mornings: number): Promise<readonly Result[]> {
  const endMs = mornings * DAY
  const at = Array.from({ length: mornings }, (_, day) => day * DAY + 8 * HOUR)
  const lifeOf = (seed: number): Life => mixedEvenings(seed, at)
  const fleet = new Fleet({ ...usual, machines, endMs, lifeOf })
  const found: Result[] = []
  for (const [day, fromMs] of at.entries()) {
    fleet.outcome.stopDelays.length = 0
    fleet.outcome.tagDelays.length = 0
    const untilMs = Math.min(endMs, fromMs + 22 * HOUR)
    await fleet.timeline.until(untilMs - 1)
    found.push(
      resultOf(fleet, {
        name: `${machines.toLocaleString('en-US')} together, day ${day + 1}`,
        fromMs,
        untilMs,
        binMinutes: 60,
      }),
    )
  }
  return found
}

function mixedEvenings(seed: number, mornings: readonly number[]): Life {
  return mornings.map((from, day) => [from, from + 9 * HOUR + ((seed * 7919 + day * 104_729) % 120) * MINUTE])
}

interface Mornings {
  readonly machines: number
  readonly share: number
  readonly count: number
  /** As the machines learned them before, by seed. */
  readonly windows?: readonly number[]
  readonly tagWindowMs?: number
}

/** Mornings on which a fleet comes up within an hour. */
async function mornings(
  label: string,
  { machines, share, count, ...known }: Mornings,
): Promise<{ results: readonly Result[]; windows: readonly number[] }> {
  const at = Array.from({ length: count }, (_, day) => day * DAY)
  const endMs = (count - 1) * DAY + HOUR + STAY_MS
  const lifeOf = (seed: number): Life => morningLife(seed, at, STAY_MS)
  const offMs = at.slice(0, -1).map((ms) => ms + HOUR + STAY_MS + 1)
  const fleet = new Fleet({
    ...usual,
    ...known,
    machines,
    share,
    endMs,
    lifeOf,
    offMs,
  })
  const results: Result[] = []
  for (const [day, fromMs] of at.entries()) {
    fleet.outcome.tagDelays.length = 0
    fleet.outcome.tagsAt.length = 0
    const untilMs = fromMs + HOUR + STAY_MS
    await fleet.timeline.until(untilMs - 1)
    const name = `${label}${count > 1 ? `, morning ${day + 1}` : ''}`
    const result = resultOf(fleet, { name, share, fromMs, untilMs, binMinutes: 6 })
    const tags = fleet.outcome.tagsAt.reduce((last, one) => Math.max(last, one), fromMs)
    const best = Math.max(HOUR / 1_000, atBest(result.tagDelays.count, { ...tagBucket, share }))
    results.push({ ...result, drained: { tags: (tags - fromMs) / 1_000, stops: 0 }, best: { tags: best, stops: 0 } })
  }
  return { results, windows: await fleet.windows() }
}

async function windowedMorning(): Promise<readonly Result[]> {
  const tenth = { machines: FLEET * TENTH, share: 1, count: 1, tagWindowMs: 20 * MINUTE }
  const whole = { ...tenth, machines: FLEET, tagWindowMs: 3 * HOUR }
  return [
    ...(await mornings('100,000 come up, `tag_window_minutes: 180`', whole)).results,
    ...(await mornings('10,000 come up before all of the buckets, `tag_window_minutes: 20`', tenth)).results,
  ]
}

async function learnedMorning(): Promise<readonly Result[]> {
  const tenth = { machines: FLEET * TENTH, share: TENTH, count: MORNINGS }
  const learned = await mornings('10,000 with a tenth of the buckets', tenth)
  const whole = { machines: FLEET, share: 1, count: 1, windows: learned.windows }
  return [...learned.results, ...(await mornings('100,000 come up, windows learned', whole)).results]
}

/** The API is away for an hour; the stretch is what comes after. */
async function outageOf(machines: number, share: number): Promise<readonly Result[]> {
  const endMs = outage.untilMs + 2 * HOUR
  const fleet = new Fleet({ ...usual, machines, share, endMs, lifeOf: (seed) => outageLife(seed, endMs), outage })
  await fleet.timeline.until(outage.untilMs - 1)
  const before = { stops: fleet.waitingStops(), tags: fleet.wrongTags() }
  const during = resultOf(fleet, {
    name: 'the hour itself',
    share,
    ...{ fromMs: outage.fromMs, untilMs: outage.untilMs },
    binMinutes: 6,
  })
  for (const list of [fleet.outcome.stopDelays, fleet.outcome.stopsAt, fleet.outcome.tagDelays, fleet.outcome.tagsAt])
    list.length = 0
  await fleet.live()
  const after = resultOf(fleet, {
    name: 'from its end on',
    share,
    fromMs: outage.untilMs,
    untilMs: endMs,
    binMinutes: 2,
  })
  const last = (list: readonly number[]) =>
    (list.reduce((a, b) => Math.max(a, b), outage.untilMs) - outage.untilMs) / 1_000
  return [
    during,
    {
      ...after,
      stopDelays: quantiles(fleet.outcome.stopsAt.map((ms) => ms - outage.untilMs)),
      tagDelays: quantiles(fleet.outcome.tagsAt.map((ms) => ms - outage.untilMs)),
      drained: { tags: last(fleet.outcome.tagsAt), stops: last(fleet.outcome.stopsAt) },
      best: {
        // A stop writes its own tags, and with them what was to be written before.
        tags: atBest(Math.max(before.tags, after.stretch.calls.CreateTags.accepted), { ...tagBucket, share }),
        stops: atBest(before.stops, { ...stopBucket, share }),
      },
    },
  ]
}

async function peers(name: string, options: PeerOptions, binMinutes: number, fromMs = 0): Promise<readonly Result[]> {
  const fleet = new PeerFleet(options)
  await fleet.live()
  return [
    {
      name,
      machines: options.machines,
      share: options.share ?? 1,
      stretch: stretch(fleet.account, name, { fromMs, untilMs: options.endMs, binMinutes }),
      stopDelays: quantiles(fleet.stopDelays),
      tagDelays: quantiles([]),
      waitingStops: fleet.waitingStops(),
      wrongTags: fleet.wrongTags(),
    },
  ]
}

/** The peer is throttled so often that a hundredth takes as long as the whole of ours. */
const hundredth = { machines: FLEET / 100, share: 0.01 }

/** Every case by name, the longest first. */
export const cases: Readonly<Record<string, () => Promise<readonly Result[]>>> = {
  learned: learnedMorning,
  windowed: windowedMorning,
  outage: () => outageOf(FLEET, 1),
  week: () => week('1,000 for a week'),
  'week-peer': () =>
    peers(
      'peer: 1,000 for a week',
      { machines: 1_000, endMs: WEEK * DAY, lifeOf: (seed) => mixedLife(seed, WEEK) },
      180,
    ),
  together: async () => [...(await together(200, 3)), ...(await together(1_000, 5))],
  'peer-morning': () =>
    peers(
      'peer: 1,000 come up before a hundredth of the buckets',
      { ...hundredth, endMs: HOUR + STAY_MS, lifeOf: (seed) => morningLife(seed, [0], STAY_MS) },
      6,
    ),
  'peer-outage': () => {
    const endMs = outage.untilMs + 2 * HOUR
    const options = { ...hundredth, endMs, outage, lifeOf: (seed: number) => outageLife(seed, endMs) }
    return peers(
      'peer: 1,000 before a hundredth of the buckets, from the end of an outage on',
      options,
      2,
      outage.untilMs,
    )
  },
}
