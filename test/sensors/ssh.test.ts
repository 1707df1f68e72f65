/** SSH connections: who has logged in, and whether anything passes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownError, tooLarge } from '../../agent/host/real-errors.ts'
import { parseIo, processTable } from '../../agent/sensors/processes.ts'
import { parseSockets } from '../../agent/sensors/sockets.ts'
import { type Connection, readConnections, sessionTitle } from '../../agent/sensors/ssh.ts'
import { judgeConnections, withUsual } from '../../agent/sensors/traffic.ts'
import type { Usual } from '../../agent/sensors/usual.ts'
import { createMachine, type Machine } from '../host/fixture.ts'

const signal = new AbortController().signal
const line = (ino: number, fields: string) =>
  `0      0      10.0.0.5:22 198.51.100.7:50000 timer:(keepalive,119min,0) ino:${ino} sk:1 cgroup:/system.slice/ssh.service <-> ts sack cubic wscale:7,7 rto:204 rtt:3.1/1.2 mss:1448 cwnd:10 ${fields} pacing_rate 1bps delivered:1 minrtt:0.018\n`

async function connections(machine: Machine) {
  const host = machine.host()
  return await readConnections(host, await processTable(host, signal), signal)
}

/** Gives the machine an `ss`; by filter, or for all. */
function withSs(machine: Machine, answers: { readonly port22: string; readonly all?: string }): void {
  machine.commands.set('ss', (argv) => ({
    status: 0,
    stderr: '',
    stdout: argv.includes(':22') ? answers.port22 : (answers.all ?? ''),
  }))
}

describe('sessionTitle', () => {
  it.each<[string, readonly string[]]>([
    ['sshd: alice@pts/0', ['pts/0']],
    ['sshd: alice@pts/0,pts/3', ['pts/0', 'pts/3']],
    ['sshd: alice@notty', []],
    ['sshd: alice', []],
    ['sshd: root@pts/1\0\0\0\0', ['pts/1']],
    ['sshd: alice@corp.example@pts/2', ['pts/2']],
    ['sshd: alice@corp.example', []],
    ['sshd: CORP\\alice@notty   ', []],
    ['sshd: alice@internal-sftp', []],
    ['sshd-session: alice@pts/0', ['pts/0']],
    ['sshd-session: alice', []],
    ['sshd: unknown@notty', []],
  ])('%j has logged in, with the terminals %j', (title, terminals) => {
    expect(sessionTitle(title)).toEqual({ terminals })
  })

  it.each([
    'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups',
    '/usr/sbin/sshd\0-D\0',
    'sshd: [accepted]',
    'sshd: alice [priv]',
    'sshd: alice [net]',
    'sshd: alice [preauth]',
    'sshd: unknown [priv]',
    'sshd: unknown',
    'sshd-session: alice [priv]',
    'sshd-auth: alice [net]',
    'sshd: ',
    'sshd:',
    '',
    'notsshd: alice@pts/0',
  ])('%j has not', (title) => {
    expect(sessionTitle(title)).toBeUndefined()
  })
})

describe('parseSockets', () => {
  it('takes a missing field for 0, and acknowledged bytes where sent ones are not told', () => {
    const text =
      line(1, 'bytes_sent:7 bytes_acked:8 bytes_received:9 lastsnd:400 lastrcv:300') +
      line(2, 'bytes_acked:5') +
      line(3, 'bytes_received:6')
    expect([...(parseSockets(text) ?? [])]).toEqual([
      [1, { sent: 7, received: 9, quietMs: 300 }],
      [2, { sent: 5, received: 0 }],
      [3, { sent: 0, received: 6 }],
    ])
  })

  it.each([
    ['no TCP_INFO', 'counters', '0 0 10.0.0.5:22 1.2.3.4:5 ino:7 sk:1\n'],
    ['bytes that are no number', 'whole number', line(7, 'bytes_sent:many')],
    ['bytes beyond 2^53', '2^53', line(7, 'bytes_received:9007199254740993')],
    ['a line that is cut off', 'counters', line(7, '').slice(0, 90)],
  ])('refuses %s', (_, message, text) => {
    expect(() => parseSockets(text)).toThrow(message)
  })

  it.each([' bytes_sent:many', ' <-> rto:1 bytes_sent:99', ' bytes_received:1'])(
    'passes over a control group that a user has named %j',
    (name) => {
      const text = line(7, 'bytes_sent:3 bytes_received:4').replace('ssh.service', `user@1000.service/${name}`)
      expect([...(parseSockets(text) ?? [])]).toEqual([[7, { sent: 3, received: 4 }]])
    },
  )

  it('gives whole numbers or throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (a, b) => {
        try {
          for (const { sent, received } of (parseSockets(`${a} ino:5 mss:1 bytes_sent:${b}`) ?? new Map()).values()) {
            expect(Number.isSafeInteger(sent) && Number.isSafeInteger(received)).toBe(true)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { seed: 4, numRuns: 1000 },
    )
  })
})

