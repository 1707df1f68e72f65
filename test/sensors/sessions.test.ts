/** The sessions sensor: the order of its evidence, and what a fixture machine says as a whole. */
import { describe, expect, it } from 'vitest'
import { type SessionsSample, sessions } from '../../agent/sensors/sessions.ts'
import type { Connection } from '../../agent/sensors/ssh.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { defaults, interval, sample } from './machine.ts'

const start = Date.parse('2026-01-01T02:00:00Z')

/** Terminals of the tmux machine, quiet for an hour. */
function tmux(): Machine {
  const machine = createMachine('tmux-detached')
  for (const [index, name] of ['1', '2', '3', '4'].entries()) {
    const old = start - 3_600_000
    machine.terminal(`/dev/pts/${name}`, { dev: 24, rdev: 34_817 + index, ctimeMs: old, atimeMs: old, mtimeMs: old })
  }
  return machine
}

describe('a machine', () => {
  it.each(['debian12-vm-quiet', 'bruteforce', 'rhel8-v1', 'debian12-vm-busy-thread-2'])(
    '%s: nobody connected',
    async (name) => {
      expect(await interval(sessions, createMachine(name))).toEqual({ kind: 'idle', reason: 'nobody connected' })
    },
  )

  it('with a console and no /dev/pts is judged by its processes', async () => {
    const machine = createMachine('no-ptys')
    machine.terminal('/dev/ttyS0', { rdev: 0x440, ctimeMs: 1, atimeMs: 1, mtimeMs: 1 })
    expect(await interval(sessions, machine)).toEqual({
      kind: 'hold',
      reason: '1 other login open: on ttyS0',
      ...{ evidence: 'connection', limitMinutes: 60 },
    })
    const then = () => machine.terminal('/dev/ttyS0', { atimeMs: machine.clocks().wallMs - 50_000 })
    expect(await interval(sessions, machine, { then })).toMatchObject({
      kind: 'active',
      reason: 'input on ttyS0 48 s ago',
      person: true,
    })
  })

  it('on which somebody uses less behind a pipe, under a kernel that tells it of /dev/tty alone, is in use', async () => {
    const machine = tmux()
    machine.write('/dev/tty', '')
    const old = start - 3_600_000
    machine.terminal('/dev/tty', { dev: 6, rdev: 0x500, ctimeMs: old, atimeMs: old, mtimeMs: old })
    const then = () => machine.terminal('/dev/tty', { atimeMs: machine.clocks().wallMs - 50_000 })
    expect(await interval(sessions, machine, { then })).toEqual({
      ...{ kind: 'active', reason: 'input on /dev/tty 48 s ago', at: 7_272_000, person: true, uids: [], by: {} },
    })
    expect((await sample(sessions, machine)).terminals.length).toBe(4)
  })

  it('that only waits for a login has no terminal', async () => {
    expect((await sample(sessions, createMachine('debian12-vm-quiet'))).terminals).toEqual([])
  })

  it('that is a container sees its console, which is not in its /dev/pts', async () => {
    const machine = createMachine('container-nspawn')
    machine.terminal('/dev/console', { dev: 23, rdev: 34_819, ctimeMs: 1, atimeMs: 1, mtimeMs: 1 })
    const then = () => machine.terminal('/dev/console', { atimeMs: machine.clocks().wallMs - 10_000 })
    expect(await interval(sessions, machine, { then })).toMatchObject({
      kind: 'active',
      reason: 'input on pts/3 of pid 90 8 s ago',
    })
  })

  it("tells a container's terminal from its own of the same number", async () => {
    const machine = tmux()
    machine.write('/container/pts/1', '')
    const old = start - 3_600_000
    machine.terminal('/container/pts/1', { dev: 77, rdev: 34_817, ctimeMs: old, atimeMs: old, mtimeMs: old })
    machine.write('/proc/9000/stat', '9000 (bash) S 1 9000 9000 34817 9000 0 0 0 0 0 1 1 0 0 20 0 1 0 16000\n')
    machine.write('/proc/9000/cmdline', 'bash\0')
    machine.link('/proc/9000/fd/0', '../../../container/pts/1')
    expect((await sample(sessions, machine)).terminals.map(({ name }) => name)).toContain('pts/1 of pid 9000')
  })

  it('with a container that begins again and again is held by its terminals, and active when somebody types there', async () => {
    const machine = createMachine('debian12-vm-quiet')
    let [pid, begins] = [9000, 1]
    const restart = (): void => {
      if (begins > 1) machine.remove(`/proc/${pid}`)
      pid += 1
      begins += 1
      machine.write('/container/pts/0', '')
      const now = machine.clocks().wallMs - 5000
      machine.terminal('/container/pts/0', {
        dev: 77,
        rdev: 34_816,
        ino: begins,
        ctimeMs: now,
        atimeMs: now,
        mtimeMs: now,
      })
      machine.write(
        `/proc/${pid}/stat`,
        `${pid} (server) S 1 ${pid} ${pid} 34816 ${pid} 0 0 0 0 0 9 9 0 0 20 0 1 0 ${begins}\n`,
      )
      machine.link(`/proc/${pid}/fd/0`, '../../../container/pts/0')
    }
    restart()
    expect(await interval(sessions, machine, { then: restart })).toEqual({
      kind: 'hold',
      reason: `output on pts/0 of pid ${pid} without input; also no progress of server (pid ${pid}) in the foreground of pts/0`,
      ...{ evidence: 'output', limitMinutes: 120 },
    })
    const then = () => machine.terminal('/container/pts/0', { atimeMs: machine.clocks().wallMs - 9000 })
    expect(await interval(sessions, machine, { then })).toMatchObject({ kind: 'active', person: true })
  })

  it('with a detached test run is active while that gets on, and held when it does not', async () => {
    const machine = tmux()
    const then = () => machine.edit('/proc/2050/task/2050/status', 'switches:\t9100', 'switches:\t9112')
    expect(await interval(sessions, machine, { then })).toEqual({
      ...{ kind: 'active', reason: 'job in the foreground of pts/1: pytest (pid 2050)', at: 7_320_000, person: false },
      by: { pid: 2050 },
    })
    const reason = 'no progress of pytest (pid 2050) in the foreground of pts/1'
    expect(await interval(sessions, machine)).toEqual({ kind: 'hold', reason, evidence: 'output', limitMinutes: 120 })
  })

  it('with a test run at which nobody was for longer than it counts is held, until somebody types there', async () => {
    const machine = tmux()
    const { signal } = new AbortController()
    const look = async (before?: SessionsSample): Promise<SessionsSample> =>
      JSON.parse(JSON.stringify(await sessions.read(machine.host(), signal, before)))
    let [before, polls] = [await look(), 9100]
    /** Two minutes of polling. */
    const pass = async (): Promise<Reading> => {
      machine.pass(120_000)
      machine.edit('/proc/2050/task/2050/status', `switches:\t${polls}`, `switches:\t${polls + 40}`)
      polls += 40
      const now = await look(before)
      const span = { now: machine.clocks(), ms: 120_000 }
      const reading = sessions.judge(now, before, {
        span,
        limits: { ...defaults(sessions.options), unattended_hours: 0.5 },
      })
      before = now
      return reading
    }
    for (let check = 1; check <= 15; check += 1) expect(await pass()).toMatchObject({ kind: 'active' })
    expect(await pass()).toEqual({
      kind: 'hold',
      reason: 'pytest (pid 2050) in the foreground of pts/1 without input for 32 min',
      ...{ evidence: 'output', limitMinutes: 120 },
    })
    machine.terminal('/dev/pts/1', { atimeMs: machine.clocks().wallMs })
    expect(await pass()).toMatchObject({ kind: 'active', person: true })
    expect(await pass()).toMatchObject({ kind: 'active', person: false })
  })

  it('with htop and tail left in tmux is held by their output, then idle', async () => {
    const machine = tmux()
    machine.remove('/proc/2050')
    machine.edit('/proc/2001/stat', ' 34817 2050 ', ' 34817 2001 ')
    const then = () => {
      machine.terminal('/dev/pts/3', { mtimeMs: machine.clocks().wallMs })
      machine.edit('/proc/2060/stat', ' 300 90 ', ' 310 99 ')
      machine.edit('/proc/2071/stat', ' 3 9 ', ' 5 10 ')
    }
    expect(await interval(sessions, machine, { then })).toMatchObject({
      kind: 'hold',
      reason: 'output on pts/3 without input',
    })
    expect(await interval(sessions, machine)).toMatchObject({
      kind: 'idle',
      reason: '4 terminals, no input since the last check',
    })
  })

  it('forgives its own warning', async () => {
    const machine = tmux()
    machine.remove('/proc/2050')
    machine.edit('/proc/2001/stat', ' 34817 2050 ', ' 34817 2001 ')
    const warnAt = start + 2000
    const before = await sample(sessions, machine)
    machine.terminal('/dev/pts/2', { mtimeMs: warnAt })
    const stat = await machine.host().stat('/dev/pts/2')
    if (stat === undefined) throw new Error('no terminal')
    const first = () => sessions.settle?.(before, { warned: [stat] }) ?? before
    expect(await interval(sessions, machine, { first })).toMatchObject({ kind: 'idle' })
    expect(await interval(sessions, machine, { first: () => before })).toMatchObject({ kind: 'hold' })
  })

  it.each<[string, number, number, string]>([
    ['used', 90_000, 90_000, 'active'],
    ['kept alive', 500, 500, 'hold'],
  ])('with a tunnel that is %s', async (_, received, sent, kind) => {
    const machine = createMachine('ssh-tunnel')
    const then = () => machine.write('/proc/5010/io', `rchar: ${5_000_000 + received}\nwchar: ${4_000_000 + sent}\n`)
    const reading = await interval(sessions, machine, { then })
    expect(reading.kind).toBe(kind)
    expect(reading.reason).toMatch(
      kind === 'active' ? /^tunnel or transfer over ssh \(pid 5010\): 750 B\/s in/ : /^1 ssh connection open/,
    )
    if (reading.kind === 'hold') expect(reading).toMatchObject({ evidence: 'connection', limitMinutes: 60 })
  })

  it('with a test run over ssh without a terminal is active while that gets on, and held when it does not', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.edit('/proc/5010/cmdline', 'sshd: alice', 'sshd: alice@notty')
    const stat = (ticks: number): string =>
      `5020 (long-test.sh) S 5010 5020 5020 0 -1 0 0 0 0 0 ${ticks} 1 0 0 20 0 1 0 18500\n`
    machine.write('/proc/5020/stat', stat(2))
    machine.write('/proc/5020/cmdline', '/bin/sh\0./long-test.sh\0')
    const then = () => machine.write('/proc/5020/stat', stat(3))
    expect(await interval(sessions, machine, { then })).toMatchObject({
      ...{ kind: 'active', reason: 'job over ssh: long-test.sh (pid 5020)', person: false },
    })
    expect(await interval(sessions, machine)).toMatchObject({
      kind: 'hold',
      reason: 'no progress of long-test.sh (pid 5020) over ssh; also 1 ssh connection open without traffic both ways',
      ...{ evidence: 'output', limitMinutes: 120 },
    })
    machine.pass(24 * 3_600_000)
    machine.write('/proc/5020/stat', stat(2))
    expect(await interval(sessions, machine, { then })).toMatchObject({
      kind: 'hold',
      reason: expect.stringMatching(/^long-test\.sh \(pid 5020\) over ssh without input for 26 h; also 1 ssh/),
    })
  })

  it('with an editor left open overnight is held by its connection from the last use on', async () => {
    const machine = createMachine('ssh-tunnel')
    const { signal } = new AbortController()
    let before = await sample(sessions, machine)
    let [received, sent] = [5_000_000, 4_000_000]
    const kinds: string[] = []
    const pass = async (bytes: readonly [number, number]): Promise<Reading> => {
      machine.pass(120_000)
      received += bytes[0]
      sent += bytes[1]
      machine.write('/proc/5010/io', `rchar: ${received}\nwchar: ${sent}\n`)
      const now: SessionsSample = JSON.parse(JSON.stringify(await sessions.read(machine.host(), signal, before)))
      const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(sessions.options) }
      const reading = sessions.judge(now, before, context)
      before = now
      kinds.push(reading.kind)
      return reading
    }
    for (let check = 0; check < 20; check += 1) await pass([20_000 + 700 * check, 60_000])
    expect(new Set(kinds)).toEqual(new Set(['active']))
    expect(await pass([2500, 2880])).toEqual({
      kind: 'hold',
      reason: '1 ssh connection open with no traffic but what always passes',
      ...{ evidence: 'connection', limitMinutes: 60 },
    })
    kinds.length = 0
    for (let check = 0; check < 8 * 30; check += 1) await pass([2500 + 50 * (check % 3), 2880 - 40 * (check % 2)])
    expect(new Set(kinds)).toEqual(new Set(['hold']))
    expect(await pass([6000, 9000])).toMatchObject({ kind: 'active' })
  })

  it('with a tunnel whose bytes cannot be read is unknown', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.forbid('/proc/5010/io')
    expect(await interval(sessions, machine)).toMatchObject({ kind: 'unknown' })
  })

  it('is unknown when ss shows what nobody understands', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.commands.set('ss', () => ({ status: 0, stdout: ' ino:40001 nonsense', stderr: '' }))
    await expect(interval(sessions, machine)).rejects.toThrow('counters')
  })

  it('with a new connection is active at its start', async () => {
    const machine = createMachine('ssh-tunnel')
    const first = (one: SessionsSample): SessionsSample => ({ ...one, connections: [] })
    machine.edit('/proc/5010/stat', ' 18010 ', ' 729000 ')
    expect(await interval(sessions, machine, { first })).toEqual({
      ...{ kind: 'active', reason: 'new ssh session (pid 5010) 30 s ago', at: 7_290_000, person: false },
      ...{ uids: [1000], by: { pid: 5010 } },
    })
  })
})

