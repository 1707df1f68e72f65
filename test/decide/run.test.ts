/** Runs of the machine: grace, the breaker, false stops, and what became of an intent. */
import { describe, expect, it } from 'vitest'
import { beginRun, hourClass, inGrace, patience, pendingStop, reconcile } from '../../agent/decide/run.ts'
import type { Clocks, Intent, Interval, Moment, State } from '../../agent/types.ts'
import { BOOT, HOUR, identity, intent, later, MINUTE, moment, policy, SECOND, start, state, WALL } from './given.ts'

const resumed: Interval = { kind: 'resume', ms: 0, newRun: true, covered: false, reason: 'resumed' }
const booted: Interval = { ...resumed, kind: 'boot', reason: 'booted' }
const NEW_START = '2026-11-16T20:00:00Z'
const { startedAt: _, ...silent } = identity

interface End {
  readonly name: string
  readonly intent?: Partial<Intent>
  readonly silentIntent?: boolean
  readonly clocks?: Clocks
  readonly is?: Partial<Moment['identity']>
  /** Metadata does not answer. */
  readonly silent?: boolean
  readonly expected: string | undefined
}

const FAILED_MS = 5 * MINUTE + policy.checkIntervalMs
const asleep = later(start, MINUTE, { sleptMs: 14 * HOUR })
const stale = later(start, MINUTE)

function outcomeOf(end: End) {
  const { startedAt: __, ...bare } = intent(end.intent)
  const open = end.silentIntent === true ? bare : intent(end.intent)
  const known = end.silent === true ? silent : identity
  const now = moment(end.clocks ?? stale, { identity: { ...known, ...end.is }, intent: open })
  return reconcile(now, policy)
}

const ends: readonly End[] = [
  { name: 'accepted, another boot', intent: { phase: 'accepted' }, is: { bootId: 'other' }, expected: 'stopped' },
  { name: 'unknown outcome, another boot', is: { bootId: 'other' }, expected: 'stopped' },
  {
    name: 'accepted, the provider names a new start',
    intent: { phase: 'accepted' },
    is: { startedAt: NEW_START },
    expected: 'hibernated',
  },
  { name: 'unknown outcome, a new start', is: { startedAt: NEW_START }, expected: 'hibernated' },
  { name: 'the hook ran', is: { resumeStamp: '9' }, expected: 'hibernated' },
  { name: 'the hook ran again', intent: { resumeStamp: '8' }, is: { resumeStamp: '9' }, expected: 'hibernated' },
  {
    name: 'the clocks show sleep, no provider tells',
    silentIntent: true,
    silent: true,
    clocks: asleep,
    expected: 'hibernated',
  },
  { name: 'the clocks show sleep, metadata is away', silent: true, clocks: asleep, expected: 'hibernated' },
  { name: 'the clocks show sleep, the start time is the same', clocks: asleep, expected: undefined },
  {
    name: 'the hook’s stamp is old',
    intent: { phase: 'accepted', resumeStamp: '8' },
    is: { resumeStamp: '8' },
    expected: undefined,
  },
  {
    name: 'only the wall clock jumped',
    intent: { phase: 'accepted' },
    silentIntent: true,
    silent: true,
    clocks: later(start, MINUTE, { steppedMs: 3 * HOUR }),
    expected: undefined,
  },
  {
    name: 'accepted and still here',
    intent: { phase: 'accepted' },
    clocks: later(start, FAILED_MS - 1),
    expected: undefined,
  },
  {
    name: 'accepted and still here after five minutes and an interval',
    intent: { phase: 'accepted' },
    clocks: later(start, FAILED_MS),
    expected: 'failed',
  },
  {
    name: 'accepted and still here, but metadata does not say since when',
    intent: { phase: 'accepted' },
    silent: true,
    clocks: later(start, 2 * FAILED_MS),
    expected: undefined,
  },
  { name: 'unknown outcome, and still here', clocks: later(start, FAILED_MS - 1), expected: undefined },
  {
    name: 'unknown outcome, and still here when it must have happened',
    clocks: later(start, FAILED_MS),
    expected: 'failed',
  },
  { name: 'unknown outcome, of what the state calls an earlier run', intent: { runId: 'run-0' }, expected: undefined },
  { name: 'withdrawn, another boot', intent: { phase: 'withdrawn' }, is: { bootId: 'other' }, expected: 'stopped' },
  {
    name: 'withdrawn, a new start',
    intent: { phase: 'withdrawn' },
    is: { startedAt: NEW_START },
    expected: 'hibernated',
  },
  {
    name: 'withdrawn, and still here',
    intent: { phase: 'withdrawn' },
    clocks: later(start, FAILED_MS - 1),
    expected: undefined,
  },
  {
    name: 'withdrawn, and still here when it must have happened',
    intent: { phase: 'withdrawn' },
    clocks: later(start, FAILED_MS),
    expected: 'abandoned',
  },
  { name: 'of another instance', is: { instanceId: 'i-2' }, expected: 'abandoned' },
  { name: 'of another instance, and another boot', is: { instanceId: 'i-2', bootId: 'other' }, expected: 'abandoned' },
]

