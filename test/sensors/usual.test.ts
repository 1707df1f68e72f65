/** Hours of traffic over one ssh connection, minute by minute: which of it is use. */
import { describe, expect, it } from 'vitest'
import { type Flow, isUnheardOf, isUsual, type Usual, usualAfter } from '../../agent/sensors/usual.ts'

/** Bytes a minute received and sent, over one interval. */
type Minute = readonly [received: number, sent: number]

const times = (count: number, of: (index: number) => Minute): readonly Minute[] =>
  Array.from({ length: count }, (_, index) => of(index))

/** Says of each interval whether it is use. */
function uses(minutes: readonly Minute[], intervalMs = 120_000): readonly boolean[] {
  let usual: Usual | undefined
  let now = 1_000_000
  return minutes.map(([received, sent]) => {
    now += intervalMs
    const perMinute: Flow = { received, sent }
    const bytes = { received: (received * intervalMs) / 60_000, sent: (sent * intervalMs) / 60_000 }
    usual = usualAfter(usual, { now, ms: intervalMs, bytes, typed: false, warned: false })
    return !isUsual({ received: perMinute.received / 60, sent: perMinute.sent / 60 }, usual, {
      now,
      limitMs: 86_400_000,
    })
  })
}

/** How many of the intervals from `from` on are use. */
function count(minutes: readonly Minute[], from = 0, intervalMs = 120_000): number {
  return uses(minutes, intervalMs).slice(from).filter(Boolean).length
}

/** A window of VS Code with nobody at it: keep-alives every 5 s on two connections, each message acknowledged. */
const window = (index: number): Minute => [1250 + 25 * (index % 3), 1440 - 30 * (index % 2)]
const windows =
  (many: number) =>
  (index: number): Minute => [many * window(index)[0], many * window(index)[1]]
const editing = (index: number): Minute => [9000 + ((index * 7919) % 30_000), 20_000 + ((index * 6007) % 50_000)]
const jupyter = (index: number): Minute => [18_000 + 100 * (index % 4), 25_000]
const nothing: Minute = [0, 0]

/** The most intervals in a row that are no use. */
function longestPause(minutes: readonly Minute[]): number {
  let [longest, pause] = [0, 0]
  for (const isUse of uses(minutes)) {
    pause = isUse ? 0 : pause + 1
    longest = Math.max(longest, pause)
  }
  return longest
}

describe('use is', () => {
  it.each<[string, readonly Minute[]]>([
    ['what comes first', times(3, editing)],
    ['a transfer both ways, evenly, for twenty hours', times(600, () => [11_000, 11_000])],
  ])('%s', (_, minutes) => {
    expect(count(minutes)).toBe(minutes.length)
  })

  it('editing after a day of a window that was left open', () => {
    expect(count([...times(721, window), ...times(30, editing)], 721)).toBeGreaterThan(25)
  })

  it('editing for ten hours, but for the quietest minutes', () => {
    expect(longestPause(times(300, editing))).toBeLessThan(3)
  })

  it('each page of a browser over a tunnel that polls in between', () => {
    const minutes = times(300, (index) => (index % 5 === 0 ? [6000, 90_000] : [2200, 4000]))
    expect(uses(minutes.slice(0, 100)).slice(20)).toEqual(minutes.slice(20, 100).map(([received]) => received === 6000))
    expect(longestPause(minutes)).toBe(4)
  })

  it('each burst over a tunnel', () => {
    const minutes = times(300, (index) => (index % 5 === 0 ? [3000, 9000] : [120, 90]))
    expect(uses(minutes)).toEqual(minutes.map(([received]) => received === 3000))
  })

  it('a little at a window that was left open', () => {
    const minutes = times(120, (index) => (index > 60 && index % 9 === 0 ? [2700, 3500] : window(index)))
    expect(uses(minutes).slice(20)).toEqual(minutes.slice(20).map(([received]) => received === 2700))
  })
})

