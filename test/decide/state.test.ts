/** The state machine, check after check: phases, due times, warnings, alerts, the score of report mode. */
import { describe, expect, it } from 'vitest'
import { decide } from '../../agent/decide/state.ts'
import type { Decision, Phase, Policy } from '../../agent/types.ts'
import {
  blind,
  busy,
  type CheckUp,
  HOUR,
  held,
  idle,
  intent,
  kinds,
  later,
  Machine,
  MINUTE,
  moment,
  policy,
  SECOND,
  start,
  state,
  typed,
} from './given.ts'

/** Minutes after `start`. */
function minutes(at: number | undefined): number | undefined {
  return at === undefined ? undefined : (at - start.monoMs) / MINUTE
}

/** One check after so long an idle time; an interval of an hour keeps it from being a gap. */
function idleFor(ms: number, up: CheckUp = {}): Decision {
  return new Machine({ state: state() }).after(ms, { ...up, policy: { checkIntervalMs: HOUR, ...up.policy } })
}

describe('phases at thresholds 5/10', () => {
  it.each<[string, number, Phase]>([
    ['just begun', 1 * MINUTE, 'counting'],
    ['just before idle', 5 * MINUTE - 1, 'counting'],
    ['idle', 5 * MINUTE, 'idle'],
    ['just before due', 10 * MINUTE - 1, 'idle'],
    ['due', 10 * MINUTE, 'acting'],
    ['long due', 59 * MINUTE, 'acting'],
  ])('%s', (_name, ms, phase) => expect(idleFor(ms).phase).toBe(phase))

  it.each<[string, CheckUp, Phase]>([
    ['strong evidence', { readings: [busy] }, 'active'],
    ['an unknown', { readings: [idle, blind] }, 'active'],
    ['a veto without an end', { vetoes: [{ name: 'dpkg', reason: 'dpkg works' }] }, 'held'],
    ['a veto whose end is over, but which is still there', { vetoes: [{ name: 'x', reason: 'x', until: 0 }] }, 'held'],
    ['weak evidence', { readings: [idle, held('connection', 60)] }, 'held'],
    [
      'an accepted stop that is still to happen',
      { moment: { intent: intent({ phase: 'accepted', runId: 'run-0' }) } },
      'held',
    ],
  ])('due, but %s', (_name, up, phase) => {
    const decision = idleFor(12 * MINUTE, up)
    expect(decision.phase).toBe(phase)
    expect(kinds(decision)).not.toContain('act')
  })

  it('fails an accepted stop after a while, says so, and tries again', () => {
    const decision = idleFor(12 * MINUTE, {
      policy: { checkIntervalMs: HOUR },
      moment: { intent: intent({ phase: 'accepted', runId: 'run-0', at: { ...start, monoMs: start.monoMs - HOUR } }) },
    })
    expect(decision.outcome?.result).toBe('failed')
    expect(decision.actions).toContainEqual({ kind: 'act', method: 'hibernate' })
    expect(decision.actions[0]).toEqual({
      kind: 'alert',
      reason: expect.stringMatching(/^still running \d+ min after/),
    })
    // Not the alert of a sensor that stays blind, which is raised once.
    expect(decision.state.alerted).toBe(false)
  })

  it('grace until its end, then counting from there', () => {
    const machine = new Machine()
    const first = machine.after(0)
    expect([first.phase, first.interval.kind, first.due]).toEqual(['grace', 'first', undefined])
    for (let i = 0; i < 4; i += 1) expect(machine.after(2 * MINUTE).phase).toBe('grace')
    const over = machine.after(2 * MINUTE)
    expect([over.phase, minutes(over.state.idleSince), minutes(over.due)]).toEqual(['counting', 10, 20])
  })

  it('grace with activity in it: the clock stands at the later of both', () => {
    const machine = new Machine()
    machine.after(0)
    for (let i = 0; i < 5; i += 1) machine.after(2 * MINUTE, { readings: [busy] })
    expect(minutes(machine.state?.idleSince)).toBe(10)
    expect(minutes(machine.after(2 * MINUTE, { readings: [busy] }).state.idleSince)).toBe(12)
  })

  it('cloud-init: not over before a check that does not find it, not longer than two hours', () => {
    const machine = new Machine()
    const work = { moment: { cloudInitRunning: true } }
    machine.after(0, work)
    for (let i = 0; i < 10; i += 1) expect(machine.after(2 * MINUTE, work).phase).toBe('grace')
    const over = machine.after(2 * MINUTE)
    expect([over.phase, minutes(over.state.idleSince)]).toEqual(['counting', 22])
    const endless = new Machine()
    for (let i = 0; i < 60; i += 1) expect(endless.after(i === 0 ? 0 : 2 * MINUTE, work).phase).toBe('grace')
    expect(endless.after(2 * MINUTE, work).phase).toBe('counting')
  })
})

