/** What a machine does when nobody is there: learned within days where it is the system's own, never where it is somebody's. */
import { service, session } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = {
  ...{ row: 'own', made: 'written' as const, every: 10, up: 6000 },
  // Checks so rarely, so that days are played in seconds.
  config: 'idle_detection:\n  check_interval_minutes: 10\n  boot_grace_minutes: 10\n',
}

/** Three days of which the first ones count for less after a while (agent/learn/constants.ts): some 78 hours until enough is known. */
const days = 4700

const worker = { kind: 'program', id: 'watcher', comm: 'watcher', leads: true, cpu: 0.14 } as const

export const noise: readonly Scenario[] = [
  {
    ...{ ...own, id: 'noise-of-a-system-daemon' },
    // Above the fixed limit all the time: in use for three days, and then known to be what is always there.
    watchedFrom: days,
    happens: [{ ...worker, group: service('watcher') }],
    needed: [],
    acts: { last: 0, told: 'counter', heldAtMost: 40 },
    says: [
      { from: -4680, until: -30, verdict: 'active', by: ['cpu'], because: /watcher\.service, watcher/ },
      { from: 20, until: 60, verdict: 'idle', because: /is usual for watcher\.service here/ },
    ],
    without: {
      'no-cgroup': 'whose a process is cannot be told, and nothing is learned',
      'cgroup-v1': 'whose a process is cannot be told, and nothing is learned',
      'cgroup-hybrid': 'whose a process is cannot be told, and nothing is learned',
      'no-disk-counters': 'nothing is learned where something is unknown',
    },
  },
  {
    ...{ ...own, id: 'noise-of-a-user' },
    watchedFrom: days,
    happens: [{ ...worker, uid: 1000, group: session(1000, '3') }],
    needed: [[-days, 120]],
    acts: 'never',
    lasts: 120,
    says: [{ from: -4680, until: 120, verdict: 'active', by: ['cpu'], because: /watcher \(pid \d+\)/ }],
    without: { 'other-user': 'they are in use, too' },
  },
]