describe('no use is', () => {
  it.each<[string, readonly Minute[], number]>([
    ['a window from the moment that the person left', [...times(30, editing), ...times(300, window)], 30],
    ['a window that was opened and left, after half an hour', [...times(1, editing), ...times(300, window)], 17],
    ['several windows on one connection', [...times(30, editing), ...times(300, windows(6))], 30],
    [
      'the same again, after use',
      [...times(30, editing), ...times(30, window), ...times(3, editing), ...times(300, window)],
      63,
    ],
    ['a window opened where nothing passed, after an hour', [...times(100, () => nothing), ...times(300, window)], 130],
    ["ssh's own keep-alives", times(300, () => [620, 420]), 0],
    ['anything that goes one way', times(300, () => [5_000_000, 900]), 0],
    ['polling by a notebook in a browser, without a pause, after a day', times(1000, jupyter), 721],
  ])('%s', (_, minutes, from) => {
    expect(count(minutes, from)).toBe(0)
  })

  it('is the same at any interval of checks', () => {
    const minutes = [...times(80, editing), ...times(300, window)]
    for (const intervalMs of [30_000, 60_000, 300_000, 900_000]) expect(count(minutes, 80, intervalMs)).toBe(0)
  })
})

it('a pause of one check makes unbroken traffic use again', () => {
  const day = times(725, jupyter)
  const all = uses([...day, nothing, ...day])
  expect([all[719], all[724], all[725], all[726], all[726 + 719], all[726 + 724]]).toEqual([
    true,
    false,
    false,
    true,
    true,
    false,
  ])
})

it('what is kept does not grow', () => {
  let usual: Usual | undefined
  for (let index = 0; index < 5000; index += 1)
    usual = usualAfter(usual, {
      now: index * 120_000,
      ms: 120_000,
      bytes: { received: 2500, sent: 2500 },
      typed: false,
      warned: false,
    })
  expect(JSON.stringify(usual).length).toBeLessThan(200)
})

describe('unheard of', () => {
  /** Bytes received in an interval of two minutes, and whether somebody typed in it. */
  type Received = number | 'typed'

  /** Says whether the last of them is more than was heard of before. */
  function isNews(received: readonly Received[], warned = false): boolean {
    let [usual, now]: [Usual | undefined, number] = [undefined, 0]
    for (const one of received.slice(0, -1)) {
      now += 120_000
      const bytes = { received: one === 'typed' ? 4000 : one, sent: 9000 }
      usual = usualAfter(usual, { now, ms: 120_000, bytes, typed: one === 'typed', warned })
    }
    return isUnheardOf({ received: Number(received.at(-1)) / 120, sent: 900 }, usual)
  }

  it.each<[string, readonly Received[], boolean]>([
    ['a key where nothing ever comes', ['typed', 0, 0, 36], true],
    ['nothing where nothing comes', ['typed', 0, 0, 0], false],
    ['two keys beside a keep-alive each minute', ['typed', 136, 136, 136 + 72], true],
    ['no third keep-alive beside two', ['typed', 136, 136, 204], false],
    ['a key after hours of typing', [...times(40, () => [0, 0]).map(() => 'typed' as const), 0, 36], true],
    [
      'no keep-alive more than was seen a while ago',
      ['typed', 204, ...Array.from({ length: 12 }, () => 136), 300],
      false,
    ],
    ['… but longer ago', ['typed', 204, ...Array.from({ length: 20 }, () => 136), 300], true],
    ['nothing right after somebody typed: there is nothing to compare with', [136, 136, 'typed', 400], false],
    ['nothing at the first interval of a connection', [5000], false],
  ])('is %s', (_, received, news) => {
    expect(isNews(received)).toBe(news)
  })

  it('what comes once an hour, but after a warning no more than once', () => {
    const rekey = 1500
    const received = [
      'typed' as const,
      ...times(31, () => [0, 0]).map(() => 0),
      rekey,
      ...times(31, () => [0, 0]).map(() => 0),
      rekey,
    ]
    expect([isNews(received), isNews(received, true)]).toEqual([true, false])
  })
})
