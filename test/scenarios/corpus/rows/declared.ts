/** What somebody has asked for, or is certain to come: leases, inhibitors, timers, package managers, shutdowns. */
import { service, session, ssh } from '../base.ts'
import type { Happening, Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const
const detached = { kind: 'program', uid: 1000, leads: true } as const

/** An inhibitor as logind 252 writes it down for a living process. */
function inhibitor(of: {
  readonly what: string
  readonly mode: string
  readonly uid: number
  readonly by: string
  readonly pid: number
  readonly from: number
  readonly until?: number
}): Happening {
  const text = `# This is private data. Do not parse.\nWHAT=${of.what}\nMODE=${of.mode}\nUID=${of.uid}\nPID=${of.pid}\nWHO=${of.by}\nWHY=nightly\nFIFO=/run/systemd/inhibit/3.ref\n`
  return {
    kind: 'file',
    path: '/run/systemd/inhibit/3',
    text,
    from: of.from,
    ...(of.until === undefined ? {} : { until: of.until }),
  }
}

export const declared: readonly Scenario[] = [
  {
    ...{ ...own, id: 'lease-for-40-min' },
    happens: [{ kind: 'lease', uid: 1000, from: -5, minutes: 45 }],
    needed: [[-5, 40]],
    acts: { last: 0, heldUntil: 40 },
    says: [{ from: 0, until: 40, verdict: 'idle', veto: ['lease'] }],
  },
  {
    ...{ ...own, id: 'lease-of-a-living-job' },
    happens: [
      { ...detached, id: 'job', comm: 'waiter', group: session(1000, '6'), from: -30, until: 52 },
      { kind: 'lease', uid: 1000, from: -29, program: 'job' },
    ],
    needed: [[-30, 52]],
    acts: { last: 0, heldUntil: 52 },
    says: [{ from: 0, until: 52, verdict: 'idle', veto: ['lease'], because: /while process \d+ runs/ }],
  },
  {
    ...{ ...own, id: 'lease-over-the-ceiling' },
    config: 'idle_detection:\n  keep:\n    ceiling_hours: 1\n',
    // An hour without input of that user, counted from the first check that saw it: then the lease holds no longer.
    happens: [{ kind: 'lease', uid: 1000, from: -11, minutes: 9000 }],
    needed: [[-11, 50]],
    acts: { last: 0, heldUntil: 50 },
    says: [{ from: 0, until: 50, verdict: 'idle', veto: ['lease'] }],
  },
  {
    ...{ ...own, id: 'lease-released' },
    happens: [{ kind: 'lease', uid: 1000, from: -5, minutes: 300, until: 23 }],
    needed: [[-5, 23]],
    acts: { last: 0, heldUntil: 23 },
    says: [{ from: 0, until: 22, verdict: 'idle', veto: ['lease'] }],
  },
  {
    ...{ ...own, id: 'inhibitor-of-root' },
    happens: [
      { ...detached, id: 'backup', comm: 'backup', uid: 0, group: service('backup'), from: -20, until: 31 },
      inhibitor({ what: 'shutdown:sleep', mode: 'block', uid: 0, by: 'backup', pid: 1, from: -20, until: 31 }),
    ],
    needed: [[-20, 31]],
    acts: { last: 0, heldUntil: 31 },
    says: [{ from: 0, until: 30, verdict: 'idle', veto: ['inhibitor'] }],
  },
  {
    ...{ ...own, id: 'inhibitor-held-for-two-days', up: 3000 },
    // A user's own ends after a day, whoever forgot it.
    happens: [inhibitor({ what: 'idle', mode: 'block', uid: 1000, by: 'player', pid: 1, from: -2880 })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'inhibitor-that-delays' },
    happens: [inhibitor({ what: 'shutdown', mode: 'delay', uid: 0, by: 'unattended-upgrades', pid: 1, from: -100 })],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'timer-of-a-user-due' },
    happens: [
      { kind: 'timer', timer: 'sync.timer', unit: 'sync.service', at: 17, every: 1440, uid: 1000 },
      {
        ...detached,
        id: 'sync',
        comm: 'sync',
        group: 'user.slice/user-1000.slice/user@1000.service',
        from: 17,
        until: 23,
        cpu: 0.6,
      },
    ],
    needed: [[17, 23]],
    acts: { last: 23, told: 'counter' },
    says: [
      { from: 8, until: 16, verdict: 'idle', veto: ['timer'], because: /sync\.timer of uid 1000 is due/ },
      { from: 18, until: 23, verdict: 'active', by: ['cpu'] },
    ],
    without: { 'no-systemd-answer': 'only housekeeping is not answered' },
  },
  {
    ...{ ...own, id: 'timer-of-the-operator-due' },
    happens: [
      { kind: 'timer', timer: 'etl.timer', unit: 'etl.service', at: 15, every: 1440 },
      { ...detached, id: 'etl', comm: 'etl', uid: 0, group: service('etl'), from: 15, until: 29, cpu: 0.6 },
    ],
    needed: [[15, 29]],
    lastUse: ['cpu'],
    acts: { last: 29, told: 'counter' },
    says: [{ from: 8, until: 14, verdict: 'idle', veto: ['timer'] }],
  },
  {
    ...{ ...own, id: 'timer-of-the-distribution-due' },
    happens: [{ kind: 'timer', timer: 'man-db.timer', unit: 'man-db.service', at: 14, every: 1440 }],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'cron-every-5-min' },
    // Measured by what it does, not waited for.
    happens: [
      { kind: 'file', path: '/etc/cron.d/probe', text: '*/5 * * * * root /usr/local/bin/probe\n', changed: -5000 },
      { kind: 'cpu', cores: 0.004, group: service('cron') },
    ],
    up: 6000,
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'cron-in-another-time-zone' },
    happens: [
      {
        kind: 'file',
        path: '/var/spool/cron/crontabs/alice',
        text: 'CRON_TZ=Asia/Kolkata\n45 11 * * * /home/alice/report\n',
        uid: 1000,
        mode: 0o600,
        changed: -5000,
      },
      // 11:45 in Kolkata is 06:15 UTC.
      { ...detached, id: 'report', comm: 'report', parent: 'cron', from: 15, until: 21, cpu: 0.9 },
    ],
    up: 6000,
    needed: [[15, 21]],
    lastUse: ['cpu'],
    acts: { last: 21, told: 'counter' },
    says: [{ from: 8, until: 15, verdict: 'idle', veto: ['cron'] }],
  },
  {
    ...{ ...own, id: 'dpkg-waits-at-a-question' },
    happens: [
      ssh({ id: 'a', from: -30, typed: [-5] }),
      { kind: 'program', id: 'dpkg', comm: 'dpkg', parent: 'a-shell', tty: 'a-pty', job: true, from: -5, until: 140 },
      { kind: 'lock', path: '/var/lib/dpkg/lock-frontend', by: 'dpkg', from: -5, until: 140 },
    ],
    needed: [[-5, 140]],
    lastUse: ['sessions'],
    acts: { last: 0, heldUntil: 140, hold: 115 },
    says: [{ from: 126, until: 138, verdict: 'idle', veto: ['package-manager'] }],
  },
  {
    ...{ ...own, id: 'lock-file-without-a-holder' },
    happens: [{ kind: 'file', path: '/var/lib/dpkg/lock', text: '', changed: -3000 }],
    up: 4000,
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'shutdown-scheduled' },
    // `shutdown +18` at minute 2: their plan is waited for.
    happens: [
      {
        kind: 'file',
        path: '/run/systemd/shutdown/scheduled',
        text: `USEC=${Date.parse('2026-11-16T06:20:00Z') * 1000}\nWARN_WALL=1\nMODE=poweroff\n`,
        from: 2,
        until: 21,
      },
    ],
    needed: [],
    acts: { last: 0, heldUntil: 20, heldAtMost: 22.1 },
    says: [{ from: 6, until: 20, verdict: 'idle', veto: ['shutdown'] }],
  },
]