describe('the idle clock', () => {
  it.each<[string, CheckUp, number, number]>([
    ['runs on over idle', {}, 2, 0],
    ['a rate: the end of its interval', { readings: [busy] }, 2, 2],
    ['input: its own time', { readings: [typed(start.monoMs + MINUTE)] }, 2, 1],
    ['input before the clock: unmoved', { readings: [typed(start.monoMs - MINUTE)] }, 2, 0],
    ['an unknown: the end of its interval', { readings: [idle, blind] }, 2, 2],
    ['an unknown beside input: the end of its interval', { readings: [typed(start.monoMs + MINUTE), blind] }, 2, 2],
    ['a gap: its end', {}, 60, 60],
    ['weak evidence: unmoved', { readings: [idle, held('output', 120)] }, 2, 0],
    ['a veto: unmoved', { vetoes: [{ name: 'x', reason: 'x' }] }, 2, 0],
    ['a step back: unmoved', { parted: { steppedMs: -3 * HOUR } }, 2, 0],
    ['a step ahead, the start time is the same: unmoved', { parted: { steppedMs: 3 * HOUR } }, 2, 0],
    [
      'input in a stepped interval: its end',
      { readings: [typed(start.monoMs + MINUTE)], parted: { steppedMs: -5_000 } },
      2,
      2,
    ],
    ['sleep: the end of grace', { parted: { sleptMs: 14 * HOUR } }, 2, 12],
  ])('%s', (_name, up, after, expected) => {
    expect(minutes(new Machine({ state: state() }).after(after * MINUTE, up).state.idleSince)).toBe(expected)
  })

  it('says why it stands where it stands', () => {
    const machine = new Machine({ state: state() })
    const reason = (up: CheckUp) => machine.after(2 * MINUTE, up).state.idleSinceReason
    expect(reason({ readings: [busy] })).toBe('make works')
    expect(reason({})).toBe('make works')
    expect(reason({ readings: [blind] })).toBe('gpu unknown: nvidia-smi hangs')
    expect(machine.after(HOUR).state.idleSinceReason).toMatch(/nobody looked/)
  })

  it('survives a merge untouched: nothing is stored', () => {
    const decision = new Machine({ state: state() }).after(1_000)
    expect([decision.interval.kind, decision.store]).toEqual(['merge', false])
  })

  it('is not moved by typing in this check for the check of an earlier run', () => {
    const old = state({ idleSince: start.monoMs - 9 * HOUR })
    const decision = new Machine({ state: old }).after(2 * MINUTE, { moment: { identity: { bootId: 'other' } } })
    expect(decision.phase).toBe('grace')
    expect(minutes(decision.state.idleSince)).toBe(12)
  })
})

describe('due', () => {
  it.each<[string, CheckUp, number | undefined]>([
    ['idleSince + threshold', {}, 10],
    ['a hold that is longer', { readings: [idle, held('connection', 60)] }, 65],
    ['a hold that is shorter', { readings: [idle, held('connection', 2)] }, 10],
    ['a veto with a later end', { vetoes: [{ name: 'x', reason: 'x', until: start.monoMs + 40 * MINUTE }] }, 40],
    ['a veto with an earlier end', { vetoes: [{ name: 'x', reason: 'x', until: start.monoMs + 3 * MINUTE }] }, 10],
    ['a veto without an end', { vetoes: [{ name: 'x', reason: 'x' }] }, undefined],
    [
      'vetoes with and without an end',
      {
        vetoes: [
          { name: 'x', reason: 'x', until: start.monoMs + 40 * MINUTE },
          { name: 'y', reason: 'y' },
        ],
      },
      undefined,
    ],
    ['active', { readings: [busy] }, undefined],
    ['unknown', { readings: [blind] }, undefined],
  ])('%s', (_name, up, expected) => {
    expect(minutes(new Machine({ state: state() }).after(2 * MINUTE, up).due)).toBe(expected)
  })

  it('waits for a refusal to pass, and the refusal is forgotten with the idle period', () => {
    const refused = { refusals: 2, stopInstead: true, retryAt: start.monoMs + 90 * MINUTE, refusal: 'X (other)' }
    const machine = new Machine({ state: state({ attempt: refused }) })
    expect(minutes(machine.after(2 * MINUTE).due)).toBe(90)
    expect(machine.after(2 * MINUTE, { readings: [busy] }).state.attempt).toEqual({ refusals: 0, stopInstead: true })
  })

  it('is later at an hour of false stops', () => {
    const falseStops = [{ wallMs: start.wallMs - 24 * HOUR, hourClass: 'weekday-06' }]
    expect(minutes(new Machine({ state: state({ falseStops }) }).after(2 * MINUTE).due)).toBe(15)
  })
})