describe('reconcile', () => {
  it.each(ends)('$name: $expected', (end) => {
    const outcome = outcomeOf(end)
    expect(outcome?.result).toBe(end.expected)
    if (outcome !== undefined) expect(outcome.intentId).toBe('intent-1')
  })

  it('has nothing to say without an intent', () => {
    expect(reconcile(moment(stale), policy)).toBeUndefined()
  })

  it.each([
    ['29 min 59 s: a false stop', 30 * MINUTE - SECOND, true],
    ['30 min: none', 30 * MINUTE, false],
  ])('off for %s', (_name, offMs, falseStop) => {
    const clocks = later(start, 0, { sleptMs: offMs })
    const is = { startedAt: new Date(WALL + offMs).toISOString() }
    expect(outcomeOf({ name: '', clocks, is, expected: '' })).toMatchObject({ offMs, falseStop })
  })

  it('takes the provider’s word for when it came back, the first check may be late', () => {
    const clocks = later(start, 0, { sleptMs: 5 * HOUR })
    const is = { startedAt: new Date(WALL + 10 * MINUTE).toISOString() }
    expect(outcomeOf({ name: '', clocks, is, expected: '' })).toMatchObject({ offMs: 10 * MINUTE, falseStop: true })
  })

  it('goes by its own clock where only the hook tells, and the start is still that of before', () => {
    const end: End = { name: '', clocks: asleep, is: { resumeStamp: '9' }, expected: '' }
    expect(outcomeOf(end)).toMatchObject({ result: 'hibernated', offMs: 14 * HOUR + MINUTE, falseStop: false })
  })

  it('counts a stale wall clock as no time off, never as less', () => {
    const clocks = later(start, MINUTE, { steppedMs: -3 * HOUR })
    expect(outcomeOf({ name: '', clocks, is: { bootId: 'other' }, expected: '' })?.offMs).toBe(0)
  })

  it('says of a failed or abandoned one neither time off nor false stop', () => {
    const failed = outcomeOf({ name: '', intent: { phase: 'accepted' }, clocks: later(start, FAILED_MS), expected: '' })
    expect(failed).toMatchObject({ offMs: 0, falseStop: false })
  })
})

/** The run that begins after a stop of ours in whose run a person was seen, or not. */
function begun(before: State | undefined, personSeen = false, offMs = 5 * HOUR, bootGraceMs = 10 * MINUTE): State {
  const now = moment(later(start, 0, { sleptMs: offMs }), {
    identity: { ...identity, startedAt: new Date(WALL + offMs).toISOString() },
    // Each stop has an intent of its own.
    intent: intent({ id: `after-${before?.unseenStops ?? 0}`, phase: 'accepted', personSeen }),
  })
  const outcome = reconcile(now, policy, before?.told)
  return beginRun(before, now, { policy: { ...policy, bootGraceMs }, interval: resumed, outcome })
}

function graceMinutes({ run }: State): number {
  return (run.graceUntil - run.began.monoMs) / MINUTE
}

