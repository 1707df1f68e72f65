/** The second look, and what each answer of the cloud does to the state. */
import { describe, expect, it } from 'vitest'
import { afterOutcome, beginAttempt, confirm, heldByOperator } from '../../agent/decide/attempt.ts'
import { retryMax } from '../../agent/decide/clock.ts'
import type { Outcome, Refusal } from '../../agent/types/outcome.ts'
import type { Decision, Interval, Method, State, Veto } from '../../agent/types.ts'
import {
  blind,
  busy,
  HOUR,
  held,
  identity,
  idle,
  later,
  MINUTE,
  moment,
  policy,
  SECOND,
  start,
  state,
  typed,
} from './given.ts'

function refused(why: Refusal): Outcome {
  return { result: 'refused', why, code: 'Code', message: 'text' }
}

/** The state after the outcome, `runMs` into the run. */
function answered(outcome: Outcome, from: { before?: State; method?: Method; runMs?: number } = {}): State {
  const { before = state(), method = 'hibernate', runMs = HOUR } = from
  return afterOutcome(before, outcome, { method, now: moment(later(start, runMs)), policy })
}

function waitMinutes(next: State, runMs = HOUR): number {
  return ((next.attempt.retryAt ?? Number.NaN) - start.monoMs - runMs) / MINUTE
}

const INTERVAL = policy.checkIntervalMs / MINUTE

describe('the wait after refusals in a row, in minutes', () => {
  it.each<[Refusal, readonly number[]]>([
    ['not-ready', [0, 0, 0, 0, 0, 0]],
    ['unsupported', [0, 0, 0, 0, 0, 0]],
    ['forbidden', [15, 30, 60, 60, 60, 60]],
    ['credentials', [0, 0, 0, 8, 15, 15]],
    ['protected', [15, 30, 60, 60, 60, 60]],
    ['opt-in', [15, 30, 60, 60, 60, 60]],
    ['owned', [60, 120, 240, 360, 360, 360]],
    ['wrong-state', [5, 10, 15, 15, 15, 15]],
    ['other', [5, 10, 20, 40, 60, 60]],
  ])('%s: %j', (why, expected) => {
    let before = state()
    const waits = expected.map(() => {
      before = answered(refused(why), { before })
      return waitMinutes(before)
    })
    expect(waits).toEqual(expected)
    expect(before.attempt.refusals).toBe(expected.length)
  })

  it.each<[Refusal, readonly (readonly [number, number])[]]>([
    [
      'throttled',
      [
        [2, 3],
        [4, 6],
        [8, 12],
        [15, 15],
        [15, 15],
      ],
    ],
    [
      'unreachable',
      [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 15],
        [15, 15],
        [15, 15],
      ],
    ],
  ])('%s: at a moment of its own in the interval of one within %j', (why, expected) => {
    const told = Array.from({ length: 30 }, (_, n) => {
      const instanceId = `i-${n}`
      let before = state()
      return expected.map(() => {
        const now = moment(later(start, HOUR), { identity: { ...identity, instanceId } })
        before = afterOutcome(before, refused(why), { method: 'stop', now, policy })
        return waitMinutes(before)
      })
    })
    const within = (waits: readonly number[]) =>
      waits.every((wait, at) => {
        const [least = 1, most = 0] = expected[at] ?? []
        return most === 0 ? wait === 0 : wait > least - INTERVAL && wait < most + INTERVAL
      })
    expect(told.every(within)).toBe(true)
    expect(new Set(told.map((waits) => waits.join())).size).toBe(30)
    for (const [at, [least, most]] of expected.entries()) {
      if (most - least <= INTERVAL) continue
      const waits = told.map((one) => one[at] ?? Number.NaN)
      expect(Math.min(...waits)).toBeLessThan(most - INTERVAL)
      expect(Math.max(...waits)).toBeGreaterThan(least + INTERVAL)
    }
  })

  it.each([
    ['in the first half hour of a run none', 30 * MINUTE - 1, 0],
    ['from then on as above', 30 * MINUTE, 15],
  ])('forbidden: %s', (_name, runMs, minutes) => {
    expect(waitMinutes(answered(refused('forbidden'), { runMs }), runMs)).toBe(minutes)
  })

  it.each<[Refusal, number, readonly [number, number]]>([
    ['throttled', 30 * MINUTE, [30, 31]],
    ['throttled', 10 * SECOND, [2 - INTERVAL, 3 + INTERVAL]],
    ['wrong-state', 10 * SECOND, [5, 5]],
    ['credentials', 10 * SECOND, [1 / 6, 7 / 6]],
  ])('%s, and asked to wait for %d ms: not before that, at a moment of its own: %j min', (why, retryAfterMs, most) => {
    const told = ['i-1', 'i-2', 'i-3'].map((instanceId) => {
      const now = moment(later(start, HOUR), { identity: { ...identity, instanceId } })
      const outcome: Outcome = { result: 'refused', why, code: 'Code', message: 'text', retryAfterMs }
      return waitMinutes(afterOutcome(state(), outcome, { method: 'stop', now, policy }))
    })
    for (const wait of told) {
      expect(wait).toBeGreaterThanOrEqual(most[0])
      expect(wait).toBeLessThanOrEqual(most[1])
    }
    expect(new Set(told).size).toBe(most[0] === most[1] ? 1 : 3)
  })

  it('forbidden right after the start, and asked to wait: not before that', () => {
    const outcome: Outcome = {
      result: 'refused',
      why: 'forbidden',
      code: 'Code',
      message: 'text',
      retryAfterMs: MINUTE,
    }
    const wait = waitMinutes(answered(outcome, { runMs: MINUTE }), MINUTE)
    expect([wait >= 1, wait <= 2]).toEqual([true, true])
  })

  it('stays bounded after a thousand refusals', () => {
    const before = state({ attempt: { refusals: 1_000, stopInstead: false } })
    expect(waitMinutes(answered(refused('owned'), { before }))).toBe(360)
  })
})