describe('waiting for the due time', () => {
  it.each<[string, number, CheckUp, boolean]>([
    ['30 s before', 9.5 * MINUTE, {}, true],
    ['more than 30 s before', 9.5 * MINUTE - 1, {}, false],
    ['due', 10 * MINUTE, {}, false],
    ['under a veto that ends then', 9.5 * MINUTE, { vetoes: [{ name: 'x', reason: 'x', until: 0 }] }, false],
    ['only reporting', 9.5 * MINUTE, { policy: { action: 'report' } }, false],
    ['switched off', 9.5 * MINUTE, { policy: { enabled: false } }, false],
    ['active', 9.5 * MINUTE, { readings: [busy] }, false],
  ])('%s', (_name, ms, up, expected) => {
    const decision = idleFor(ms, { ...up, policy: { checkIntervalMs: 5 * MINUTE, ...up.policy } })
    expect(decision.waitUntil).toBe(expected ? start.monoMs + 10 * MINUTE : undefined)
  })

  it.each([
    ['100 s before, which leaves 20 s until the next check', 100_000, true],
    ['more than 100 s before', 100_001, false],
  ])('after a refusal, at a moment of its own: %s', (_name, ms, expected) => {
    const attempt = { refusals: 1, stopInstead: false, retryAt: start.monoMs + 15 * MINUTE, refusal: 'X (throttled)' }
    const machine = new Machine({ state: { ...state(), attempt } })
    const up = { policy: { checkIntervalMs: 2 * MINUTE } }
    for (let checks = 0; checks < 6; checks += 1) machine.after(2 * MINUTE, up)
    const { waitUntil } = machine.after(3 * MINUTE - ms, up)
    expect(waitUntil).toBe(expected ? attempt.retryAt : undefined)
  })
})

describe('warnings', () => {
  /** Minutes at which it warns, when each minute's check is as said. */
  function warnings(at: (minute: number) => CheckUp, more: Partial<Policy> = {}): readonly number[] {
    const machine = new Machine({ state: state() })
    const found: number[] = []
    for (let minute = 1; minute <= 80; minute += 1) {
      const up = at(minute)
      const decision = machine.after(MINUTE, { ...up, policy: { checkIntervalMs: MINUTE, ...more } })
      if (kinds(decision).includes('warn')) found.push(minute)
    }
    return found
  }

  it.each<[string, (minute: number) => CheckUp, Partial<Policy>, readonly number[]]>([
    ['once, at the idle threshold', () => ({}), {}, [5]],
    ['not while somebody types', (m) => ({ readings: [typed(start.monoMs + m * MINUTE)] }), {}, []],
    ['once for each idle period', (m) => ({ readings: [m === 8 ? busy : idle] }), {}, [5, 13]],
    ['before the end of a hold', () => ({ readings: [idle, held('connection', 60)] }), {}, [60]],
    ['not while the end of a veto is unknown', () => ({ vetoes: [{ name: 'x', reason: 'x' }] }), {}, []],
    [
      'again when something moved the due time on',
      (m) => ({ readings: m >= 7 ? [idle, held('connection', 60)] : [idle] }),
      {},
      [5, 60],
    ],
    ['not when only reporting', () => ({}), { action: 'report' }, []],
    ['not when switched off', () => ({}), { enabled: false }, []],
  ])('%s', (_name, at, more, expected) => expect(warnings(at, more)).toEqual(expected))

  it('are not given again when a refusal has moved the due time on', () => {
    const attempt = { refusals: 1, stopInstead: false, retryAt: start.monoMs + 30 * MINUTE, refusal: 'X (other)' }
    const warned = { idleSince: start.monoMs, due: start.monoMs + 10 * MINUTE }
    const machine = new Machine({ state: state({ attempt, warned }) })
    expect(kinds(machine.after(26 * MINUTE, { policy: { checkIntervalMs: HOUR } }))).toEqual([])
  })

  it('names the due time', () => {
    expect(idleFor(5 * MINUTE).actions).toEqual([{ kind: 'warn', due: start.monoMs + 10 * MINUTE }])
  })
})