describe('readConnections', () => {
  it('sees nobody under password guessing, and does not run ss', async () => {
    const machine = createMachine('bruteforce')
    withSs(machine, { port22: '' })
    expect(await connections(machine)).toEqual([])
    expect(machine.ran).toEqual([])
  })

  it('measures the sockets of the session once each, and no others', async () => {
    const machine = createMachine('ssh-tunnel')
    withSs(machine, { port22: line(40_001, 'bytes_sent:100 bytes_received:200 lastsnd:5') + line(9, 'bytes_sent:9') })
    expect(await connections(machine)).toEqual([
      { pid: 5010, start: 18_010, terminals: [], source: 'sockets', bytes: [[40_001, 200, 100]], quietMs: 5 },
    ])
    expect(machine.ran).toEqual([['ss', '-tinOHe', 'state', 'established', 'sport', '=', ':22']])
  })

  it('looks at all connections when sshd listens elsewhere', async () => {
    const machine = createMachine('ssh-tunnel')
    withSs(machine, { port22: '', all: line(40_001, 'bytes_sent:100') })
    expect(await connections(machine)).toMatchObject([{ source: 'sockets', bytes: [[40_001, 0, 100]] }])
    expect(machine.ran.length).toBe(2)
  })

  it.each<[string, (machine: Machine) => void]>([
    ['there is no ss', () => {}],
    [
      'ss knows not the options',
      (machine) => machine.commands.set('ss', () => ({ status: 255, stdout: '', stderr: 'invalid option' })),
    ],
    [
      'ss has to fall back to /proc/net/tcp',
      (machine) =>
        withSs(machine, {
          port22:
            '0 0 10.0.0.5:22 198.51.100.7:50000 ino:40001 sk:8cf7ac28 rto:0.2 ato:0.04 qack:6 cwnd:10 reordering:0\n',
        }),
    ],
    ['ss does not show it', (machine) => withSs(machine, { port22: '', all: '' })],
    ['its descriptors cannot be listed', (machine) => machine.forbid('/proc/5010/fd')],
  ])('takes what the process read and wrote where %s', async (_, change) => {
    const machine = createMachine('ssh-tunnel')
    change(machine)
    expect(await connections(machine)).toMatchObject([{ source: 'process', bytes: [[0, 5_000_000, 4_000_000]] }])
  })

  it('says so when there is neither', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.forbid('/proc/5010/io')
    expect(await connections(machine)).toMatchObject([{ pid: 5010, source: 'none', bytes: [] }])
  })

  it('does not count a child that has not yet become its shell', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.write('/proc/5011/stat', '5011 (sshd) S 5010 5011 5011 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 18020\n')
    machine.write('/proc/5011/cmdline', 'sshd: alice')
    expect((await connections(machine)).map(({ pid }) => pid)).toEqual([5010])
  })

  it.each<[string, (machine: Machine) => void, true | undefined]>([
    ['a child of root’s sshd', () => {}, undefined],
    [
      'of a process that is only called so',
      (machine) => machine.edit('/proc/5000/status', 'Uid:\t0', 'Uid:\t1000'),
      true,
    ],
    ['of another program of root’s', (machine) => machine.edit('/proc/5000/stat', '(sshd)', '(cron)'), true],
    ['of nobody any more', (machine) => machine.remove('/proc/5000'), true],
    ['root itself', (machine) => machine.write('/proc/5010/status', 'Uid:\t0\t0\t0\t0\n'), undefined],
  ])('proves that somebody logged in where it is %s', async (_, change, unproven) => {
    const machine = createMachine('ssh-tunnel')
    change(machine)
    expect((await connections(machine)).map((one) => one.unproven)).toEqual([unproven])
  })

  it('asks neither ss nor the open files of what is only called sshd, of which there may be thousands', async () => {
    const machine = createMachine('ssh-tunnel')
    machine.remove('/proc/5000')
    machine.forbid('/proc/5010/fd')
    expect(await connections(machine)).toMatchObject([{ source: 'process', bytes: [[0, 5_000_000, 4_000_000]] }])
    expect(machine.ran).toEqual([])
  })

  it('takes what the process read and wrote where a user has opened more connections than are read', async () => {
    const machine = createMachine('ssh-tunnel')
    withSs(machine, { port22: '' })
    const answer = machine.commands.get('ss')
    machine.commands.set('ss', (argv) => {
      if (!argv.includes(':22')) throw ownError(tooLarge, 'ss printed more than 2000000 bytes')
      return answer?.(argv) ?? { status: 1, stdout: '', stderr: '' }
    })
    expect(await connections(machine)).toMatchObject([{ source: 'process' }])
  })

  it.each(['', 'rchar: 1\n', 'rchar: 1\nwchar: x\n', 'rchar: -1\nwchar: 1\n'])('refuses the counters %j', (text) => {
    expect(() => parseIo(text)).toThrow(/char/)
  })
})