describe('a control host that sends a command at each full minute', () => {
  /** Every check of `hours` that finds a command of so many seconds; nobody ever types. */
  async function kinds(hours: number, seconds: number): Promise<ReadonlySet<string>> {
    const machine = createMachine('ssh-tunnel')
    const { signal } = new AbortController()
    machine.edit('/proc/5010/cmdline', 'sshd: alice', 'sshd: alice@notty')
    let before = await sample(sessions, machine)
    let start = 18_010
    const found = new Set<string>()
    for (let check = 0; check < hours * 30; check += 1) {
      machine.pass(120_000)
      const begun = machine.clocks().bootMs / 10 - seconds * 100
      machine.edit('/proc/5010/stat', ` ${start} `, ` ${begun} `)
      start = begun
      machine.write('/proc/5020/stat', `5020 (uptime) R 5010 5020 5020 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 ${begun}\n`)
      machine.write('/proc/5020/cmdline', 'uptime\0')
      const now: SessionsSample = JSON.parse(JSON.stringify(await sessions.read(machine.host(), signal, before)))
      const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(sessions.options) }
      found.add(sessions.judge(now, before, context).kind)
      before = now
    }
    return found
  }

  it('holds the machine, and does not keep it up', async () => {
    expect(await kinds(2, 1)).toEqual(new Set(['hold']))
  })

  it('keeps it up where the command takes long enough to be a job, for a day', async () => {
    expect(await kinds(2, 20)).toEqual(new Set(['active']))
    expect(await kinds(25, 20)).toEqual(new Set(['active', 'hold']))
  })
})