describe('acting', () => {
  it.each<[string, CheckUp, object]>([
    ['as configured', {}, { kind: 'act', method: 'hibernate' }],
    ['stop, where that is configured', { policy: { action: 'stop' } }, { kind: 'act', method: 'stop' }],
    [
      'the same call again while its outcome is unknown',
      { moment: { intent: intent({ method: 'stop' }) } },
      { kind: 'act', method: 'stop', intentId: 'intent-1' },
    ],
    [
      'not the call of an earlier run',
      { moment: { intent: intent({ runId: 'run-0' }) } },
      { kind: 'act', method: 'hibernate' },
    ],
  ])('%s', (_name, up, expected) => {
    expect(idleFor(10 * MINUTE, up).actions).toContainEqual(expected)
  })

  it('stops instead, once hibernation turned out to be impossible', () => {
    const from = state({ attempt: { refusals: 1, stopInstead: true } })
    const decision = new Machine({ state: from }).after(10 * MINUTE, { policy: { checkIntervalMs: HOUR } })
    expect(decision.actions).toContainEqual({ kind: 'act', method: 'stop' })
  })

  it('withdraws a call whose outcome is unknown once somebody is active, and not before', () => {
    const open = { moment: { intent: intent() } }
    expect(idleFor(2 * MINUTE, open).outcome).toBeUndefined()
    expect(idleFor(2 * MINUTE, { ...open, readings: [blind] }).outcome).toBeUndefined()
    const used = idleFor(2 * MINUTE, { ...open, readings: [busy] })
    expect(used.outcome).toEqual({ intentId: 'intent-1', result: 'withdrawn', offMs: 0, falseStop: false })
    expect(used.state.tags.IdleAction).toBe('')
  })

  it.each([
    ['withdrawn', intent({ phase: 'withdrawn' })],
    ['of which it is known by now that it did not happen', intent({ at: later(start, -2 * HOUR) })],
  ])('does not send a call again that was %s', (_name, open) => {
    const decision = idleFor(10 * MINUTE, { moment: { intent: open } })
    expect(decision.actions).toContainEqual({ kind: 'act', method: 'hibernate' })
    expect(decision.state.tags.IdleAction).toBe('')
  })

  it('does nothing where it is switched off, and still knows', () => {
    const decision = idleFor(10 * MINUTE, { policy: { enabled: false } })
    expect([decision.actions, decision.phase]).toEqual([[], 'acting'])
  })
})

describe('alerts', () => {
  it('come once after the ceiling of unknown, and once more after it was known in between', () => {
    const machine = new Machine({ state: state() })
    const found: number[] = []
    for (let hour = 1; hour <= 80; hour += 1) {
      const readings = hour === 40 ? [idle] : [blind]
      if (kinds(machine.after(HOUR, { readings })).includes('alert')) found.push(hour)
    }
    expect(found).toEqual([25, 65])
  })

  it('do not come where activity is seen beside the unknown', () => {
    const machine = new Machine({ state: state() })
    const found = Array.from({ length: 40 }, () => kinds(machine.after(HOUR, { readings: [blind, busy] })))
    expect(found.flat()).toEqual([])
  })
})

describe('report mode', () => {
  const report = { policy: { action: 'report' as const, checkIntervalMs: MINUTE } }

  it('counts a stop once an idle period, and it is false if somebody is there within 30 minutes', () => {
    const machine = new Machine({ state: state() })
    const reports: number[] = []
    for (let minute = 1; minute <= 120; minute += 1) {
      const used = minute === 30 || minute === 100
      const decision = machine.after(MINUTE, { ...report, readings: [used ? busy : idle] })
      if (kinds(decision).includes('report')) reports.push(minute)
    }
    expect(reports).toEqual([10, 40, 110])
    expect(machine.state?.score).toMatchObject({ wouldHaveStopped: 3, wouldHaveBeenFalse: 1 })
  })

  it('is kept over boots', () => {
    const score = { wouldHaveStopped: 7, wouldHaveBeenFalse: 2 }
    const booted = { moment: { identity: { bootId: 'other' } } }
    expect(new Machine({ state: state({ score }) }).after(MINUTE, booted).state.score).toEqual(score)
  })
})

describe('decide', () => {
  it('remembers that a person was seen, for the breaker', () => {
    const machine = new Machine({ state: state() })
    expect(machine.after(2 * MINUTE, { readings: [busy] }).state.run.personSeen).toBe(false)
    expect(machine.after(2 * MINUTE, { readings: [typed(start.monoMs)] }).state.run.personSeen).toBe(true)
    expect(machine.after(2 * MINUTE).state.run.personSeen).toBe(true)
  })

  it('keeps the last three distances between checks', () => {
    const machine = new Machine({ state: state() })
    for (const ms of [10, 20, 30, 40]) machine.after(ms * SECOND)
    expect(machine.state?.cadenceMs).toEqual([20, 30, 40].map((ms) => ms * SECOND))
  })

  it('keeps an identity that cannot be read this time', () => {
    const decision = new Machine({ state: state() }).after(2 * MINUTE, {
      moment: { identity: { bootId: state().identity.bootId } },
    })
    expect(decision.state.identity).toEqual(state().identity)
    expect(decision.interval.kind).toBe('steady')
  })

  it('takes a first check without any reading for unknown', () => {
    const input = { state: undefined, readings: [], vetoes: [], policy, now: moment(start) }
    expect(decide(input)).toMatchObject({ verdict: 'unknown', phase: 'grace', actions: [], store: true })
  })
})
