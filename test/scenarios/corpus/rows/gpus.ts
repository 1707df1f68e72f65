/** GPUs in every state that a look can meet. */
import { service, session } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const
const detached = { kind: 'program', uid: 1000, leads: true } as const

export const gpus: readonly Scenario[] = [
  {
    ...{ ...own, id: 'gpu-trains' },
    happens: [
      { ...detached, id: 'train', comm: 'python3', group: session(1000, '3'), from: -60, until: 90, cpu: 0.05 },
      {
        kind: 'gpu',
        accounting: true,
        programs: ['train'],
        busy: { rate: 96, from: -59, until: 90 },
        memoryMib: { rate: 20_000, from: -60, until: 90 },
      },
    ],
    needed: [[-60, 90]],
    acts: { last: 90, told: 'counter' },
    says: [{ from: 0, until: 90, verdict: 'active', by: ['gpu'], because: /GPU 0 is busy: 96 %/ }],
  },
  {
    ...{ ...own, id: 'gpu-at-3-percent' },
    // A dashboard draws: under the limit for ever, with a context on it.
    happens: [
      { ...detached, id: 'dash', comm: 'grafana-render', group: service('dash'), from: -60, cpu: 0.01 },
      { kind: 'gpu', programs: ['dash'], busy: 3, memoryMib: 310 },
    ],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['gpu'] }],
  },
  {
    ...{ ...own, id: 'gpu-mig-with-programs' },
    happens: [
      { ...detached, id: 'notebook', comm: 'python3', group: session(1000, '3'), from: -60, cpu: 0.005 },
      { kind: 'gpu', mig: true, programs: ['notebook'], memoryMib: 11_125 },
    ],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['gpu'], because: /split into instances \(MIG\)/ }],
  },
  {
    ...{ ...own, id: 'gpu-amd-works' },
    happens: [
      { ...detached, id: 'hip', comm: 'hip-train', group: session(1000, '3'), from: -60, until: 50, cpu: 0.05 },
      {
        kind: 'gpu',
        maker: 'amd',
        programs: ['hip'],
        busy: { rate: 70, from: -60, until: 50 },
        memoryMib: [{ rate: 30 }, { rate: 9000, from: -60, until: 50 }],
      },
    ],
    needed: [[-60, 50]],
    // Not accounted: it may work in bursts, and is waited for 15 min from the last look that saw it, and 5 more.
    acts: { last: 50, told: 'counter', hold: 7, heldAtMost: 72 },
    says: [{ from: 0, until: 50, verdict: 'active', by: ['gpu'] }],
  },
  {
    ...{ ...own, id: 'gpu-amd-quiet' },
    happens: [{ kind: 'gpu', maker: 'amd', memoryMib: 30 }],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'gpu-work-ends-between-two-looks' },
    // Accounting tells it: 50 s of work, over before anybody looks.
    happens: [
      { ...detached, id: 'burst', comm: 'python3', group: session(1000, '3'), from: 6.2, until: 7.2, cpu: 0.05 },
      { kind: 'gpu', accounting: true, programs: ['burst'], busy: { rate: 90, from: 6.3, until: 7.1 } },
    ],
    needed: [[6.2, 7.2]],
    acts: { last: 7.2, told: 'counter' },
    says: [{ from: 6, until: 8.5, verdict: 'active', by: ['gpu'], because: /programs that have ended/ }],
  },
  {
    ...{ ...own, id: 'gpu-nobody' },
    happens: [
      { kind: 'gpu', accounting: true },
      { kind: 'gpu', accounting: true },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'gpu-idle-notebook-memory' },
    row: 'notebook kernel holds a data frame, no execution for 5 h',
    happens: [
      {
        ...detached,
        id: 'kernel',
        comm: 'python3',
        argv: ['python3', '-m', 'train'],
        group: service('kernel'),
        from: -300,
        cpu: 0.004,
      },
      { kind: 'gpu', accounting: true, programs: ['kernel'], memoryMib: 14_000 },
    ],
    up: 400,
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['gpu'] }],
  },
]