describe('judgeConnections', () => {
  const now = { wallMs: 1e12, bootMs: 9_000_000, monoMs: 8_000_000 }
  const asked = { span: { now, ms: 120_000 }, limitMs: 86_400_000, attended: true }
  const open: Connection = { pid: 5, start: 100, terminals: [], source: 'sockets', bytes: [[1, 1000, 1000]] }
  const later = (received: number, sent: number): Connection => ({
    ...open,
    bytes: [[1, 1000 + received, 1000 + sent]],
  })

  it.each([
    ['both directions', 2000, 2000, true],
    ['a byte less', 2000, 1999, false],
    ['only in', 1e9, 0, false],
    ['only out', 0, 1e9, false],
    ['keep-alives', 600, 600, false],
  ])('%s', (_, received, sent, used) => {
    expect(judgeConnections([later(received, sent)], [open], asked).used.length > 0).toBe(used)
  })

  const least = (kept: number) => ({ received: kept, sent: kept })
  const usual: Usual = { since: 0, intervals: 9, least: least(1300), before: { least: least(1400) }, flowing: 1 }
  it.each<[string, Usual | undefined, number, boolean]>([
    ['as much as ever', usual, 1400, true],
    ['a bit more', usual, 2299, true],
    ['clearly more', usual, 2300, false],
    ['of a connection that is not yet known', { since: 0, intervals: 9, least: least(1300) }, 1400, false],
    ['of a new connection', undefined, 1400, false],
  ])('tells %s from use', (_, known, perMinute, isUsual) => {
    const one = { ...later(2 * perMinute, 2 * perMinute), ...(known === undefined ? {} : { usual: known }) }
    expect(judgeConnections([one], [open], asked).used).toMatchObject([{ usual: isUsual }])
  })

  it('takes the time of the last byte, if it is in the interval', () => {
    const at = (quietMs: number) => judgeConnections([{ ...later(9000, 9000), quietMs }], [open], asked).used[0]?.at
    expect([at(30_000), at(0), at(500_000)]).toEqual([7_970_000, 8_000_000, 8_000_000])
  })

  it.each([
    ['in the interval: at its start', 895_000, 7_950_000],
    ['long before, and only now logged in: now', 100, 8_000_000],
    ['in the future: now', 901_000, 8_000_000],
  ])('dates a new session that began %s', (_, start, at) => {
    const shell = { ...open, start, terminals: ['pts/1'] }
    expect(judgeConnections([shell], [], asked).fresh).toEqual({ pid: 5, at, person: true })
  })

  const began = (secondsAgo: number): number => (now.bootMs - secondsAgo * 1000) / 10
  it.each<[string, Partial<Connection>, boolean, object | undefined]>([
    ['a shell is a person at once', { terminals: ['pts/1'], start: began(0) }, true, { person: true }],
    ['… whenever somebody typed last', { terminals: ['pts/1'], start: began(0) }, false, { person: true }],
    [
      'a tunnel, an editor or a command is somebody',
      { start: began(5), uid: 1000 },
      true,
      { person: false, uid: 1000 },
    ],
    ['what a scheduler sends with our check is nobody', { start: began(4) }, true, undefined],
    ['what connects by itself, long after anybody typed, is nobody', { start: began(60) }, false, undefined],
  ])('of new connections, %s', (_, change, attended, fresh) => {
    const found = judgeConnections([{ ...open, ...change }], [], { ...asked, attended })
    if (fresh === undefined) expect(found).toEqual({ used: [] })
    else expect(found.fresh).toMatchObject(fresh)
  })

  it.each<[string, Partial<Connection>, boolean]>([
    ['a tunnel that had just come at the check before', { start: began(124) }, true],
    ['one that had been there for longer', { start: began(126) }, false],
    ['a shell, which was a person at once', { start: began(124), terminals: ['pts/1'] }, false],
  ])('of known connections, somebody is: %s', (_, change, isFresh) => {
    const one = { ...open, ...change }
    expect(judgeConnections([one], [one], asked).fresh !== undefined).toBe(isFresh)
  })

  it('takes what any user may have called sshd for nobody’s coming, nor for a reason not to know; its traffic counts', () => {
    const unproven = { unproven: true } as const
    expect(judgeConnections([{ ...open, ...unproven }], [], asked)).toEqual({ used: [] })
    const now: Connection = { ...open, ...unproven, source: 'process', bytes: [[0, 1, 1]] }
    expect(judgeConnections([now], [{ ...open, ...unproven }], asked)).toEqual({ used: [] })
    expect(judgeConnections([{ ...later(9000, 9000), ...unproven }], [open], asked).used).toMatchObject([{ pid: 5 }])
  })

  it.each<[string, Partial<Connection>, boolean]>([
    ['while it was used', { usual: { ...usual, flowing: 7_000_000 } }, true],
    ['long after it was used', { usual: { since: 0, intervals: 9, least: least(1) } }, false],
    ['after traffic without a pause for longer than counts', { usual }, false],
  ])('tells a connection that has closed %s', (_, change, isTold) => {
    const { closed } = judgeConnections([], [{ ...open, ...change }], { ...asked, limitMs: 1_000_000 })
    expect(closed?.pid).toBe(isTold ? 5 : undefined)
  })

  it('counts a socket that is new within an old session', () => {
    const now: Connection = {
      ...open,
      bytes: [
        [1, 1000, 1000],
        [2, 5000, 5000],
      ],
    }
    expect(judgeConnections([now], [open], asked).used).toMatchObject([{ pid: 5 }])
  })

  it.each<[string, Connection, Connection]>([
    ['unreadable now', { ...open, source: 'none', bytes: [] }, open],
    ['unreadable before', open, { ...open, source: 'none', bytes: [] }],
    ['from two sources', open, { ...open, source: 'process', bytes: [[0, 1, 1]] }],
  ])('bytes that are %s are unknown, unless there is a terminal', (_, now, before) => {
    expect(judgeConnections([now], [before], asked)).toEqual({
      unreadable: { pid: 5, source: now.source, before: before.source },
      used: [],
    })
    expect(judgeConnections([{ ...now, terminals: ['pts/1'] }], [before], asked)).toEqual({ used: [] })
  })

  it('puts the latest of several in front', () => {
    const one = (pid: number, quietMs: number): Connection => ({ ...later(9000, 9000), pid, quietMs })
    const before = [1, 2, 3].map((pid) => ({ ...open, pid }))
    const { used } = judgeConnections([one(1, 50_000), one(2, 4000), one(3, 30_000)], before, asked)
    expect(used.map(({ pid }) => pid)).toEqual([2, 3, 1])
  })

  it('throws when a counter went down', () => {
    expect(() => judgeConnections([later(-1, 0)], [open], asked)).toThrow('went down')
  })
})

