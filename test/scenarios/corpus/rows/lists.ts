/** What an operator has listed: programs, probes and served ports that need the machine, and what is to be left out. */
import { service, ssh } from '../base.ts'
import type { Happening, Program, Scenario, Socket } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const

function daemon(id: string, more: Partial<Program> = {}): Program {
  return { kind: 'program', id, comm: id, group: service(id), leads: true, ...more }
}

/** A server on port 8000 and a client of it. */
function served(client: Partial<Socket>): readonly Happening[] {
  return [daemon('files', { uid: 109 }), { kind: 'socket', id: 'client', uid: 109, port: 8000, from: -30, ...client }]
}

const services = (more = '') => `idle_detection:\n  services:\n    - port: 8000\n      name: files\n${more}`
const noSs = { 'no-ss': 'without ss nobody can tell whether anything passes' } as const
const probe = ['/usr/local/bin/needed', '--queue']

const commands = 'idle_detection:\n  commands:\n    - argv: [/usr/local/bin/needed, --queue]\n      name: queue\n'
const program: Happening = { kind: 'file', path: '/usr/local/bin/needed', text: '#!/bin/sh\n', mode: 0o755 }

const serving: readonly Scenario[] = [
  {
    ...{ ...own, id: 'service-with-a-slow-reader', config: services(), without: noSs },
    // Less than the network sensor takes for use.
    happens: [served({ until: 51, sent: 3000, received: 20 })],
    needed: [[-30, 51]],
    acts: { last: 51, told: 'counter' },
    says: [{ from: 0, until: 50, verdict: 'active', by: ['services'], because: /a client on port 8000 \(files\)/ }],
  },
  {
    ...{ ...own, id: 'slow-reader-that-nobody-declared' },
    happens: [served({ until: 51, sent: 3000, received: 20 })],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'service-with-a-silent-client', config: services(), without: noSs },
    happens: [served({})],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['services'], because: /1 silent client on port 8000/ }],
  },
  {
    ...{ ...own, id: 'service-with-keep-alives-only', config: services('      hold_minutes: 30\n'), without: noSs },
    happens: [served({ sent: 3, received: 3 })],
    needed: [],
    acts: { last: 0, hold: 25 },
    says: [{ from: 0, until: 34, verdict: 'idle', by: ['services'] }],
  },
  {
    ...{ ...own, id: 'health-checker-of-a-service', config: services('      ignore_clients: [10.0.8.0/24]\n') },
    happens: [served({ client: '10.0.8.17', sent: 300, received: 200 })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'client-beside-a-health-checker', config: services('      ignore_clients: [10.0.8.0/24]\n') },
    happens: [
      served({ client: '10.0.8.17', sent: 300, received: 200 }),
      { kind: 'socket', id: 'other', uid: 109, port: 8000, from: -20, until: 35, sent: 900, received: 20 },
    ],
    needed: [[-20, 35]],
    acts: { last: 35, told: 'counter' },
    says: [{ from: 0, until: 34, verdict: 'active', by: ['services'] }],
    without: noSs,
  },
]