describe('a refusal', () => {
  const ready = beginAttempt(state(), 'hibernate')

  it('clears IdleAction, says why, leaves the clock alone and is remembered', () => {
    const next = answered(refused('forbidden'), { before: ready })
    expect(next.tags).toEqual({ ...ready.tags, IdleAction: '', IdleReason: 'refused: Code (forbidden)' })
    expect(next.reasonClass).toBe('refused:Code (forbidden)')
    expect(next.idleSince).toBe(ready.idleSince)
    expect(next.run).toEqual(ready.run)
    expect(next.attempt.refusal).toBe('Code (forbidden)')
  })

  it('is told with what an operator can do, in a text that fits a tag', () => {
    const advice = 'do this or that '.repeat(10)
    const next = answered({ result: 'refused', why: 'opt-in', code: 'Code', message: 'text', advice })
    expect(next.attempt.refusal).toBe(`Code (opt-in): ${advice}`)
    expect(next.tags.IdleReason).toBe(`refused: Code (opt-in): ${advice}`.slice(0, 120))
  })

  it.each<[string, Refusal, Method, boolean]>([
    ['hibernation that cannot be', 'unsupported', 'hibernate', true],
    ['a stop that cannot be', 'unsupported', 'stop', false],
    ['hibernation that is not ready yet', 'not-ready', 'hibernate', false],
    ['hibernation that is forbidden', 'forbidden', 'hibernate', false],
  ])('stops instead after %s: %s %s -> %s', (_name, why, method, expected) => {
    expect(answered(refused(why), { method }).attempt.stopInstead).toBe(expected)
  })

  it('waits for hibernation to be ready for its time, then stops instead, and stays with that', () => {
    const first = answered(refused('not-ready'), { runMs: HOUR })
    expect(first.attempt.notReadySince).toBe(start.monoMs + HOUR)
    const almost = answered(refused('not-ready'), { before: first, runMs: HOUR + policy.notReadyMs - 1 })
    expect(almost.attempt.stopInstead).toBe(false)
    const enough = answered(refused('not-ready'), { before: almost, runMs: HOUR + policy.notReadyMs })
    expect(enough.attempt.stopInstead).toBe(true)
    expect(answered(refused('throttled'), { before: enough, method: 'stop' }).attempt.stopInstead).toBe(true)
  })

  it('ends a silence', () => {
    const attempt = { refusals: 0, silences: 2, stopInstead: false }
    expect(answered(refused('throttled'), { before: state({ attempt }) }).attempt.silences).toBeUndefined()
  })

  it('of another kind begins the time of "not ready" anew', () => {
    const first = answered(refused('not-ready'))
    expect(answered(refused('throttled'), { before: first }).attempt.notReadySince).toBeUndefined()
  })
})

