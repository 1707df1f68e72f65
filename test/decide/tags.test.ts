/** The state tags: stable texts, written anew only when their class changes, at most 120 characters. */
import { describe, expect, it } from 'vitest'
import type { NamedReading, Veto } from '../../agent/types.ts'
import { blind, busy, type CheckUp, HOUR, held, idle, intent, Machine, MINUTE, start, state, typed } from './given.ts'

const fast = { policy: { checkIntervalMs: MINUTE } }

/** The tags after each minute's check. */
function tagsOver(count: number, at: (minute: number) => CheckUp = () => ({})) {
  const machine = new Machine({ state: state() })
  return Array.from({ length: count }, (_, i) => machine.after(MINUTE, { ...fast, ...at(i + 1) }).state.tags)
}

function changes(list: readonly object[]): number {
  return list.filter((tags, i) => i > 0 && JSON.stringify(tags) !== JSON.stringify(list[i - 1])).length
}

describe('IdleStatus and IdleSince', () => {
  it('say idle from the idle threshold on, since when, in one text for the whole period', () => {
    const list = tagsOver(60)
    expect(list[3]).toEqual({ IdleStatus: 'active', IdleSince: '', IdleAction: '', IdleReason: '' })
    expect(list[4]).toEqual({ IdleStatus: 'idle', IdleSince: '2026-11-16T06:00:00Z', IdleAction: '', IdleReason: '' })
    expect(changes(list)).toBe(1)
  })

  it.each<[string, (minute: number) => CheckUp]>([
    ['a step back of the wall clock', (m) => (m === 8 ? { parted: { steppedMs: -HOUR } } : {})],
    ['small steps at each check', () => ({ parted: { steppedMs: 1_500 } })],
    ['slewing at each check', () => ({ parted: { steppedMs: -400 } })],
  ])('keep their text over %s', (_name, at) => expect(changes(tagsOver(30, at))).toBe(1))

  it.each<[string, CheckUp]>([
    ['strong evidence', { readings: [busy] }],
    ['input', { readings: [typed(start.monoMs + 19.5 * MINUTE)] }],
    ['an unknown', { readings: [idle, blind] }],
    ['another boot', { moment: { identity: { bootId: 'other' } } }],
  ])('say active again at %s, and the next period has its own text', (_name, up) => {
    const list = tagsOver(40, (m) => (m === 20 ? up : {}))
    expect(list[19]).toMatchObject({ IdleStatus: 'active', IdleSince: '' })
    expect(list[39]?.IdleStatus).toBe('idle')
    expect(list[39]?.IdleSince).not.toBe(list[18]?.IdleSince)
  })

  it('say idle only with since, and since only with idle', () => {
    const readings = (m: number): readonly NamedReading[] => (m % 9 === 0 ? [blind] : m % 13 === 0 ? [busy] : [idle])
    for (const tags of tagsOver(120, (m) => ({ readings: readings(m) }))) {
      expect(tags.IdleStatus === 'idle').toBe(tags.IdleSince !== '')
    }
  })
})

