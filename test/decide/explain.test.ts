/** Every sentence is whole: whatever the situation, it has no hole where a fact is missing. */
import { describe, expect, it } from 'vitest'
import { decide } from '../../agent/decide/state.ts'
import { duration, timeOfDay } from '../../agent/decide/words.ts'
import type { Moment, NamedReading, State, Veto } from '../../agent/types.ts'
import { iso } from '../../agent/words.ts'
import {
  absent,
  blind,
  busy,
  HOUR,
  held,
  idle,
  intent,
  later,
  MINUTE,
  moment,
  policy,
  SECOND,
  start,
  state,
  typed,
} from './given.ts'

const states: readonly (State | undefined)[] = [
  undefined,
  state(),
  state({}, { graceUntil: start.monoMs + HOUR }),
  state({}, { ended: true }),
  state({ attempt: { refusals: 1, stopInstead: false, retryAt: start.monoMs + HOUR, refusal: 'X (other)' } }),
  state({ attempt: { refusals: 1, stopInstead: false, retryAt: start.monoMs + HOUR } }),
  state({ seen: { output: { at: start.monoMs, limitMs: HOUR } }, unknownSince: start.monoMs - 30 * HOUR }),
]
const readings: readonly (readonly NamedReading[])[] = [
  [],
  [absent],
  [idle],
  [busy],
  [typed(start.monoMs)],
  [idle, blind],
  [idle, held('connection', 60), held('gpu-memory', 60)],
]
const vetoes: readonly (readonly Veto[])[] = [
  [],
  [{ name: 'x', reason: 'dpkg works' }],
  [{ name: 'x', reason: 'a lease', until: start.monoMs + 9 * HOUR }],
  [{ name: 'x', reason: 'a lease without sense', until: 1e300 }],
]
const moments: readonly Moment[] = [
  moment(later(start, 3 * MINUTE)),
  moment(later(start, 4 * MINUTE, { sleptMs: HOUR })),
  moment(later(start, 4 * MINUTE, { steppedMs: -HOUR }), { cloudInitRunning: true }),
  moment(later(start, 200 * MINUTE), { intent: intent() }),
  moment(later(start, 4 * MINUTE), { intent: intent({ phase: 'accepted' }), identity: { bootId: 'other' } }),
]
const idleTimes = [0, 7 * MINUTE, 12 * MINUTE, 50 * HOUR]

describe('the reason of a decision', () => {
  it('has no hole in any combination of what can be', () => {
    const seen = new Set<string>()
    for (const base of states) {
      for (const idleMs of idleTimes) {
        const before = base === undefined ? undefined : { ...base, idleSince: base.idleSince - idleMs }
        for (const now of moments) {
          for (const read of readings) {
            for (const found of vetoes) {
              const {
                reason,
                actions,
                state: next,
              } = decide({ state: before, readings: read, vetoes: found, policy, now })
              const texts = [
                reason,
                next.idleSinceReason,
                next.tags.IdleReason,
                next.tags.IdleSince,
                JSON.stringify(actions),
              ]
              for (const text of texts) expect(text).not.toMatch(/undefined|NaN|Infinity|null|\[object|Invalid/)
              expect(reason.length).toBeGreaterThan(8)
              seen.add(reason.replace(/\d+/g, 'N'))
            }
          }
        }
      }
    }
    expect(seen.size).toBeGreaterThan(20)
  })

  it.each<[string, Parameters<typeof decide>[0], RegExp]>([
    [
      'grace',
      { state: undefined, readings: [idle], vetoes: [], policy, now: moment(start) },
      /^grace until 06:10.* \(first check/,
    ],
    ['in use', given([busy], []), /^in use: make works$/],
    ['unknown', given([idle, blind], []), /^unknown, so it stays up: gpu: nvidia-smi hangs$/],
    ['counting down', given([idle], []), /^nothing needed this machine for 4 min; hibernate at 06:10 UTC$/],
    [
      'counting down to a report',
      { ...given([idle], []), policy: { ...policy, checkIntervalMs: HOUR, action: 'report' } },
      /^nothing needed this machine for 4 min; would be reported as idle at 06:10 UTC$/,
    ],
    ['a veto', given([idle], [{ name: 'x', reason: 'dpkg works' }]), /held: dpkg works$/],
    [
      'a hold',
      given([idle, held('connection', 60)], [], 12),
      /^nothing needed .* 12 min; held: an open connection until 07:05 UTC$/,
    ],
    [
      'a hold that is longer than the wait after a refusal',
      { ...given([idle, held('connection', 60)], [], 12), state: waiting('X (other)') },
      /12 min; held: an open connection until 07:05 UTC$/,
    ],
    [
      'a refusal',
      { ...given([idle], [], 12), state: waiting('X (other)') },
      /12 min; held: X \(other\), again at 06:40 UTC$/,
    ],
    [
      'no answer',
      { ...given([idle], [], 12), state: waiting() },
      /12 min; held: the cloud does not answer, again at 06:40 UTC$/,
    ],
    ['due', given([idle], [], 12), /^nothing needed this machine for 12 min$/],
  ])('%s', (_name, input, expected) => expect(decide(input).reason).toMatch(expected))
})

function waiting(refusal?: string): State {
  const retryAt = start.monoMs + 40 * MINUTE
  return state({ attempt: { refusals: 1, stopInstead: false, retryAt, ...(refusal === undefined ? {} : { refusal }) } })
}

function given(read: readonly NamedReading[], found: readonly Veto[], idleMinutes = 4) {
  const now = moment(later(start, idleMinutes * MINUTE))
  const slow = { ...policy, checkIntervalMs: HOUR }
  return { state: state(), readings: read, vetoes: found, policy: slow, now }
}

describe('words', () => {
  it.each([
    [-5, '0 s'],
    [0, '0 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [119 * MINUTE, '119 min'],
    [125 * MINUTE, '2 h 05'],
    [72 * HOUR - 1, '71 h 59'],
    [76 * HOUR, '3 d 04 h'],
  ])('duration(%i): %s', (ms, text) => expect(duration(ms)).toBe(text))

  it.each([
    ['whole seconds, downwards', Date.UTC(2026, 0, 1) + 999, '2026-01-01T00:00:00Z'],
    ['before 1970', -1, '1969-12-31T23:59:59Z'],
    ['beyond the calendar', 1e300, '9999-12-31T23:59:59Z'],
    ['for ever', Number.POSITIVE_INFINITY, '9999-12-31T23:59:59Z'],
  ])('iso: %s', (_name, wallMs, text) => expect(iso(wallMs)).toBe(text))

  it('iso before the calendar still has the form of a date', () => {
    expect(iso(-1e300)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  })

  it.each([
    ['near: with seconds', 599 * SECOND, '06:09:59 UTC'],
    ['far: without', 600 * SECOND, '06:10 UTC'],
    ['past: as near', -61 * SECOND, '05:58:59 UTC'],
    ['twenty hours', 20 * HOUR, '02:00 UTC'],
    ['more than twenty hours: with the date', 20 * HOUR + 1, '2026-11-17 02:00 UTC'],
  ])('timeOfDay: %s', (_name, ms, text) => expect(timeOfDay(start.monoMs + ms, start)).toBe(text))
})
