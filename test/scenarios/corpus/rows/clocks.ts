/** Boots, resumes, pauses, gaps and clocks that step. */
import { session, ssh } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const

export const clocks: readonly Scenario[] = [
  {
    ...{ ...own, id: 'resume-without-rtc-or-hook' },
    // Nothing but the provider's start tells it: the clocks did not count the time.
    happens: [{ kind: 'turn', at: 5, slept: 600, unseen: true, started: true }],
    needed: [[5, 15]],
    acts: { last: 15, told: 'counter' },
    says: [{ from: 6, until: 14, state: 'grace' }],
  },
  {
    ...{ ...own, id: 'resume-told-by-the-clocks-alone' },
    happens: [{ kind: 'turn', at: 5, slept: 600 }],
    needed: [[5, 15]],
    acts: { last: 15, told: 'counter' },
    says: [{ from: 6, until: 14, state: 'grace' }],
  },
  {
    ...{ ...own, id: 'live-migration-pause' },
    // All clocks stood for 20 s, then NTP steps the wall clock: nobody could use it meanwhile.
    happens: [{ kind: 'turn', at: 5, step: 1 / 3 }],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'boot-loop' },
    happens: [6, 13, 21].map((at) => ({ kind: 'turn', at, off: 0.5 }) as const),
    needed: [[6, 31]],
    acts: { last: 31, told: 'counter' },
    says: [{ from: 22, until: 30, state: 'grace' }],
  },
  {
    ...{ ...own, id: 'scheduler-dead-for-40-min' },
    // Somebody worked and left while nobody looked: the time does not count.
    happens: [
      {
        kind: 'program',
        id: 'job',
        comm: 'job',
        uid: 1000,
        leads: true,
        group: session(1000, '3'),
        from: 8,
        until: 30,
        cpu: 0.9,
      },
    ],
    unwatched: [[4, 44]],
    needed: [[8, 30]],
    lastUse: ['cpu'],
    acts: { last: 44, told: 'counter' },
  },
  {
    ...{ ...own, id: 'scheduler-dead-on-a-quiet-machine' },
    happens: [],
    unwatched: [[4, 44]],
    needed: [],
    acts: { last: 44, told: 'counter' },
  },
  {
    ...{ ...own, id: 'time-zone-changed' },
    happens: [
      { kind: 'file', path: '/etc/timezone', text: 'Asia/Tokyo\n', from: 4 },
      ssh({ id: 'a', from: -30, typed: [{ from: -20, every: 60, until: 12 }] }),
    ],
    needed: [[-30, 12]],
    lastUse: ['sessions'],
    acts: { last: 12, hold: 55 },
  },
  {
    ...{ ...own, id: 'daylight-saving-ends', begins: '2026-11-01T05:55:00Z' },
    // New York at 06:00 UTC: the hour from 1 to 2 comes again. None of the three clocks changes.
    happens: [{ kind: 'file', path: '/etc/timezone', text: 'America/New_York\n' }],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'leap-second' },
    happens: [{ kind: 'turn', at: 5, step: -1 / 60 }],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'hibernated-while-somebody-works', row: 'resume after 14 h, or after 90 s, of hibernation' },
    happens: [
      ssh({
        id: 'a',
        from: -40,
        typed: [
          { from: -39, every: 40, until: 6 },
          { from: 8, every: 40, until: 30 },
        ],
      }),
      { kind: 'turn', at: 7, slept: 700, started: true, hook: true },
    ],
    needed: [[-40, 30]],
    lastUse: ['sessions'],
    acts: { last: 30, hold: 55 },
  },
  {
    ...{ ...own, id: 'step-ahead-without-a-new-start' },
    happens: [{ kind: 'turn', at: 5, step: 600 }],
    needed: [],
    acts: { last: 0 },
  },
]
