/** People: logged in by every way there is, at work, gone, and beside each other. */
import { container, dockerScope, job, service, session, ssh, sshWithoutTerminal, tmux } from '../base.ts'
import type { Happening, Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const

/** A log-in on the serial console: `login` stays behind the shell. */
function console(of: { readonly typed: readonly number[]; readonly from: number }): readonly Happening[] {
  return [
    { kind: 'pty', id: 'console', of: 'ttyS0', uid: 0, from: of.from, typed: of.typed },
    {
      kind: 'program',
      id: 'login',
      comm: 'login',
      argv: ['/bin/login', '-p', '--'],
      tty: 'console',
      leads: true,
      from: of.from,
    },
    {
      kind: 'program',
      id: 'console-shell',
      comm: 'bash',
      argv: ['-bash'],
      parent: 'login',
      tty: 'console',
      job: true,
      from: of.from,
    },
  ]
}

export const people: readonly Scenario[] = [
  {
    ...{ ...own, id: 'works-then-logs-out' },
    happens: [ssh({ id: 'a', from: -30, until: 41, typed: [{ from: -29, every: 25, until: 40.9 }] })],
    needed: [[-30, 41]],
    acts: { last: 41, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['sessions'], because: /input on pts\/\d/ }],
  },
  {
    ...{ ...own, id: 'two-users-one-leaves' },
    happens: [
      ssh({ id: 'a', from: -30, until: 20, typed: [{ from: -29, every: 25, until: 19.9 }] }),
      ssh({ id: 'b', uid: 1001, user: 'bob', from: -30, until: 61, typed: [{ from: -29, every: 100, until: 60 }] }),
    ],
    needed: [[-30, 61]],
    acts: { last: 61, told: 'counter' },
    says: [{ from: 0, until: 60, verdict: 'active', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'sudo-root-shell' },
    happens: [
      ssh({ id: 'a', from: -30, typed: [{ from: -29, every: 200, until: 50 }] }),
      {
        kind: 'program',
        id: 'sudo',
        comm: 'sudo',
        argv: ['sudo', '-i'],
        parent: 'a-shell',
        tty: 'a-pty',
        job: true,
        from: -28,
      },
      {
        kind: 'program',
        id: 'root',
        comm: 'bash',
        argv: ['-bash'],
        parent: 'sudo',
        tty: 'a-pty',
        job: true,
        from: -28,
      },
    ],
    needed: [[-30, 47]],
    lastUse: ['sessions'],
    acts: { last: 47.67, hold: 55 },
    says: [{ from: 50, until: 112, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'serial-console' },
    happens: console({ from: -20, typed: [-19, -10, -1, 8, 17, 26, 33] }),
    needed: [[-20, 33]],
    lastUse: ['sessions'],
    acts: { last: 33, hold: 55 },
    says: [{ from: 36, until: 98, verdict: 'idle', by: ['sessions'], because: /other login open: on ttyS0/ }],
  },
  {
    ...{ ...own, id: 'mosh' },
    happens: [
      {
        kind: 'program',
        id: 'mosh',
        comm: 'mosh-server',
        uid: 1000,
        group: session(1000, 'm'),
        leads: true,
        from: -40,
        cpu: 0.001,
      },
      { kind: 'pty', id: 'm-pty', uid: 1000, from: -40, typed: [{ from: -39, every: 45, until: 30 }] },
      {
        kind: 'program',
        id: 'm-shell',
        comm: 'bash',
        argv: ['-bash'],
        uid: 1000,
        parent: 'mosh',
        tty: 'm-pty',
        leads: true,
        from: -40,
      },
    ],
    needed: [[-40, 30]],
    acts: { last: 30, hold: 55 },
    says: [
      { from: 0, until: 30, verdict: 'active', by: ['sessions'] },
      { from: 34, until: 94, verdict: 'idle', by: ['sessions'], because: /mosh-server/ },
    ],
  },
  {
    ...{ ...own, id: 'screen-left-with-a-shell' },
    happens: [tmux({ id: 's', comm: 'SCREEN', from: -100, panes: [{ id: 'p', typed: [-60] }] })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'watch-date-in-tmux' },
    happens: [
      tmux({ id: 'mux', from: -60, panes: [{ id: 'a', typed: [-50], output: [{ from: -50, every: 1 }] }] }),
      job(
        { id: 'watch', in: 'a' },
        { comm: 'watch', argv: ['watch', '-n1', 'date'], from: -50, children: 0.006, wakes: 4 },
      ),
    ],
    needed: [],
    acts: { last: 0, hold: 115 },
    says: [{ from: 0, until: 125, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'vim-open-overnight' },
    happens: [
      ssh({ id: 'a', from: -90, typed: [{ from: -89, every: 15, until: 12 }], received: 0.4, sent: 0.4 }),
      job({ id: 'vim', in: 'a' }, { comm: 'vim', from: -80, wakes: 0.25 }),
    ],
    needed: [[-90, 12]],
    lastUse: ['sessions'],
    acts: { last: 12, hold: 55 },
    says: [{ from: 14, until: 76, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'less-on-a-file' },
    happens: [
      ssh({ id: 'a', from: -90, typed: [{ from: -20, every: 30, until: 5 }] }),
      job({ id: 'less', in: 'a' }, { comm: 'less', from: -20 }),
    ],
    needed: [[-90, 5]],
    lastUse: ['sessions'],
    acts: { last: 5, hold: 55 },
  },
  {
    ...{ ...own, id: 'repl-left-open' },
    happens: [
      ssh({ id: 'a', from: -90, typed: [{ from: -60, every: 30, until: 6 }] }),
      job({ id: 'repl', in: 'a' }, { comm: 'python3', argv: ['python3'], from: -60, wakes: 0.002 }),
    ],
    needed: [[-90, 6]],
    lastUse: ['sessions'],
    acts: { last: 6, hold: 55 },
    says: [{ from: 10, until: 70, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'repl-runs-a-typed-loop' },
    happens: [
      ssh({ id: 'a', from: -90, typed: [{ from: -60, every: 30, until: 6 }] }),
      job({ id: 'repl', in: 'a' }, { comm: 'python3', argv: ['python3'], from: -60, wakes: [{ rate: 2, until: 80 }] }),
    ],
    needed: [[-90, 80]],
    acts: { last: 80, told: 'counter', hold: 55 },
    says: [{ from: 8, until: 80, verdict: 'active', by: ['sessions'], because: /python3/ }],
  },
  {
    ...{ ...own, id: 'agent-forwarding-left' },
    happens: [
      ssh({
        id: 'a',
        from: -300,
        typed: [-290],
        received: { rate: 44, every: 60, lasts: 1 },
        sent: { rate: 44, every: 60, lasts: 1 },
      }),
    ],
    up: 400,
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'control-master-left' },
    happens: [
      sshWithoutTerminal({
        id: 'cm',
        from: -200,
        received: { rate: 36, every: 120, lasts: 1 },
        sent: { rate: 36, every: 120, lasts: 1 },
      }),
    ],
    up: 400,
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'x-forwarding' },
    happens: [
      // Keys and pictures pass beside the terminal, in which nothing is typed after the start.
      ssh({
        id: 'a',
        from: -20,
        typed: [-19.5],
        received: { rate: 900, from: -19, until: 55, every: 9, lasts: 4 },
        sent: { rate: 3000, from: -19, until: 55, every: 9, lasts: 4 },
      }),
      job(
        { id: 'plot', in: 'a' },
        { comm: 'gnuplot', from: -19, wakes: { rate: 5, until: 55 }, cpu: { rate: 0.02, until: 55 } },
      ),
    ],
    needed: [[-20, 55]],
    acts: { last: 55, told: 'counter', hold: 115 },
    says: [{ from: 0, until: 55, verdict: 'active', by: ['sessions'] }],
    without: { 'no-ss': 'of a connection with a terminal the process tells too much' },
  },
  {
    ...{ ...own, id: 'sftp-upload' },
    happens: [
      sshWithoutTerminal(
        { id: 'up', from: -3, until: 35, received: 400_000, sent: 2500 },
        { comm: 'sftp-server', argv: ['/usr/lib/openssh/sftp-server'], writes: 400_000, chars: 400_000 },
      ),
    ],
    needed: [[-3, 35]],
    acts: { last: 35, told: 'counter' },
    says: [{ from: 0, until: 34, verdict: 'active', by: ['sessions', 'network', 'disk'] }],
  },
  {
    ...{ ...own, id: 'git-clone-over-ssh' },
    happens: [
      sshWithoutTerminal(
        { id: 'git', from: 1, until: 21, sent: 2_000_000, received: 9000 },
        {
          comm: 'git-upload-pack',
          argv: ['git-upload-pack', 'big.git'],
          cpu: 0.05,
          reads: 2_000_000,
          chars: 2_000_000,
        },
      ),
    ],
    needed: [[1, 21]],
    acts: { last: 21, told: 'counter' },
    says: [{ from: 2, until: 20, verdict: 'active', by: ['sessions', 'network', 'disk'] }],
  },
  {
    ...{ ...own, id: 'database-query-over-ssh' },
    happens: [
      // One slow query: the client waits without a terminal, the server scans what is in its cache.
      sshWithoutTerminal(
        { id: 'db', from: -5, until: 66 },
        { comm: 'psql', argv: ['psql', '-c', 'select count(*) from t'], chars: 0 },
      ),
      {
        kind: 'program',
        id: 'postgres',
        comm: 'postgres',
        uid: 113,
        group: service('postgresql'),
        leads: true,
        cpu: { rate: 0.97, from: -5, until: 66 },
      },
    ],
    needed: [[-5, 66]],
    acts: { last: 66, told: 'counter' },
    says: [{ from: 0, until: 66, verdict: 'active', by: ['cpu'], because: /postgres/ }],
  },
  {
    ...{ ...own, id: 'irc-bouncer' },
    happens: [
      tmux({ id: 'mux', from: -600, panes: [{ id: 'p', typed: [-500], output: [{ from: -500, every: 37 }] }] }),
      job({ id: 'irc', in: 'p' }, { comm: 'irssi', from: -500, cpu: 0.001, wakes: 1 }),
      { kind: 'net', received: 160, sent: 40 },
    ],
    up: 700,
    needed: [],
    acts: { last: 0, hold: 115 },
    says: [{ from: 0, until: 120, verdict: 'idle', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'types-in-the-second-look' },
    // Last input at 12 s, told as 16 s: the check at minute 10 waits until 10:16 and looks again at 10:22. Keys at 10:20.
    happens: [
      tmux({
        id: 'mux',
        from: -40,
        panes: [
          { id: 'p', typed: [-30, 0.2] },
          { id: 'q', typed: [-30, 10.33] },
        ],
      }),
    ],
    needed: [
      [-60, 0.2],
      [10.33, 10.34],
    ],
    lastUse: ['sessions'],
    acts: { last: 10.33 },
    without: {
      'other-user': 'somebody else keeps it up',
      jitter: 'a check that comes late looks again at another moment',
    },
  },
  {
    ...{ ...own, id: 'types-and-logs-out-between-two-checks' },
    happens: [ssh({ id: 'a', from: -60, until: 1.6, typed: [-50, 1.5] })],
    needed: [[-60, 1.6]],
    lastUse: ['sessions'],
    acts: { last: 1.6, told: 'counter' },
    says: [{ from: 0, until: 4, verdict: 'active', by: ['sessions'], because: /input on pts\/\d/ }],
  },
  {
    ...{ ...own, id: 'forgotten-login-breaks-off' },
    // Its last input is longer ago than a silent connection may hold, while other work went on: its end is nobody's.
    watchedFrom: 70,
    happens: [
      ssh({ id: 'a', from: -66, until: 31, typed: [-65, -64] }),
      {
        ...{ kind: 'program', id: 'job', comm: 'solve', group: service('solve'), leads: true },
        ...{ from: -60, until: 20, cpu: 0.9 },
      },
    ],
    needed: [[-60, 20]],
    acts: { last: 20, told: 'counter', heldUntil: 31, heldAtMost: 37 },
    says: [
      { from: -58, until: 20, verdict: 'active', by: ['cpu'] },
      { from: 22, until: 30, verdict: 'idle', by: ['sessions'] },
      { from: 30, until: 34, verdict: 'idle' },
    ],
  },
  {
    ...{ ...own, id: 'a-script-logs-in-and-out' },
    // Every 20 min for 7 min, on a terminal from which nothing is read: it comes, which counts, and its end does not.
    happens: [3, 23, 43].map((from) => ssh({ id: `m${from}`, uid: 1100, user: 'probe', from, until: from + 7 })),
    needed: [],
    acts: { last: 3 },
    says: [{ from: 2, until: 5, verdict: 'active', by: ['sessions'] }],
    without: { 'other-user': 'the next one comes before the hold is over' },
    lastUse: ['sessions'],
  },
  {
    ...{ ...own, id: 'clock-steps-while-somebody-types' },
    happens: [
      ssh({ id: 'a', from: -30, typed: [{ from: -29, every: 30, until: 40 }] }),
      { kind: 'turn', at: 15.3, step: -120 },
      { kind: 'turn', at: 31.7, step: 121 },
    ],
    needed: [[-30, 40]],
    acts: { last: 40, hold: 55 },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['sessions'] }],
  },
  {
    ...{ ...own, id: 'editor-window-left-open' },
    row: 'VS Code left open overnight, file watchers at 1–2 % CPU',
    watchedFrom: 100,
    happens: [
      // Edits with pauses until minute 0, then the window stays: two keep-alives every 5 s, some 1,300 bytes a minute each way.
      sshWithoutTerminal(
        {
          ...{ id: 'e', from: -95 },
          received: [{ rate: 22 }, { rate: 900, from: -95, until: 0, every: 600, lasts: 260 }],
          sent: [{ rate: 23 }, { rate: 1500, from: -95, until: 0, every: 600, lasts: 260 }],
        },
        { comm: 'sh', argv: ['sh', '/home/alice/.vscode-server/bin/code-server'] },
      ),
      {
        kind: 'program',
        id: 'node',
        comm: 'node',
        argv: ['/home/alice/.vscode-server/cli/servers/Stable/server/node'],
        uid: 1000,
        parent: 'e-command',
        from: -94,
        cpu: 0.015,
        wakes: 20,
      },
    ],
    needed: [[-95, -6]],
    lastUse: ['sessions'],
    acts: { last: 0, hold: 55 },
    without: { 'no-ss': 'the process tells what it passes on within the machine, too' },
  },
  {
    ...{ ...own, id: 'docker-exec-left' },
    happens: [
      container({ id: 'dev', from: -100 }, { comm: 'sleep', argv: ['sleep', 'infinity'] }),
      { kind: 'pty', id: 'x-pty', of: 'apart', uid: 1000, from: -90, typed: [-80] },
      {
        kind: 'program',
        id: 'x-shell',
        comm: 'bash',
        argv: ['bash'],
        uid: 1000,
        parent: 'dev-shim',
        group: dockerScope('dev'),
        tty: 'x-pty',
        leads: true,
        from: -90,
      },
      ssh({ id: 'a', from: -95, typed: [-80] }),
      job(
        { id: 'docker', in: 'a' },
        { comm: 'docker', argv: ['docker', 'exec', '-it', 'dev', 'bash'], from: -90, wakes: 0.03 },
      ),
    ],
    needed: [],
    // A silent client in the foreground makes no progress: output's limit.
    acts: { last: 0, hold: 115 },
    says: [{ from: 0, until: 120, verdict: 'idle', by: ['sessions'], because: /no progress of docker/ }],
  },
]