describe('somebody in front of tail -f', () => {
  const keepAlive = 68
  const key = 36
  const warnAt = 3

  /** Nine checks, the fourth of which warns; gives the readings from the next on. `received` by interval, `typed` ends it. */
  async function readings(
    received: (interval: number) => number,
    options: { typedAt?: number; warned?: boolean } = {},
  ): Promise<readonly Reading[]> {
    const machine = createMachine('ssh-tunnel')
    machine.edit('/proc/5010/cmdline', 'sshd: alice', 'sshd: alice@pts/1')
    machine.write('/dev/pts/1', '')
    const old = start - 3_600_000
    machine.terminal('/dev/pts/1', { dev: 24, rdev: 34_817, uid: 1000, ctimeMs: old, atimeMs: old, mtimeMs: old })
    let total = 50_000
    machine.commands.set('ss', () => ({
      ...{ status: 0, stderr: '' },
      stdout: `0 0 10.0.0.5:22 198.51.100.7:50000 ino:40001 sk:1 <-> rto:204 mss:1448 cwnd:10 bytes_sent:900 bytes_received:${total}\n`,
    }))
    const look = async (before?: SessionsSample): Promise<SessionsSample> =>
      JSON.parse(JSON.stringify(await sessions.read(machine.host(), new AbortController().signal, before)))
    let before = await look()
    const found: Reading[] = []
    for (let check = 1; check <= 9; check += 1) {
      machine.pass(120_000)
      total += received(check)
      if (check === options.typedAt) machine.terminal('/dev/pts/1', { atimeMs: machine.clocks().wallMs - 60_000 })
      const now = await look(before)
      found.push(
        sessions.judge(now, before, {
          span: { now: machine.clocks(), ms: 120_000 },
          limits: defaults(sessions.options),
        }),
      )
      const stat = await machine.host().stat('/dev/pts/1')
      const warned = check === warnAt && options.warned !== false && stat !== undefined ? [stat] : []
      before = JSON.parse(JSON.stringify(sessions.settle?.(now, { warned })))
    }
    return found.slice(warnAt)
  }

  const answered = {
    kind: 'active',
    reason: 'keys, as it seems, sent to pts/1 over ssh (pid 5010) after the warning',
    ...{ person: true, uids: [1000] },
  }

  it.each<[string, (interval: number) => number]>([
    ['in the interval after it', (interval) => (interval === 4 ? key : 0)],
    ['two checks later', (interval) => (interval === 6 ? key : 0)],
    ['twice, beside keep-alives', (interval) => 2 * keepAlive + (interval === 5 ? 2 * key : 0)],
  ])('answers the warning with Enter %s', async (_, received) => {
    const found = await readings(received)
    expect(found.filter(({ kind }) => kind === 'active')).toMatchObject([answered])
  })

  it.each<[string, (interval: number) => number, Parameters<typeof readings>[1]]>([
    ['keep-alives come', (interval) => (interval % 2 === 0 ? 2 : 3) * keepAlive, {}],
    ['nothing comes', () => 0, {}],
    ['nobody was warned', (interval) => (interval === 5 ? key : 0), { warned: false }],
  ])('does not where %s', async (_, received, options) => {
    expect((await readings(received, options)).map(({ kind }) => kind)).not.toContain('active')
  })

  it('has answered once a program has read something', async () => {
    const found = await readings((interval) => (interval === 7 ? 500 : 0), { typedAt: 5 })
    expect(found.filter(({ kind }) => kind === 'active')).toMatchObject([
      { reason: expect.stringMatching(/^input on/) },
    ])
  })
})

