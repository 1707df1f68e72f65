/** Jobs: in every place where work is done without anybody watching. */
import { container, job, service, session, ssh, tmux } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const
const detached = { kind: 'program', uid: 1000, leads: true } as const

export const jobs: readonly Scenario[] = [
  {
    ...{ ...own, id: 'nohup-after-logout' },
    happens: [
      ssh({ id: 'a', from: -30, until: 5, typed: [{ from: -29, every: 30, until: 4.9 }] }),
      {
        ...detached,
        id: 'train',
        comm: 'python3',
        argv: ['python3', 'train.py'],
        parent: 'a-shell',
        from: -2,
        until: 75,
        cpu: 0.95,
      },
    ],
    needed: [[-30, 75]],
    acts: { last: 75, told: 'counter' },
    says: [{ from: 6, until: 75, verdict: 'active', by: ['cpu'], because: /python3/ }],
  },
  {
    ...{ ...own, id: 'at-job' },
    happens: [
      {
        kind: 'file',
        path: '/var/spool/cron/atjobs/a0000101c8719c',
        text: '#!/bin/sh\n',
        uid: 1000,
        mode: 0o700,
        until: 20,
      },
      {
        kind: 'file',
        path: '/var/spool/cron/atjobs/=0000101c8719c',
        text: '#!/bin/sh\n',
        uid: 1000,
        mode: 0o700,
        from: 20,
        until: 31,
      },
      { ...detached, id: 'atjob', comm: 'backup', parent: 'atd', from: 20, until: 31, cpu: 0.7 },
      { kind: 'folder', path: '/var/spool/cron/atjobs' },
    ],
    needed: [[20, 31]],
    acts: { last: 31, told: 'counter' },
    says: [
      { from: 8, until: 18, verdict: 'idle', veto: ['at'] },
      { from: 20, until: 31, verdict: 'active', by: ['cpu'] },
    ],
  },
  {
    ...{ ...own, id: 'make-j1-on-96-cores', cores: 96 },
    happens: [
      ssh({ id: 'a', from: -10, typed: [-9.5] }),
      job(
        { id: 'make', in: 'a' },
        { comm: 'make', argv: ['make', '-j1'], from: -9, until: 130, children: 0.9, cpu: 0.01, writes: 20_000 },
      ),
    ],
    needed: [[-10, 130]],
    acts: { last: 130, told: 'counter', hold: 55 },
    says: [{ from: 0, until: 130, verdict: 'active', by: ['cpu', 'sessions'], because: /make/ }],
  },
  {
    ...{ ...own, id: 'pytest-waits-for-a-mock' },
    happens: [
      ssh({ id: 'a', from: -10, typed: [-9.5] }),
      job({ id: 'test', in: 'a' }, { comm: 'pytest', from: -9, until: 44, wakes: 0.4 }),
    ],
    needed: [[-10, 44]],
    acts: { last: 44, told: 'counter', hold: 55 },
    says: [
      { from: 0, until: 44, verdict: 'active', by: ['sessions'], because: /job in the foreground of pts\/\d: pytest/ },
    ],
  },
  {
    ...{ ...own, id: 'kernel-build-in-a-container', cores: 8 },
    happens: [container({ id: 'build', from: -8, until: 40 }, { comm: 'make', children: 7.4, writes: 900_000 })],
    needed: [[-8, 40]],
    acts: { last: 40, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['cpu', 'disk', 'containers'], because: /make/ }],
  },
  {
    ...{ ...own, id: 'miner', cores: 8 },
    happens: [{ ...detached, id: 'xmrig', comm: 'xmrig', group: session(1000, '7'), from: -500, until: 60, cpu: 7.9 }],
    up: 600,
    needed: [[-500, 60]],
    acts: { last: 60, told: 'counter' },
    says: [{ from: 0, until: 60, verdict: 'active', by: ['cpu'], because: /xmrig/ }],
  },
  {
    ...{ ...own, id: 'stuck-in-d-state' },
    // Waits for a disk or a server that is gone, for hours: the load is 1, and nothing is done.
    happens: [{ ...detached, id: 'cp', comm: 'cp', group: session(1000, '8'), from: -300, state: 'D' }],
    up: 400,
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'nfs-hangs' },
    happens: [0, 1, 2, 3, 4, 5].map((n) => ({
      ...detached,
      id: `ls${n}`,
      comm: 'ls',
      group: session(1000, '8'),
      from: -200 + n,
      state: 'D' as const,
    })),
    up: 400,
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'zombies' },
    happens: [
      { ...detached, id: 'server', comm: 'server', group: service('app') },
      ...[0, 1, 2, 3, 4, 5, 6, 7].map(
        (n) =>
          ({
            kind: 'program',
            id: `z${n}`,
            comm: 'worker',
            parent: 'server',
            from: -50 + n,
            until: -49 + n,
            cpu: 0.5,
            state: 'Z' as const,
            uid: 1000,
          }) as const,
      ),
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'fork-bomb-ended' },
    happens: [
      { ...detached, id: 'bomb', comm: 'bash', group: session(1000, '9'), from: -4, until: 3, children: 1.9 },
      { kind: 'cpu', cores: { rate: 0.4, from: -4, until: 3 } },
    ],
    needed: [[-4, 3]],
    acts: { last: 3, told: 'counter' },
    says: [{ from: 0, until: 3, verdict: 'active', by: ['cpu'] }],
  },
  {
    ...{ ...own, id: 'bursts-of-a-poller' },
    // A service asks a queue every minute: 0.5 s of work each time, under the limit.
    happens: [
      {
        ...detached,
        id: 'poller',
        comm: 'node',
        argv: ['node', 'poll.js'],
        group: service('poller'),
        cpu: { rate: 1, every: 60, lasts: 0.5 },
      },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'work-in-bursts-of-5-min' },
    // A simulation that works 20 s of each 100 s: 0.2 cores on average, never in a snapshot at the wrong moment.
    happens: [
      {
        ...detached,
        id: 'sim',
        comm: 'sim',
        group: session(1000, '9'),
        from: -60,
        until: 84,
        cpu: { rate: 1, from: -60, until: 84, every: 100, lasts: 20 },
      },
    ],
    needed: [[-60, 84]],
    acts: { last: 82, told: 'counter' },
    says: [{ from: 0, until: 82, verdict: 'active', by: ['cpu'], because: /sim/ }],
  },
  {
    ...{ ...own, id: 'systemd-run-job' },
    happens: [
      {
        ...detached,
        id: 'batch',
        comm: 'batch',
        group: 'system.slice/run-r1234.service',
        from: -2,
        until: 33,
        cpu: 0.5,
      },
    ],
    needed: [[-2, 33]],
    acts: { last: 33, told: 'counter' },
    says: [{ from: 0, until: 33, verdict: 'active', by: ['cpu'], because: /batch/ }],
  },
  {
    ...{ ...own, id: 'short-lived-children-of-a-script' },
    // Thousands of processes, each of them over before anybody looks.
    happens: [
      {
        ...detached,
        id: 'script',
        comm: 'convert.sh',
        group: session(1000, '9'),
        from: -2,
        until: 33,
        cpu: 0.01,
        children: 0.6,
      },
    ],
    needed: [[-2, 33]],
    acts: { last: 33, told: 'counter' },
    says: [{ from: 0, until: 33, verdict: 'active', by: ['cpu'], because: /ended children of convert\.sh/ }],
  },
  {
    ...{ ...own, id: 'job-of-an-agent-by-name' },
    // A person's process that calls itself as a known agent is work all the same.
    happens: [
      { ...detached, id: 'fake', comm: 'node_exporter', group: session(1000, '9'), from: -2, until: 33, cpu: 0.5 },
    ],
    needed: [[-2, 33]],
    acts: { last: 33, told: 'counter' },
    says: [{ from: 0, until: 33, verdict: 'active', by: ['cpu'] }],
  },
  {
    ...{ ...own, id: 'download-in-tmux' },
    happens: [
      tmux({ id: 'mux', from: -20, panes: [{ id: 'p', typed: [-6], output: [{ from: -5, every: 1, until: 38 }] }] }),
      job(
        { id: 'wget', in: 'p' },
        { comm: 'wget', from: -5, until: 38, cpu: 0.02, wakes: 50, writes: 800_000, chars: 800_000 },
      ),
      { kind: 'net', received: { rate: 800_000, from: -5, until: 38 }, sent: { rate: 9000, from: -5, until: 38 } },
    ],
    needed: [[-20, 38]],
    acts: { last: 38, told: 'counter' },
    says: [{ from: 0, until: 38, verdict: 'active', by: ['sessions', 'network', 'disk'] }],
  },
  {
    ...{ ...own, id: 'build-pauses-for-linking' },
    // Works, waits 4 min for a licence, works again: the pauses are shorter than the threshold.
    happens: [
      {
        ...detached,
        id: 'build',
        comm: 'vivado',
        group: session(1000, '9'),
        from: -30,
        until: 61,
        cpu: [
          { rate: 1, from: -30, until: 5 },
          { rate: 1, from: 9, until: 20 },
          { rate: 1, from: 26, until: 61 },
        ],
      },
    ],
    needed: [[-30, 61]],
    lastUse: ['cpu'],
    acts: { last: 61, told: 'counter' },
  },
]
