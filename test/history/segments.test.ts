/** Segments as checks write them: what ends one, how the next begins, and what a crash or a stepped clock leaves of them. */
import { describe, expect, it } from 'vitest'
import { spansOf } from '../../agent/history/hours.ts'
import { isSegment } from '../../agent/history/segment.ts'
import { blind, busy, HOUR, held, identity, idle, intent, MINUTE, moment, typed } from '../decide/given.ts'
import { Recorder } from './recorder.ts'

const step = 2 * MINUTE
const away = { identity: { ...identity, bootId: '99999999-2222-4333-8444-555555555555' } }

/** Ten minutes of grace, then idle. */
async function settled(): Promise<Recorder> {
  const recorder = new Recorder()
  for (let count = 0; count < 8; count += 1) await recorder.check(step)
  return recorder
}

async function told(recorder: Recorder): Promise<readonly string[]> {
  const { segments } = await recorder.read()
  const all = isSegment(recorder.segment) ? [...segments, recorder.segment] : segments
  return all.map(({ verdict, state, cause, checks }) => {
    return `${checks} ${verdict} ${state}: ${cause.sensor ?? cause.veto ?? ''} ${cause.kind}`
  })
}

it('end where verdict, phase or cause changes, and only there', async () => {
  const recorder = new Recorder()
  await recorder.check(step, { readings: [blind] })
  for (let count = 0; count < 9; count += 1) await recorder.check(step)
  await recorder.check(step, { readings: [busy] })
  await recorder.check(step, { readings: [{ ...busy, kind: 'active', reason: 'make works on' }] })
  await recorder.check(step, { readings: [idle, blind] })
  await recorder.check(step, { readings: [typed(recorder.machine.clocks.monoMs + step)] })
  await recorder.check(step, { readings: [held('connection', 60)] })
  await recorder.check(step, { vetoes: [{ name: 'lease', reason: 'lease until 18:00 UTC' }] })
  expect(await told(recorder)).toEqual([
    '1 unknown grace:  grace',
    '4 idle grace:  grace',
    '3 idle counting:  idle',
    '2 idle idle:  idle',
    '2 active active: cpu active',
    '1 unknown active: gpu unknown',
    '1 active active: sessions active',
    '1 idle counting: sessions hold',
    '1 idle counting: lease veto',
  ])
  const { segments } = await recorder.read()
  expect(segments.find(({ cause }) => cause.sensor === 'cpu')).toMatchObject({
    first: 'make works',
    cause: { reason: 'make works on' },
  })
  // Each begins where the one before ends.
  for (const [index, { from }] of segments.entries()) {
    if (index > 0) expect(from).toBe(segments[index - 1]?.until)
  }
})

it('cost a steady check no line', async () => {
  const recorder = await settled()
  for (let count = 0; count < 3; count += 1) await recorder.check(step, { readings: [busy] })
  const before = recorder.text()
  for (let count = 0; count < 500; count += 1) await recorder.check(step, { readings: [busy] })
  expect(recorder.text()).toBe(before)
  expect(recorder.segment).toMatchObject({ checks: 503 })
})

describe('the time between', () => {
  it('is off after a stop of ours, with its outcome', async () => {
    const recorder = await settled()
    const at = recorder.machine.clocks
    const after = { intent: intent({ at, phase: 'accepted', runId: recorder.machine.state?.run.id ?? '' }) }
    await recorder.check(3 * HOUR, {
      moment: {
        ...moment(at),
        ...after,
        identity: { ...identity, resumeStamp: 'now' },
        clocks: { ...at, wallMs: at.wallMs + 3 * HOUR, bootMs: at.bootMs + 3 * HOUR },
      },
    })
    expect(recorder.segment).toMatchObject({
      began: { kind: 'resume', result: 'hibernated', offMs: 3 * HOUR, falseStop: false },
    })
    const { segments } = await recorder.read()
    const spans = spansOf([...segments, ...(isSegment(recorder.segment) ? [recorder.segment] : [])])
    expect(spans.at(-2)).toMatchObject({ category: 'off', from: at.wallMs, until: at.wallMs + 3 * HOUR })
  })

  it('is off until it had booted, after a stop of anybody', async () => {
    const recorder = await settled()
    const was = recorder.machine.clocks
    recorder.machine.clocks = { wallMs: was.wallMs + HOUR, bootMs: MINUTE, monoMs: MINUTE }
    await recorder.check(0, { moment: away })
    const { segments } = await recorder.read()
    const spans = spansOf([...segments, ...(isSegment(recorder.segment) ? [recorder.segment] : [])])
    expect(spans.slice(-3)).toMatchObject([
      { category: 'off', until: was.wallMs + HOUR - MINUTE },
      { category: 'unseen', until: was.wallMs + HOUR },
      { from: was.wallMs + HOUR },
    ])
  })

  it('is not seen where no check ran', async () => {
    const recorder = await settled()
    await recorder.check(HOUR)
    await recorder.check(step)
    const { segments } = await recorder.read()
    const spans = spansOf([...segments, ...(isSegment(recorder.segment) ? [recorder.segment] : [])])
    expect(spans.map(({ category }) => category)).toEqual(['held', 'idle', 'unseen', 'idle'])
  })
})