describe('the order of evidence', () => {
  const now = { wallMs: 1_000_000_000_000, bootMs: 9_000_000, monoMs: 8_000_000 }
  const context = { span: { now, ms: 120_000 }, limits: defaults(sessions.options) }
  const connection: Connection = { pid: 5, start: 100, terminals: [], source: 'sockets', bytes: [[1, 0, 0]] }
  const job = {
    tty: 'pts/1',
    comm: 'make',
    pid: 7,
    start: 200,
    session: 200,
    ticks: 1,
    switches: 1,
    bytes: 1,
    newest: 200,
  }
  const terminal = { name: 'pts/1', id: '1:2:3', ctimeMs: 1, atimeMs: 1, mtimeMs: 1, since: 1 }
  const before: SessionsSample = {
    at: 1,
    lastInput: now.monoMs,
    offsetMs: 0,
    terminals: [terminal],
    jobs: [job],
    connections: [connection],
  }

  /** From the strongest to the weakest; each case has all the weaker ones too. */
  const steps: readonly [string, Partial<SessionsSample>][] = [
    ['input on pts/1', { terminals: [{ ...terminal, atimeMs: 2, mtimeMs: 2 }] }],
    [
      'new ssh session (pid 6)',
      {
        connections: [
          { ...connection, bytes: [[1, 9e6, 9e6]] },
          { ...connection, pid: 6 },
        ],
      },
    ],
    ['tunnel or transfer over ssh (pid 5)', { connections: [{ ...connection, bytes: [[1, 9e6, 9e6]] }] }],
    ['job in the foreground of pts/1: make (pid 7)', { jobs: [{ ...job, ticks: 2 }] }],
    ['bytes of the ssh connection of pid 5', { connections: [{ ...connection, source: 'none', bytes: [] }] }],
    ['output on pts/1 without input; also no progress of make', { terminals: [{ ...terminal, mtimeMs: 2 }] }],
    ['no progress of make (pid 7) in the foreground of pts/1; also 1 ssh connection', { jobs: [job] }],
    ['1 ssh connection open', { connections: [connection], jobs: [] }],
    ['1 terminal, no input', { connections: [], jobs: [], terminals: [terminal] }],
  ]

  it.each(steps.map(([reason], index) => [reason, index] as const))(
    'says "%s …" before what follows',
    (reason, index) => {
      const sampled: SessionsSample = Object.assign(
        {},
        before,
        ...steps
          .slice(index)
          .map(([, facts]) => facts)
          .reverse(),
      )
      expect(sessions.judge(sampled, before, context).reason.startsWith(reason)).toBe(true)
    },
  )

  it('takes the longer of two holds', () => {
    const limits = { connection_hold_minutes: 90, output_hold_minutes: 30, unattended_hours: 24 }
    const held = sessions.judge({ ...before, terminals: [{ ...terminal, mtimeMs: 2 }] }, before, { ...context, limits })
    expect(held).toMatchObject({ kind: 'hold', evidence: 'connection', limitMinutes: 90 })
    expect(held.reason).toMatch(/^1 ssh connection .*; also output on pts\/1/)
  })
})