describe('beginRun', () => {
  it('keeps nothing of the old clock', () => {
    const old = state({
      idleSince: start.monoMs - HOUR,
      seen: { output: { at: 1, limitMs: 2 } },
      unknownSince: 3,
      alerted: true,
      warned: { idleSince: 4, due: 5 },
      attempt: { refusals: 6, stopInstead: true, retryAt: 7 },
      cadenceMs: [8, 9, 10],
      tags: { IdleStatus: 'idle', IdleSince: 'x', IdleAction: '', IdleReason: 'held: x' },
      reasonClass: 'held:x',
    })
    const next = begun(old)
    expect(next.idleSince).toBe(next.run.graceUntil)
    expect(next).toMatchObject({ seen: {}, alerted: false, cadenceMs: [], reasonClass: '' })
    expect(next).not.toHaveProperty('unknownSince')
    expect(next).not.toHaveProperty('warned')
    expect(next.attempt).toEqual({ refusals: 0, stopInstead: false })
    expect(next.tags).toEqual({ IdleStatus: 'active', IdleSince: '', IdleAction: 'hibernated', IdleReason: '' })
    expect(next.run.id).not.toBe(old.run.id)
  })

  it('begins grace at the check that sees the run, not at boot', () => {
    const late = later(start, 3 * HOUR)
    const next = beginRun(undefined, moment(late), { policy, interval: booted, outcome: undefined })
    expect(next.run.graceUntil).toBe(late.monoMs + 10 * MINUTE)
    expect(next.idleSince).toBe(next.run.graceUntil)
  })

  it('without grace, counts from now', () => {
    const next = beginRun(undefined, moment(start), {
      policy: { ...policy, bootGraceMs: 0 },
      interval: booted,
      outcome: undefined,
    })
    expect([next.idleSince, next.idleSinceReason]).toEqual([start.monoMs, 'the run began'])
  })

  it.each([
    ['another boot forgets the start time', booted, undefined],
    ['a resume keeps it, so that the next word of the provider is compared', resumed, identity.startedAt],
  ])('when metadata is away, %s', (_name, interval, expected) => {
    const now = moment(later(start, MINUTE), { identity: { bootId: BOOT } })
    expect(beginRun(state(), now, { policy, interval, outcome: undefined }).identity.startedAt).toBe(expected)
  })

  it('of a clone knows nothing of the original', () => {
    const old = state({
      unseenStops: 3,
      falseStops: [{ wallMs: WALL, hourClass: 'weekday-06' }],
      score: { wouldHaveStopped: 1, wouldHaveBeenFalse: 1 },
    })
    const now = moment(later(start, MINUTE), { identity: { bootId: 'b', instanceId: 'i-2' } })
    const next = beginRun(old, now, { policy, interval: { ...booted, kind: 'first' }, outcome: undefined })
    expect(next).toMatchObject({
      unseenStops: 0,
      falseStops: [],
      score: { wouldHaveStopped: 0 },
      identity: { instanceId: 'i-2' },
    })
    expect(next.identity).not.toHaveProperty('startedAt')
  })

  it.each<[string, State['tags']['IdleAction'], Partial<Moment>, State['tags']['IdleAction']]>([
    ['nothing was under way', '', {}, ''],
    ['a call was, and nobody knows of it any more', 'hibernating', {}, ''],
    ['an accepted stop is still to happen', 'hibernating', { intent: intent({ phase: 'accepted' }) }, 'hibernating'],
    [
      'an accepted stop of which only the journal knows',
      '',
      { intent: intent({ phase: 'accepted', method: 'stop' }) },
      'stopping',
    ],
    ['an outcome is unknown', 'hibernated', { intent: intent() }, 'hibernating'],
    ['a call was withdrawn', 'hibernating', { intent: intent({ phase: 'withdrawn' }) }, ''],
    ['the end of the last one is told', 'stopped', {}, 'stopped'],
  ])('IdleAction when %s', (_name, was, more, expected) => {
    const before = state({ tags: { IdleStatus: 'active', IdleSince: '', IdleAction: was, IdleReason: '' } })
    const next = beginRun(before, moment(stale, more), { policy, interval: resumed, outcome: undefined })
    expect(next.tags.IdleAction).toBe(expected)
  })
})

describe('the breaker', () => {
  it('doubles grace, up to an hour, each time nobody was seen', () => {
    let now: State = state()
    const grace = [1, 2, 3, 4, 5].map(() => {
      now = begun({ ...now, identity, last: start })
      return graceMinutes(now)
    })
    expect(grace).toEqual([20, 40, 60, 60, 60])
  })

  it('starts again once a person was seen', () => {
    expect(graceMinutes(begun(state({ unseenStops: 4 }), true))).toBe(10)
  })

  it.each([
    ['no grace stays none', 0, 0],
    ['more than an hour stays as configured', 90 * MINUTE, 90],
  ])('%s', (_name, configured, expected) => {
    expect(graceMinutes(begun(state({ unseenStops: 9 }), false, 5 * HOUR, configured))).toBe(expected)
  })

  it('does not count a run that somebody else ended', () => {
    const next = beginRun(state({ unseenStops: 1 }), moment(asleep), { policy, interval: resumed, outcome: undefined })
    expect(next.unseenStops).toBe(1)
  })
})