describe('a wall clock that is stepped', () => {
  for (const steppedMs of [-3 * HOUR, 3 * HOUR]) {
    it(`by ${steppedMs / HOUR} h begins another segment, in the order of the checks, and no time off`, async () => {
      const recorder = await settled()
      const startedAt = { identity }
      await recorder.check(step, { readings: [busy], moment: startedAt })
      const before = recorder.machine.clocks
      await recorder.check(step, { readings: [busy], parted: { steppedMs }, moment: startedAt })
      await recorder.check(step, { readings: [idle], moment: startedAt })
      const { segments } = await recorder.read()
      expect(segments.slice(-2)).toMatchObject([
        { cause: { kind: 'active' }, until: before.wallMs },
        { cause: { kind: 'active' }, from: before.wallMs + steppedMs, began: { kind: 'step' } },
      ])
      const spans = spansOf(segments)
      expect(spans.filter(({ category }) => category === 'off' || category === 'unseen')).toEqual([])
      for (const { from, until } of spans) expect(until).toBeGreaterThanOrEqual(from)
    })
  }
})

describe('a crash', () => {
  it('between the history and the state loses nothing and tells nothing twice', async () => {
    const recorder = await settled()
    const { segments: before } = await recorder.read()
    await recorder.check(step, { readings: [busy] }, false)
    await recorder.check(step, { readings: [busy] })
    expect(recorder.text().split('\n').filter(Boolean)).toHaveLength(before.length + 2)
    expect((await recorder.read()).segments).toHaveLength(before.length + 1)
    expect(recorder.segment).toMatchObject({ checks: 1, cause: { sensor: 'cpu' } })
  })

  it('within a line costs that line, and is said', async () => {
    const recorder = await settled()
    await recorder.check(step, { readings: [busy] })
    const whole = (await recorder.read()).segments
    const last = recorder.pieces.pop() ?? ''
    recorder.pieces.push(`${last.slice(0, 40)}\n`)
    await recorder.check(step)
    const { segments, skipped } = await recorder.read()
    expect(skipped).toBe(1)
    expect(segments).toHaveLength(whole.length)
    expect(segments.at(-1)).toMatchObject({ cause: { sensor: 'cpu' } })
  })
})

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['of another version', { from: 1, until: 2 }],
  ['damaged', { from: 'x', until: 2, checks: 1, verdict: 'idle', state: 'idle', cause: {} }],
  [
    'without a number',
    { from: Number.NaN, until: 2, checks: 1, verdict: '', state: '', cause: { kind: '', reason: '' } },
  ],
])('a state that holds %s begins anew, and leaves no line', async (_, segment) => {
  const recorder = await settled()
  const before = recorder.text()
  recorder.segment = segment
  await recorder.check(step)
  expect(recorder.text()).toBe(before)
  expect(recorder.segment).toMatchObject({ checks: 1, began: { kind: 'first' } })
})

describe('a damaged line', () => {
  const whole = {
    ...{ from: 1_795_780_000_000, until: 1_795_780_060_000, verdict: 'idle', state: 'idle', checks: 1 },
    cause: { kind: 'idle', reason: 'nothing' },
  }

  it.each([
    ['a time that no date holds', { from: 1e300 }],
    ['one of the future that none holds', { until: 9e15 }],
    ['no number', { from: 'x' }],
    ['a boot that none holds', { began: { kind: 'boot', up: 1e99 } }],
  ])('with %s is no segment', (_, change) => {
    expect(isSegment(whole)).toBe(true)
    expect(isSegment({ ...whole, ...change })).toBe(false)
  })

  it('with a cause that is called as JavaScript calls its own is held time', () => {
    const segment: unknown = JSON.parse(JSON.stringify({ ...whole, cause: { kind: '__proto__', reason: 'x' } }))
    expect(isSegment(segment) && spansOf([segment])).toMatchObject([{ category: 'held' }])
  })
})