describe('traffic of a connection that has a terminal', () => {
  const now = { wallMs: Date.parse('2026-01-01T02:02:00Z'), bootMs: 9_000_000, monoMs: 8_000_000 }
  const context = { span: { now, ms: 3000 }, limits: defaults(sessions.options) }
  const quiet: Connection = { pid: 5, start: 100, terminals: ['pts/1'], source: 'sockets', bytes: [[1, 0, 0]] }
  const used: Connection = { ...quiet, bytes: [[1, 300, 300]], quietMs: 500 }
  const tunnel: Connection = { ...used, pid: 6, terminals: [], bytes: [[2, 9e6, 9e6]], quietMs: 0 }
  /** Read 3 s before the interval, in the same 8 s as its beginning: 02:01:52 to 02:02:00. */
  const typedOn = { name: 'pts/1', id: '1:2:3', ctimeMs: 1, atimeMs: now.wallMs - 6000, mtimeMs: 1, since: 1 }
  const left = { ...typedOn, atimeMs: now.wallMs - 12_000 }
  const input = { kind: 'active', reason: 'input on pts/1 1 s ago', at: now.monoMs - 500, person: true }
  const passing = { kind: 'active', reason: expect.stringMatching(/^tunnel or transfer over ssh \(pid [56]\)/) }

  it.each<[string, Partial<SessionsSample>, object]>([
    ['is input where the kernel may hide that', { terminals: [typedOn], connections: [used] }, input],
    ['is input beside a tunnel that is busier', { terminals: [typedOn], connections: [tunnel, used] }, input],
    ['is a tunnel where nobody can have typed', { terminals: [left], connections: [used] }, passing],
    [
      'is a tunnel where another terminal was typed on',
      { terminals: [{ ...typedOn, name: 'pts/2' }], connections: [used] },
      passing,
    ],
    [
      "is a tunnel where a container's terminal of that number was typed on",
      { terminals: [{ ...typedOn, name: 'pts/1 of pid 9' }], connections: [used] },
      passing,
    ],
    ['is a tunnel without a terminal of its own', { terminals: [typedOn], connections: [quiet, tunnel] }, passing],
    ['is nothing where too few bytes passed', { terminals: [typedOn], connections: [quiet] }, { kind: 'hold' }],
  ])('%s', (_, facts, expected) => {
    const sampled: SessionsSample = {
      at: 1,
      lastInput: now.monoMs,
      offsetMs: 0,
      terminals: [],
      jobs: [],
      connections: [],
      ...facts,
    }
    const before = { ...sampled, connections: [quiet, { ...tunnel, bytes: [[2, 0, 0]] as const }] }
    expect(sessions.judge(sampled, before, context)).toMatchObject(expected)
  })
})

describe('what cannot be understood is an error', () => {
  it.each<[string, (machine: Machine) => void]>([
    ['no /proc', (machine) => machine.remove('/proc')],
    ['a terminal that cannot be looked at', (machine) => machine.forbid('/dev/pts/1')],
    ['a folder of terminals that cannot be listed', (machine) => machine.forbid('/dev/pts')],
    ['a command line that cannot be read', (machine) => machine.forbid('/proc/2002/cmdline')],
  ])('%s', async (_, damage) => {
    const machine = tmux()
    damage(machine)
    await expect(sample(sessions, machine)).rejects.toThrow()
  })
})