const declaredPrograms: readonly Scenario[] = [
  {
    ...{ ...own, id: 'declared-daemon-of-root', config: 'idle_detection:\n  processes:\n    - name: licensed*\n' },
    happens: [daemon('licensed-7', { comm: 'licensed-7', from: -60 })],
    needed: [[-60, 90]],
    acts: 'never',
    says: [{ from: 0, until: 90, verdict: 'active', by: ['processes'], because: /licensed-7/ }],
    lasts: 90,
  },
  {
    ...{ ...own, id: 'declared-daemon-that-is-not-there' },
    config: 'idle_detection:\n  processes:\n    - name: licensed*\n',
    happens: [daemon('license', { comm: 'license', from: -60 })],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'declared-program-of-anybody-for-an-hour' },
    config: 'idle_detection:\n  processes:\n    - name: watcher\n      max_hours: 1\n',
    happens: [daemon('watcher', { uid: 1000, group: 'user.slice/user-1000.slice/session-9.scope', from: -60 })],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['processes'], because: /watcher .*for 60 min at most/ }],
  },
  {
    ...{ ...own, id: 'declared-program-at-work' },
    config: 'idle_detection:\n  processes:\n    - name: indexer\n      min_cpu_cores: 0.02\n',
    // Works at less than the cpu sensor takes for use, and then only waits.
    happens: [daemon('indexer', { cpu: { rate: 0.05, from: -60, until: 41 } })],
    needed: [[-60, 41]],
    acts: { last: 41, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['processes'], because: /0\.05 cores/ }],
  },
  {
    ...{ ...own, id: 'probe-says-yes', config: commands },
    // What it says holds for the moment: until the last yes.
    happens: [
      program,
      { kind: 'command', argv: probe, answer: { status: 0, stdout: '3 in the queue\n' }, until: 40.001 },
      { kind: 'command', argv: probe, answer: { status: 1, stdout: '' }, from: 40.001 },
    ],
    needed: [[-60, 40]],
    acts: { last: 40, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['commands'], because: /queue says .*: 3 in the queue/ }],
    without: { jitter: 'its last yes is known by when it is asked' },
  },
  {
    ...{ ...own, id: 'probe-hangs', config: commands },
    happens: [program, { kind: 'command', argv: probe, answer: 'hangs' }],
    needed: [],
    acts: 'never',
    says: [{ from: 0, until: 60, verdict: 'unknown', by: ['commands'], because: /queue cannot be asked/ }],
  },
  {
    ...{ ...own, id: 'probe-that-others-can-write', config: commands },
    happens: [
      { ...program, mode: 0o777 },
      { kind: 'command', argv: probe, answer: { status: 1, stdout: '' } },
    ],
    needed: [],
    acts: 'never',
    says: [{ from: 0, until: 60, verdict: 'unknown', by: ['commands'], because: /is not run: .* can be written/ }],
  },
]

const leftOut: readonly Scenario[] = [
  {
    ...{ ...own, id: 'left-out-program' },
    config: 'idle_detection:\n  ignore:\n    programs: [scannerd]\n',
    happens: [daemon('scannerd', { cpu: 0.4 })],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'left-out-program-of-a-person' },
    config: 'idle_detection:\n  ignore:\n    programs: [scannerd]\n',
    happens: [
      ssh({ id: 'a', from: -30, typed: [-29, -28] }),
      {
        ...{
          kind: 'program',
          id: 'scannerd',
          comm: 'scannerd',
          uid: 1000,
          parent: 'a-shell',
          tty: 'a-pty',
          job: true,
          background: true,
        },
        ...{ from: -28, until: 33, cpu: 0.4 },
      },
    ],
    needed: [[-30, 33]],
    acts: { last: 33, told: 'counter', hold: 55 },
    says: [{ from: 0, until: 32, verdict: 'active', by: ['cpu'], because: /scannerd/ }],
  },
  {
    ...{ ...own, id: 'left-out-interface' },
    config: 'idle_detection:\n  ignore:\n    interfaces: [wg*]\n',
    happens: [{ kind: 'net', on: 'wg0', received: 90_000, sent: 90_000 }],
    needed: [],
    acts: { last: 0 },
  },
  {
    ...{ ...own, id: 'left-out-unit' },
    config: 'idle_detection:\n  ignore:\n    units: [reindex.service]\n',
    happens: [daemon('reindex', { cpu: 0.6 })],
    needed: [],
    acts: { last: 0 },
    without: {
      'cgroup-v1': 'a unit is known by its control group',
      'cgroup-hybrid': 'a unit is known by its control group',
      'no-cgroup': 'a unit is known by its control group',
    },
  },
]

export const lists: readonly Scenario[] = [...serving, ...declaredPrograms, ...leftOut]
