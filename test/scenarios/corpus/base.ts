/** What runs on every machine of the corpus, and what people bring along: constructors of plain happenings. Written after a Debian 12 VM on EC2. */
import type { Happening, Program, Pty, Socket } from './scenario.ts'
import type { Load, Times } from './times.ts'

export const service = (unit: string): string => `system.slice/${unit}.service`

function daemon(id: string, comm: string, more: Partial<Program> = {}): Program {
  return { kind: 'program', id, comm, group: service(id), leads: true, ...more }
}

/** Nobody logged in: systemd, kernel threads, journal, cron, sshd, a console that waits, the cloud's agent, metrics scraped every 15 s, time. */
export const quietMachine: readonly Happening[] = [
  {
    kind: 'program',
    id: 'systemd',
    comm: 'systemd',
    argv: ['/sbin/init'],
    group: 'init.scope',
    cpu: 0.0004,
    leads: true,
  },
  { kind: 'program', id: 'kthreadd', comm: 'kthreadd', argv: [], group: '' },
  { kind: 'program', id: 'kworker', comm: 'kworker/0:1-eve', argv: [], parent: 'kthreadd', group: '', cpu: 0.001 },
  daemon('systemd-journald', 'systemd-journal', { cpu: 0.0008, writes: 900 }),
  daemon('cron', 'cron', { argv: ['/usr/sbin/cron', '-f'], cpu: 0.0001 }),
  daemon('atd', 'atd', { argv: ['/usr/sbin/atd', '-f'] }),
  daemon('ssh', 'sshd', { argv: ['sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups'] }),
  daemon('serial-getty@ttyS0', 'agetty', {
    tty: 'ttyS0',
    argv: ['/sbin/agetty', '-o', '-p -- \\u', '115200', 'ttyS0'],
  }),
  { kind: 'pty', id: 'ttyS0', of: 'ttyS0', uid: 0 },
  daemon('amazon-ssm-agent', 'amazon-ssm-agen', { argv: ['/usr/bin/amazon-ssm-agent'], cpu: 0.004 }),
  daemon('prometheus-node-exporter', 'prometheus-node', {
    ...{ argv: ['/usr/bin/prometheus-node-exporter'], uid: 107 },
    cpu: { rate: 0.08, every: 15, lasts: 1.2 },
  }),
  daemon('chrony', 'chronyd', { argv: ['/usr/sbin/chronyd', '-F', '1'], uid: 108, cpu: 0.0003 }),
  // A scrape of 12 kB every 15 s, what chrony and the agent say, and whoever knocks.
  { kind: 'net', received: 420, sent: 1150 },
  { kind: 'net', on: 'lo', received: 900, sent: 900 },
  { kind: 'disk', writes: 1800, reads: 100 },
]

/** Control group of a login. */
export function session(uid: number, id: string): string {
  return `user.slice/user-${uid}.slice/session-${id}.scope`
}

export interface Login {
  readonly id: string
  readonly uid?: number
  readonly user?: string
  readonly from: number
  readonly until?: number
  readonly typed?: Times
  readonly output?: Times
  readonly received?: Load
  readonly sent?: Load
  readonly answers?: number
  readonly shell?: string
  /** Control group, where pam_systemd made none. */
  readonly group?: string
  readonly shows?: string
}

function life({ from, until }: Pick<Login, 'from' | 'until'>): { from: number; until?: number } {
  return until === undefined ? { from } : { from, until }
}

/** The processes and the socket of an authenticated connection, its title naming `terminal`. */
function connection(login: Login, terminal: string): readonly Happening[] {
  const { id, uid = 1000, user = 'alice', group = session(uid, id) } = login
  const carries: Pick<Socket, 'carries'> = terminal === 'notty' ? {} : { carries: `${id}-pty` }
  const bytes = { received: login.received ?? 0, sent: login.sent ?? 0 }
  return [
    ...([
      {
        kind: 'program',
        id: `${id}-priv`,
        comm: 'sshd',
        argv: [`sshd: ${user} [priv]`],
        parent: 'ssh',
        group,
        ...life(login),
      },
      {
        kind: 'program',
        id: `${id}-sshd`,
        comm: 'sshd',
        argv: [`sshd: ${user}@${terminal}`],
        uid,
        parent: `${id}-priv`,
        ...life(login),
        socket: `${id}-socket`,
      },
      { kind: 'socket', id: `${id}-socket`, uid, port: 22, ...life(login), ...bytes, ...carries },
    ] satisfies readonly Happening[]),
  ]
}