describe('what passes always', () => {
  const open: Connection = { pid: 5, start: 100, terminals: [], source: 'sockets', bytes: [[1, 1000, 1000]] }
  const more: Connection = { ...open, bytes: [[1, 3600, 4000]] }
  const at = (ms: number, connection: Connection) => ({
    at: ms,
    connections: [connection],
    typedOn: new Set<string>(),
    warned: false,
  })

  it('is what passed since the check before, by the minute', () => {
    expect(withUsual(at(620_000, more), at(500_000, open))).toEqual([
      {
        ...more,
        usual: { since: 500_000, intervals: 1, least: { received: 1300, sent: 1500 }, most: 1300, flowing: 500_000 },
      },
    ])
  })

  it('is not what passed while somebody typed on its terminal', () => {
    const shell = { ...more, terminals: ['pts/1'] }
    const typed = (name: string) =>
      withUsual({ ...at(620_000, shell), typedOn: new Set([name]) }, at(500_000, { ...open, terminals: ['pts/1'] }))
    expect(typed('pts/1')[0]?.usual).not.toHaveProperty('most')
    expect(typed('pts/2')[0]?.usual).toHaveProperty('most', 1300)
  })

  it.each<[string, ReturnType<typeof at> | undefined]>([
    ['at the first check', undefined],
    ['of another connection', at(500_000, { ...open, start: 99 })],
    ['by another source', at(500_000, { ...open, source: 'process' })],
    ['after a counter fell', at(500_000, { ...open, bytes: [[1, 3601, 0]] })],
    ['of another boot', at(700_000, open)],
  ])('is not known %s', (_, before) => {
    expect(withUsual(at(620_000, more), before)).toEqual([more])
  })
})