describe('other answers', () => {
  it('a call that is under way has no refusal beside it', () => {
    const { tags, reasonClass } = beginAttempt(answered(refused('unsupported')), 'stop')
    expect([tags.IdleAction, tags.IdleReason, reasonClass]).toEqual(['stopping', '', ''])
  })

  it('accepted: the run has ended, the attempt is forgotten, the tag stays', () => {
    const before = beginAttempt(answered(refused('throttled')), 'hibernate')
    const next = answered({ result: 'accepted', detail: '' }, { before })
    expect(next.run.ended).toBe(true)
    expect(next.attempt).toEqual({ refusals: 0, stopInstead: false })
    expect(next.tags.IdleAction).toBe('hibernating')
  })

  it('unknown: tried again in the next interval, then in the next quarter of an hour, then every quarter; no refusal', () => {
    let before = beginAttempt(state(), 'stop')
    const waits = [1, 2, 3, 4].map(() => {
      before = answered({ result: 'unknown', message: '' }, { before })
      return waitMinutes(before)
    })
    const [first = 0, second = 0, ...more] = waits
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(2 * INTERVAL)
    expect(second).toBeGreaterThanOrEqual(0)
    expect(second).toBeLessThan(15 + INTERVAL)
    for (const wait of more) expect(Math.abs(wait - 15)).toBeLessThan(INTERVAL)
    expect([before.tags.IdleAction, before.attempt.refusals, before.attempt.silences]).toEqual(['stopping', 0, 4])
  })

  it('unknown a second time: tried again at a moment of its own in the quarter of an hour; refusals before still count', () => {
    const attempt = { refusals: 2, silences: 1, stopInstead: true }
    const found = Array.from({ length: 30 }, (_, n) => {
      const now = moment(later(start, HOUR), { identity: { ...identity, instanceId: `i-${n}` } })
      const outcome: Outcome = { result: 'unknown', message: '' }
      return afterOutcome(state({ attempt }), outcome, { method: 'stop', now, policy })
    })
    const waits = found.map((next) => waitMinutes(next))
    expect(Math.min(...waits)).toBeLessThan(5)
    expect(Math.max(...waits)).toBeGreaterThan(10)
    expect(found[0]?.attempt).toMatchObject({ refusals: 2, silences: 2, stopInstead: true })
  })

  it("unknown again, but the operator's tags were read in between: that was not twice in a row", () => {
    const now = moment(later(start, HOUR))
    const lost = answered({ result: 'unknown', message: '' })
    const read = heldByOperator(lost, [{ name: 'protected', reason: 'it is set' }], { now, policy })
    expect(read.attempt.retryAt).toBe(now.clocks.monoMs + 5 * policy.checkIntervalMs)
    expect(answered({ result: 'unknown', message: '' }, { before: read }).attempt.silences).toBe(1)
    const unread = heldByOperator(lost, [{ name: 'operator-tags', reason: 'no answer' }], { now, policy })
    expect([unread.attempt.silences, unread.attempt.refusal]).toEqual([2, 'no answer'])
  })

  it.each([1, 2, 5, 15, 60])(
    'every %d min: are tried again at moments that a check can wait for, spread evenly',
    (minutes) => {
      const own = { ...policy, checkIntervalMs: minutes * MINUTE }
      const { checkIntervalMs } = own
      const answers: readonly Outcome[] = [{ result: 'unknown', message: '' }, refused('throttled')]
      for (const [before, outcome] of [0, 1, 2, 3].flatMap((n) => answers.map((one) => [n, one] as const))) {
        const offsets = Array.from({ length: 500 }, (_, n) => {
          const now = moment(later(start, HOUR + n * SECOND), { identity: { ...identity, instanceId: `i-${n}` } })
          const attempt = { refusals: before, silences: before, stopInstead: false }
          const next = afterOutcome(state({ attempt }), outcome, { method: 'stop', now, policy: own })
          const { retryAt = Number.NaN } = next.attempt
          const at = now.clocks.wallMs + retryAt - now.clocks.monoMs
          // Not while no check runs that could wait.
          expect(at).toBeGreaterThanOrEqual(now.clocks.wallMs - (now.clocks.wallMs % checkIntervalMs) + checkIntervalMs)
          return at % checkIntervalMs
        })
        expect(Math.max(...offsets)).toBeLessThanOrEqual(retryMax(own))
        const firstHalf = offsets.filter((ms) => ms < retryMax(own) / 2).length
        expect(firstHalf).toBeGreaterThan(200)
        expect(firstHalf).toBeLessThan(300)
      }
    },
  )
})