/** Somebody logs in over ssh and has a shell. The shell is `ID-shell`, its terminal `ID-pty`. */
export function ssh(login: Login): readonly Happening[] {
  const { id, uid = 1000, typed, output, answers, shows, shell = 'bash' } = login
  const pty: Pty = {
    ...{ kind: 'pty', id: `${id}-pty`, uid, ...life(login) },
    ...(typed === undefined ? {} : { typed }),
    ...(output === undefined ? {} : { output }),
    ...(answers === undefined ? {} : { answers }),
    ...(shows === undefined ? {} : { shows }),
  }
  return [
    ...connection(login, 'TERMINAL'),
    pty,
    {
      kind: 'program',
      id: `${id}-shell`,
      comm: shell,
      argv: [`-${shell}`],
      uid,
      parent: `${id}-sshd`,
      tty: `${id}-pty`,
      leads: true,
      ...life(login),
    },
  ]
}

/** A connection without a terminal: a tunnel, a transfer, an editor, a command. */
export function sshWithoutTerminal(login: Login, command?: Partial<Program>): readonly Happening[] {
  const { id, uid = 1000 } = login
  const run: readonly Happening[] =
    command === undefined
      ? []
      : [
          {
            kind: 'program',
            id: `${id}-command`,
            comm: 'sh',
            uid,
            parent: `${id}-sshd`,
            leads: true,
            ...life(login),
            ...command,
          },
        ]
  return [...connection(login, 'notty'), ...run]
}

/** A job in the foreground of a shell that `ssh` or `tmux` made. */
export function job(
  of: { readonly id: string; readonly in: string; readonly uid?: number },
  more: Partial<Program> & { readonly comm: string },
): Program {
  return {
    kind: 'program',
    uid: of.uid ?? 1000,
    parent: `${of.in}-shell`,
    tty: `${of.in}-pty`,
    job: true,
    id: of.id,
    ...more,
  }
}

/** A server of tmux and its panes, each with a shell; detached unless somebody shows it. */
export function tmux(of: {
  readonly id: string
  readonly uid?: number
  readonly from: number
  readonly until?: number
  readonly panes: readonly (Pick<Pty, 'typed' | 'output'> & { readonly id: string })[]
  /** `screen` instead. */
  readonly comm?: string
}): readonly Happening[] {
  const { id, uid = 1000, comm = 'tmux: server', panes } = of
  const group = session(uid, id)
  return [
    {
      kind: 'program',
      id,
      comm,
      argv: [comm === 'SCREEN' ? 'SCREEN' : 'tmux', 'new', '-d'],
      uid,
      group,
      leads: true,
      ...life(of),
    },
    ...panes.flatMap(({ id: pane, ...times }): readonly Happening[] => [
      { kind: 'pty', id: `${pane}-pty`, uid, ...life(of), ...times },
      {
        kind: 'program',
        id: `${pane}-shell`,
        comm: 'bash',
        argv: ['-bash'],
        uid,
        parent: id,
        tty: `${pane}-pty`,
        leads: true,
        ...life(of),
      },
    ]),
  ]
}

/** The id of a container: 64 hexadecimal digits. */
function containerId(id: string): string {
  return Buffer.from(id).toString('hex').padEnd(64, '0')
}

/** Control group of a container that docker started under systemd. */
export function dockerScope(id: string): string {
  return `system.slice/docker-${containerId(id)}.scope`
}

/** A container of docker's: its shim, and in a control group of its own the first process; what docker keeps of it on disk. */
export function container(
  of: {
    readonly id: string
    readonly from?: number
    readonly until?: number
    readonly labels?: Readonly<Record<string, string>>
  },
  first: Partial<Program> & { readonly comm: string },
): readonly Happening[] {
  const { id, labels = {}, ...when } = of
  const facts = { ID: containerId(id), Name: `/${id}`, Config: { Labels: labels } }
  return [
    {
      ...{ kind: 'program', id: `${id}-shim`, comm: 'containerd-shim', argv: ['/usr/bin/containerd-shim-runc-v2'] },
      ...{ group: service('containerd'), leads: true, ...when },
    },
    { kind: 'program', id, parent: `${id}-shim`, group: dockerScope(id), leads: true, ...when, ...first },
    {
      ...{ kind: 'file', path: `/var/lib/docker/containers/${containerId(id)}/config.v2.json`, mode: 0o600, ...when },
      text: JSON.stringify(facts),
    },
  ]
}