describe('false stops', () => {
  it('are remembered with the hour of the stop', () => {
    expect(begun(state(), true, 29 * MINUTE).falseStops).toEqual([{ wallMs: WALL, hourClass: 'weekday-06' }])
    expect(begun(state(), true, 31 * MINUTE).falseStops).toEqual([])
  })

  it('are forgotten after 28 days, and no more than 20 are kept', () => {
    const old = { wallMs: WALL - 28 * 24 * HOUR, hourClass: 'weekday-06' }
    const recent = Array.from({ length: 30 }, () => ({ wallMs: WALL - HOUR, hourClass: 'weekday-05' }))
    const kept = begun(state({ falseStops: [old, ...recent] }), true, 5 * MINUTE).falseStops
    expect(kept).toHaveLength(20)
    expect(kept).not.toContainEqual(old)
  })
})

describe('a stop that was told, whose intent a crash left open', () => {
  const open = intent({ phase: 'accepted' })
  const first = begun(state(), false, 5 * MINUTE)
  const told = first.told

  it('is not counted again, whatever the machine went through since', () => {
    const now = moment(later(start, HOUR), {
      identity: { ...identity, bootId: 'other' },
      intent: intent({ id: told?.intentId ?? '', phase: 'accepted' }),
    })
    const outcome = reconcile(now, policy, told)
    const next = beginRun(first, now, { policy, interval: booted, outcome })
    expect([first.unseenStops, first.falseStops.length]).toEqual([1, 1])
    expect([next.unseenStops, next.falseStops.length]).toEqual([1, 1])
    expect([outcome?.result, next.tags.IdleAction, next.told]).toEqual(['hibernated', 'hibernated', told])
  })

  it.each([
    ['another intent is judged by itself', open, identity, 'stopped'],
    ['a clone abandons it', intent({ id: told?.intentId ?? '' }), { ...identity, instanceId: 'i-2' }, 'abandoned'],
  ])('%s', (_name, given, is, expected) => {
    const now = moment(later(start, HOUR), { identity: { ...is, bootId: 'other' }, intent: given })
    expect(reconcile(now, policy, told)?.result).toBe(expected)
  })
})

describe('patience', () => {
  const here = { wallMs: WALL - 24 * HOUR, hourClass: 'weekday-06' }
  it.each([
    ['no false stop', [], 1],
    ['one', [here], 1.5],
    ['two', [here, here], 2],
    ['five', [here, here, here, here, here], 2],
    ['one at another hour', [{ ...here, hourClass: 'weekday-07' }], 1],
    ['one at a weekend', [{ ...here, hourClass: 'weekend-06' }], 1],
    ['one 28 days ago', [{ ...here, wallMs: WALL - 28 * 24 * HOUR }], 1],
    ['one by a clock that was years ahead', [{ ...here, wallMs: WALL + 5 * 364 * 24 * HOUR }], 1],
  ])('%s', (_name, list, expected) => expect(patience(list, WALL)).toBe(expected))
})

describe('hourClass', () => {
  it.each([
    ['2026-11-16T00:00:00Z', 'weekday-00'],
    ['2026-11-20T23:59:59Z', 'weekday-23'],
    ['2026-11-21T00:00:00Z', 'weekend-00'],
    ['2026-11-22T09:30:00Z', 'weekend-09'],
  ])('%s: %s', (text, expected) => expect(hourClass(Date.parse(text))).toBe(expected))
})

describe('inGrace', () => {
  const begins = state({}, { graceUntil: start.monoMs + 10 * MINUTE })
  it.each([
    ['before its end', 10 * MINUTE - 1, false, true],
    ['at its end', 10 * MINUTE, false, false],
    ['after it, cloud-init at work', 30 * MINUTE, true, true],
    ['cloud-init at work for almost two hours', 2 * HOUR - 1, true, true],
    ['cloud-init at work for two hours', 2 * HOUR, true, false],
  ])('%s', (_name, ms, cloudInitRunning, expected) => {
    expect(inGrace(begins, moment(later(start, ms), { cloudInitRunning }))).toBe(expected)
  })
})

describe('pendingStop', () => {
  it.each([
    ['no intent', undefined, 0],
    ['an unknown outcome', intent(), 0],
    ['an accepted stop', intent({ phase: 'accepted' }), 1],
  ])('%s', (_name, open, expected) => {
    const now = moment(stale, open === undefined ? {} : { intent: open })
    expect(pendingStop(now, undefined, policy)).toHaveLength(expected)
  })

  it('ends with the outcome, and not later than it counts as failed', () => {
    const now = moment(stale, { intent: intent({ phase: 'accepted' }) })
    expect(pendingStop(now, undefined, policy)[0]?.until).toBe(start.monoMs + FAILED_MS)
    const outcome = { intentId: 'intent-1', result: 'failed', offMs: 0, falseStop: false } as const
    expect(pendingStop(now, outcome, policy)).toEqual([])
  })
})
