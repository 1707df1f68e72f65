/** What a verdict rests on, in the order of precedence of its sentence. */
import { expect, it } from 'vitest'
import type { Cause } from '../../agent/types/cause.ts'
import type { State } from '../../agent/types.ts'
import { blind, busy, type CheckUp, HOUR, held, idle, Machine, MINUTE, start, state } from './given.ts'

const lease = { name: 'lease', reason: 'make train' }
const refused = { refusals: 1, stopInstead: false, retryAt: start.monoMs + 40 * MINUTE, refusal: 'X (other)' }

it.each<[string, Partial<State>, CheckUp, Cause]>([
  ['activity', {}, { readings: [busy, blind] }, { sensor: 'cpu', kind: 'active', reason: 'make works' }],
  ['what cannot be read', {}, { readings: [idle, blind], vetoes: [lease] }, { ...blind, kind: 'unknown' }],
  ['a veto', { attempt: refused }, { vetoes: [lease] }, { veto: 'lease', kind: 'veto', reason: 'make train' }],
  ['a refusal', { attempt: refused }, {}, { kind: 'refused', reason: 'X (other)' }],
  [
    'weak evidence that lasts longer than a refusal',
    { attempt: refused },
    { readings: [idle, held('connection', 60)] },
    { sensor: 'sessions', kind: 'hold', evidence: 'connection', reason: 'connection is there' },
  ],
  [
    'weak evidence that has just ended',
    { seen: { connection: { at: start.monoMs + 11 * MINUTE, limitMs: HOUR } } },
    {},
    { kind: 'hold', evidence: 'connection', reason: 'connection' },
  ],
  ['nothing', {}, {}, { kind: 'idle', reason: 'nothing needed this machine' }],
])('%s', (_name, more, up, expected) => {
  const decision = new Machine({ state: state(more) }).after(12 * MINUTE, { ...up, policy: { checkIntervalMs: HOUR } })
  expect(decision.cause).toEqual(expected)
})

it('grace, unless somebody is seen in it', () => {
  const machine = new Machine({ state: state({}, { graceUntil: start.monoMs + HOUR, cause: 'booted' }) })
  expect(machine.after(2 * MINUTE).cause).toEqual({ kind: 'grace', reason: 'booted' })
  expect(machine.after(2 * MINUTE, { readings: [busy] }).cause.kind).toBe('active')
})
