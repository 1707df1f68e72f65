/** Network and disks: transfers, scans, backups, maintenance. */
import { service, session } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const
const daemon = { kind: 'program', leads: true } as const

export const traffic: readonly Scenario[] = [
  {
    ...{ ...own, id: 'rsync-pull-by-cron' },
    happens: [
      {
        ...daemon,
        id: 'rsync',
        comm: 'rsync',
        parent: 'cron',
        uid: 1000,
        from: 1,
        until: 47,
        cpu: 0.04,
        writes: 3_000_000,
      },
      { kind: 'net', received: { rate: 3_000_000, from: 1, until: 47 }, sent: { rate: 40_000, from: 1, until: 47 } },
    ],
    needed: [[1, 47]],
    acts: { last: 47, told: 'counter' },
    says: [{ from: 2, until: 47, verdict: 'active', by: ['network', 'disk'] }],
  },
  {
    ...{ ...own, id: 'web-server-one-slow-reader' },
    happens: [
      { ...daemon, id: 'nginx', comm: 'nginx', uid: 33, group: service('nginx') },
      { kind: 'net', sent: { rate: 40_000, from: -20, until: 50 }, received: { rate: 900, from: -20, until: 50 } },
    ],
    needed: [[-20, 50]],
    acts: { last: 50, told: 'counter' },
    says: [{ from: 0, until: 50, verdict: 'active', by: ['network'], because: /sent 4\d\.\d kB\/s/ }],
  },
  {
    ...{ ...own, id: 'port-scan' },
    // 40 SYN a second, a RST for each: 60 bytes each way.
    happens: [{ kind: 'net', received: 2600, sent: 2400 }],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'metrics-scraped-in-bulk' },
    happens: [
      { kind: 'net', received: 300, sent: 1900 },
      { kind: 'cpu', cores: 0.02 },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'loopback-chatter' },
    happens: [{ kind: 'net', on: 'lo', received: 5_000_000, sent: 5_000_000 }],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'vpn-in-use' },
    // The tunnel repeats the bytes of the card: both show them, and they count once.
    happens: [
      {
        kind: 'net',
        on: 'wg0',
        received: { rate: 7000, from: -20, until: 40 },
        sent: { rate: 4000, from: -20, until: 40 },
      },
      { kind: 'net', received: { rate: 7600, from: -20, until: 40 }, sent: { rate: 4400, from: -20, until: 40 } },
    ],
    needed: [[-20, 40]],
    acts: { last: 40, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['network'], because: /sent 5\.\d kB\/s/ }],
    without: { 'no-sysfs-net': 'nothing tells the tunnel from a card: its bytes count twice' },
  },
  {
    ...{ ...own, id: 'vpn-keep-alives' },
    happens: [
      { kind: 'net', on: 'wg0', received: 8, sent: 8 },
      { kind: 'net', received: 12, sent: 12 },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'no-network-card', model: { nic: '' } },
    happens: [],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
    without: {
      'other-names': 'it has no network card',
      'other-user': 'nobody could connect',
      'no-sysfs-net': 'it has no network card',
    },
  },
  {
    ...{ ...own, id: 'backup-agent-at-night', begins: '2026-11-16T01:00:00Z' },
    happens: [
      {
        ...daemon,
        id: 'restic',
        comm: 'restic',
        group: service('restic-backup'),
        from: 4,
        until: 33,
        cpu: 0.2,
        reads: 12_000_000,
      },
      { kind: 'net', sent: { rate: 4_000_000, from: 4, until: 33 } },
    ],
    needed: [[4, 33]],
    acts: { last: 33, told: 'counter' },
    says: [{ from: 6, until: 33, verdict: 'active', by: ['cpu', 'network', 'disk'], because: /restic/ }],
  },
  {
    ...{ ...own, id: 'swap-storm' },
    happens: [
      {
        kind: 'disk',
        reads: { rate: 9_000_000, from: -10, until: 25 },
        writes: { rate: 9_000_000, from: -10, until: 25 },
      },
      {
        ...daemon,
        id: 'kswapd',
        comm: 'kswapd0',
        argv: [],
        parent: 'kthreadd',
        group: '',
        cpu: { rate: 0.3, from: -10, until: 25 },
      },
      {
        ...daemon,
        id: 'R',
        comm: 'R',
        uid: 1000,
        group: session(1000, '3'),
        from: -60,
        until: 25,
        state: 'D',
        cpu: { rate: 0.05, from: -10, until: 25 },
      },
    ],
    needed: [[-60, 25]],
    acts: { last: 25, told: 'counter' },
    says: [{ from: 0, until: 25, verdict: 'active', by: ['cpu', 'disk'] }],
  },
  {
    ...{ ...own, id: 'md-scrub' },
    // The kernel reads both disks for hours. What is left of it to the next start is done then; it is nobody's work, but nobody can tell.
    happens: [{ kind: 'disk', reads: { rate: 80_000_000, from: -30, until: 40 } }],
    needed: [],
    acts: { last: 40, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['disk'] }],
  },
  {
    ...{ ...own, id: 'fstrim' },
    happens: [
      { kind: 'unit', unit: 'fstrim.service', from: 3, until: 4.5, cores: 0.3 },
      {
        kind: 'program',
        id: 'trim',
        comm: 'fstrim',
        group: service('fstrim'),
        leads: true,
        from: 3,
        until: 4.5,
        cpu: 0.3,
      },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
    without: {
      'no-systemd-answer': 'nobody tells whose CPU time it was, so it is work',
      'cgroup-v1': 'as with no-cgroup',
      'no-cgroup': 'no group tells how much of the time was services’',
    },
  },
  {
    ...{ ...own, id: 'snap-refresh' },
    happens: [
      {
        kind: 'program',
        id: 'snapd',
        comm: 'snapd',
        group: service('snapd'),
        leads: true,
        cpu: { rate: 0.4, from: 3, until: 6 },
        writes: { rate: 2_000_000, from: 3, until: 6 },
      },
      { kind: 'net', received: { rate: 1_500_000, from: 3, until: 6 }, sent: { rate: 18_000, from: 3, until: 6 } },
    ],
    needed: [],
    // snapd is no one-shot unit: what it does is told from nobody's work by nothing, so it counts.
    acts: { last: 6, told: 'counter' },
    says: [{ from: 4, until: 6.5, verdict: 'active', by: ['cpu', 'network', 'disk'], because: /snapd/ }],
  },
  {
    ...{ ...own, id: 'log-rotation' },
    happens: [
      { kind: 'unit', unit: 'logrotate.service', from: 3, until: 3.6, cores: 0.7 },
      {
        kind: 'program',
        id: 'logrotate',
        comm: 'logrotate',
        group: service('logrotate'),
        leads: true,
        from: 3,
        until: 3.6,
        cpu: 0.7,
        writes: 3_000_000,
      },
    ],
    needed: [],
    acts: { last: 0, heldAtMost: 11 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
    without: {
      'no-systemd-answer': 'nobody tells whose it was, so it is work',
      'cgroup-v1': 'as with no-cgroup',
      'no-cgroup': 'no group tells how much of the time was services’',
    },
  },
  {
    ...{ ...own, id: 'database-checkpoints' },
    // Writes 60 kB/s all day: under the limit.
    happens: [
      { ...daemon, id: 'pg', comm: 'postgres', uid: 113, group: service('postgresql'), cpu: 0.01, writes: 60_000 },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
]