describe("an operator's tag is asked again in five intervals, or when it ends", () => {
  const veto = (inMinutes?: number): Veto => ({
    name: 'keep-awake',
    reason: 'the tag says so',
    ...(inMinutes === undefined ? {} : { until: start.monoMs + inMinutes * MINUTE }),
  })

  it.each<[string, readonly Veto[], number | undefined]>([
    ['that is not there', [], undefined],
    ['without an end', [veto()], 5 * INTERVAL],
    ['with a near end', [veto(3)], 3],
    ['with a far end', [veto(60)], 5 * INTERVAL],
    ['with a nearer end than another', [veto(3), veto(7)], 7],
    ['with an end, beside one without', [veto(3), veto()], 5 * INTERVAL],
  ])('%s', (_name, vetoes, expected) => {
    const { attempt } = heldByOperator(state(), vetoes, { now: moment(start), policy })
    const asked = { retryAt: start.monoMs + (expected ?? 0) * MINUTE, refusal: 'the tag says so' }
    expect(attempt).toEqual({ ...state().attempt, ...(expected === undefined ? {} : asked) })
  })
})

describe('confirm', () => {
  const steady: Interval = { kind: 'steady', ms: MINUTE, newRun: false, covered: true, reason: '' }
  const base: Decision = {
    state: state(),
    actions: [],
    reason: '',
    cause: { kind: 'idle', reason: '' },
    verdict: 'active',
    phase: 'active',
    interval: steady,
    store: true,
  }
  const acting: Decision = { ...base, verdict: 'idle', phase: 'acting', actions: [{ kind: 'act', method: 'stop' }] }

  it.each([
    ['nothing changed', acting, [idle], 'act'],
    ['a rate', base, [busy, idle], 'postpone'],
    ['two rates', base, [busy, busy], 'postpone'],
    ['a rate and weak evidence', base, [busy, held('connection', 60)], 'postpone'],
    ['input', base, [typed(start.monoMs)], 'cancel'],
    ['a rate and input', base, [busy, typed(start.monoMs)], 'cancel'],
    ['a rate and an unknown', base, [busy, blind], 'cancel'],
    ['an unknown', base, [blind], 'cancel'],
    ['a veto or a hold', base, [idle], 'cancel'],
    ['another run of the machine, and a rate', { ...base, interval: { ...steady, newRun: true } }, [busy], 'cancel'],
    ['only a warning to give', { ...base, actions: [{ kind: 'warn', due: 1 * SECOND }] }, [idle], 'cancel'],
  ] as readonly (readonly [string, Decision, Parameters<typeof confirm>[1], string])[])(
    '%s',
    (_name, second, readings, expected) => {
      expect(confirm(second, readings)).toBe(expected)
    },
  )
})