describe('IdleReason', () => {
  const veto = (name: string, reason: string): Veto => ({ name, reason })

  it('changes with its class, not with its text', () => {
    const list = tagsOver(30, (m) => ({ vetoes: [veto('lease', `job ${m} of 99`)] }))
    expect(list[8]?.IdleReason).toBe('')
    expect(list[9]?.IdleReason).toBe('held: job 10 of 99')
    expect(changes(list)).toBe(2)
  })

  it('changes when another kind of thing holds, and is empty again when nothing does', () => {
    const list = tagsOver(30, (m) => {
      if (m < 15) return { vetoes: [veto('lease', 'a lease')] }
      if (m < 20) return { vetoes: [veto('dpkg', 'dpkg works')] }
      return {}
    })
    expect([list[13], list[18], list[25]].map((tags) => tags?.IdleReason)).toEqual([
      'held: a lease',
      'held: dpkg works',
      '',
    ])
  })

  it('names the end of a hold, in a text that stays', () => {
    const list = tagsOver(60, () => ({ readings: [idle, held('connection', 60)] }))
    expect(list[20]?.IdleReason).toBe('held: an open connection until 07:05 UTC')
    expect(changes(list)).toBe(2)
  })

  it('names a refusal while it waits', () => {
    const attempt = {
      refusals: 1,
      stopInstead: false,
      retryAt: start.monoMs + HOUR,
      refusal: 'Unauthorized (forbidden)',
    }
    const decision = new Machine({ state: state({ attempt }) }).after(12 * MINUTE, {
      policy: { checkIntervalMs: HOUR },
    })
    expect(decision.state.tags.IdleReason).toBe('refused: Unauthorized (forbidden)')
  })

  it('names nothing while the next try is waited for after a hold has ended', () => {
    const attempt = { refusals: 0, silences: 1, stopInstead: false, retryAt: start.monoMs + HOUR }
    const seen = { connection: { at: start.monoMs, limitMs: HOUR } }
    const decision = new Machine({ state: state({ attempt, seen }) }).after(12 * MINUTE, {
      policy: { checkIntervalMs: HOUR },
    })
    expect([decision.phase, decision.state.tags.IdleReason]).toEqual(['held', ''])
  })

  it('names what is unknown once that has lasted for the idle threshold', () => {
    const list = tagsOver(12, (m) => ({ readings: [idle, { ...blind, reason: `try ${m}` }] }))
    expect(list[4]?.IdleReason).toBe('')
    expect(list[5]?.IdleReason).toBe('unknown: gpu: try 6')
    expect(changes(list)).toBe(1)
  })

  it.each([
    ['ASCII', 'x'.repeat(500)],
    ['letters beyond it', '\u{1f600}'.repeat(200)],
    ['a pair of surrogates across the limit', `${'x'.repeat(113)}\u{1f600}\u{1f600}`],
  ])('is at most 120 characters and well-formed: %s', (_name, reason) => {
    const text = tagsOver(12, () => ({ vetoes: [veto('lease', reason)] }))[11]?.IdleReason ?? ''
    expect(text.length).toBeLessThanOrEqual(120)
    expect(text.length).toBeGreaterThan(100)
    expect(text.isWellFormed()).toBe(true)
  })
})

describe('IdleAction', () => {
  const told = (IdleAction: 'hibernated' | 'hibernating' | '') =>
    new Machine({ state: state({ tags: { IdleStatus: 'active', IdleSince: '', IdleAction, IdleReason: '' } }) })

  it('keeps how the last one ended until the next strong activity', () => {
    const machine = told('hibernated')
    for (let i = 0; i < 12; i += 1) expect(machine.after(MINUTE, fast).state.tags.IdleAction).toBe('hibernated')
    expect(machine.after(MINUTE, { ...fast, readings: [busy] }).state.tags.IdleAction).toBe('')
  })

  it('says what is under way while an outcome is unknown, a crash in between or not', () => {
    const open = { ...fast, moment: { intent: intent({ method: 'stop' }) } }
    expect(told('').after(MINUTE, open).state.tags.IdleAction).toBe('stopping')
    expect(told('hibernated').after(MINUTE, open).state.tags.IdleAction).toBe('stopping')
  })

  it('is empty again after a stop that failed, or was withdrawn', () => {
    const at = { ...start, monoMs: start.monoMs - HOUR }
    const failed = { ...fast, moment: { intent: intent({ phase: 'accepted', runId: 'run-0', at }) } }
    expect(told('hibernating').after(MINUTE, failed).state.tags.IdleAction).toBe('')
    const withdrawn = { ...fast, moment: { intent: intent({ phase: 'withdrawn' }) } }
    expect(told('').after(MINUTE, withdrawn).state.tags.IdleAction).toBe('')
  })

  it('stays while an accepted stop is still to happen, until somebody is there', () => {
    const machine = new Machine({ state: state({}, { ended: true }) })
    const accepted = { ...fast, moment: { intent: intent({ phase: 'accepted' }) } }
    expect(machine.after(MINUTE, accepted).state.tags.IdleAction).toBe('hibernating')
    expect(machine.after(MINUTE, { ...accepted, readings: [busy] }).state.tags.IdleAction).toBe('')
  })
})
