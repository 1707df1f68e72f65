/** Notebooks: who is a kernel, what its server tells and what its process shows, for how long that counts, and what a hostile user can do. */
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Host } from '../../agent/host/host.ts'
import { requestHttp } from '../../agent/host/real-http.ts'
import { listeningIn, parseKernels, parseRuntimeFile } from '../../agent/sensors/notebook-ask.ts'
import { notebooks } from '../../agent/sensors/notebooks.ts'
import { parseTcp } from '../../agent/sensors/tcp-table.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { defaults } from './machine.ts'

const minute = 60_000
const answers: Record<'notebook6' | 'jupyterServer1', Record<string, unknown> & { file: string }> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/jupyter/answers.json'), 'utf8'),
)

interface Program {
  readonly pid: number
  readonly ppid?: number
  readonly comm: string
  readonly words: readonly string[]
  readonly uid?: number
  readonly wchan?: string
  readonly switches?: number
  /** Ticks after boot; long ago unless told. */
  readonly start?: number
}

function put(machine: Machine, program: Program): void {
  const { pid, ppid = 1, comm, words, uid = 1000, wchan, switches = 100, start = 50_000 } = program
  const folder = `/proc/${pid}`
  machine.write(
    `${folder}/stat`,
    `${pid} (${comm}) S ${ppid} ${pid} ${pid} 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 ${start} 0 0\n`,
  )
  machine.write(`${folder}/cmdline`, words.map((word) => `${word}\0`).join(''))
  const ids = ['Uid', 'Gid'].map((name) => `${name}:\t${uid}\t${uid}\t${uid}\t${uid}`).join('\n')
  machine.write(
    `${folder}/status`,
    `Name:\t${comm}\n${ids}\nvoluntary_ctxt_switches:\t${switches}\nnonvoluntary_ctxt_switches:\t0\n`,
  )
  if (wchan !== undefined) machine.write(`${folder}/wchan`, wchan)
}

const runtime = '/home/alice/.local/share/jupyter/runtime'
const kernelId = 'bd8a2c44-51a1-48b4-b4bc-77345b5c1d43'
const kernel: Program = {
  ...{ pid: 4242, ppid: 4000, comm: 'python3', wchan: 'do_epoll_wait' },
  words: ['/usr/bin/python3', '-m', 'ipykernel_launcher', '-f', `${runtime}/kernel-${kernelId}.json`],
}
const server: Program = { pid: 4000, comm: 'jupyter-noteboo', words: ['/usr/bin/python3', '/usr/bin/jupyter-notebook'] }

/** A machine with checks of this sensor, each against the one before. */
function watched(host: (machine: Machine) => Host = (machine) => machine.host()) {
  const machine = createMachine('debian12-vm-quiet')
  let before: Awaited<ReturnType<typeof notebooks.read>> | undefined
  const check = async (ms = 2 * minute, options: Partial<Record<'busy_hours', number>> = {}): Promise<Reading> => {
    machine.pass(ms)
    const sample = await notebooks.read(host(machine), new AbortController().signal, before)
    const now: typeof sample = JSON.parse(JSON.stringify(sample))
    const limits = { ...defaults(notebooks.options), ...options }
    const reading = notebooks.judge(now, before ?? now, { span: { now: machine.clocks(), ms }, limits })
    before = now
    return reading
  }
  return { machine, check }
}

/** Listens on loopback and shows as the socket of pid 4000 on the machine; checks ask it. */
async function served(listener: RequestListener) {
  const http = createServer(listener)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const watching = watched((machine) => ({ ...machine.host(), http: requestHttp }))
  const { machine } = watching
  const port = address.port.toString(16).toUpperCase().padStart(4, '0')
  machine.write(
    '/proc/net/tcp',
    `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:${port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 8477632 1 000000009ab7c89d 100 0 0 10 0\n`,
  )
  machine.link('/proc/4000/fd/5', 'socket:[8477632]')
  put(machine, server)
  put(machine, kernel)
  const file = { ...JSON.parse(answers.notebook6.file), port: address.port }
  machine.commands.set('setpriv', () => ({ status: 1, stdout: JSON.stringify(file), stderr: '' }))
  return watching
}

/** A server that tells what `say` is at the moment. */
async function telling(version: keyof typeof answers = 'notebook6') {
  const state = { say: 'idle', lastMs: Date.parse('2026-01-01T01:00:00Z'), asked: [] as string[] }
  const watching = await served((request, response) => {
    state.asked.push(`${request.url} ${request.headers.authorization}`)
    const [one] = JSON.parse(JSON.stringify(answers[version][state.say]))
    const body = [{ ...one, id: kernelId, last_activity: new Date(state.lastMs).toISOString() }]
    response.end(JSON.stringify(body))
  })
  return { ...watching, state }
}

const idle = { kind: 'idle', reason: '1 notebook kernel, none used since the last check' }

describe('what is a subject', () => {
  it.each<[string, Program]>([
    ['ipykernel', kernel],
    [
      'the kernel of an editor',
      {
        ...kernel,
        ppid: 1,
        words: ['python', '-m', 'ipykernel_launcher', '--f=/run/user/1000/jupyter/runtime/kernel-v2-12Ab.json'],
      },
    ],
    [
      'R',
      {
        ...kernel,
        comm: 'R',
        words: ['/usr/lib/R/bin/exec/R', '--slave', '-e', 'IRkernel::main()', '--args', '/x/kernel-1.json'],
      },
    ],
    ['RStudio', { ...kernel, comm: 'rsession', words: ['/usr/lib/rstudio-server/bin/rsession', '-u', 'alice'] }],
  ])('%s', async (_, program) => {
    const { machine, check } = watched()
    put(machine, program)
    expect((await check()).kind).not.toBe('absent')
  })

  it('a kernel of any name that a server has started', async () => {
    const { machine, check } = watched()
    put(machine, server)
    put(machine, { ...kernel, comm: 'xcpp', words: ['xcpp', '-f', `${runtime}/kernel-7.json`] })
    expect((await check()).kind).not.toBe('absent')
  })

  it.each<[string, Program]>([
    ['a server without kernels', server],
    ['a script', { ...kernel, words: ['python3', 'train.py'] }],
    ['an editor with such a file open', { ...kernel, ppid: 1, comm: 'vim', words: ['vim', '/x/kernel-1.json'] }],
  ])('not %s', async (_, program) => {
    const { machine, check } = watched()
    put(machine, program)
    expect(await check()).toEqual({ kind: 'absent', reason: 'no notebook kernel or RStudio session runs here' })
  })
})

describe.each(['notebook6', 'jupyterServer1'] as const)('a server of %s', (version) => {
  it('tells of a kernel that holds data and does nothing, and is asked so that it is not used by it', async () => {
    const { check, state } = await telling(version)
    await check()
    expect(await check()).toEqual(idle)
    expect(await check(5 * 60 * minute)).toEqual(idle)
    expect(new Set(state.asked)).toEqual(new Set(['/api/kernels?no_track_activity=1 token TOKEN']))
  })

  it('tells of a silent cell for a day, and after that holds the machine for an hour only', async () => {
    const { check, state } = await telling(version)
    await check()
    state.say = 'busy'
    state.lastMs = Date.parse('2026-01-01T02:03:00Z')
    expect(await check()).toMatchObject({
      kind: 'active',
      reason: 'uid 1000: notebook kernel busy for 60 s (pid 4242)',
    })
    expect(await check(12 * minute)).toMatchObject({
      kind: 'active',
      reason: 'uid 1000: notebook kernel busy for 13 min (pid 4242)',
    })
    expect(await check(23 * 60 * minute)).toMatchObject({ kind: 'active' })
    expect(await check(60 * minute)).toMatchObject({
      ...{ kind: 'hold', evidence: 'connection', limitMinutes: 60 },
      reason: 'uid 1000: notebook kernel busy, for 24 h without a pause (pid 4242)',
    })
    // A pause shorter than an hour begins nothing anew.
    state.say = 'idle'
    await check()
    await check()
    state.say = 'busy'
    expect(await check()).toMatchObject({ kind: 'hold' })
    state.say = 'idle'
    await check()
    await check(61 * minute)
    state.say = 'busy'
    expect(await check()).toMatchObject({ kind: 'active' })
  })

  it('tells of a cell that ended between two checks, at its own time', async () => {
    const { check, state, machine } = await telling(version)
    await check()
    state.lastMs = machine.clocks().wallMs + minute
    const reading = await check()
    expect(reading).toMatchObject({
      kind: 'active',
      reason: 'uid 1000: notebook kernel used 60 s ago (pid 4242)',
      at: machine.clocks().monoMs - minute,
    })
    expect(await check()).toEqual(idle)
  })

  it('tells of an open tab, which is weak', async () => {
    const { check, state } = await telling(version)
    state.say = 'open'
    await check()
    expect(await check()).toEqual({
      ...{ kind: 'hold', evidence: 'connection', limitMinutes: 60 },
      reason: 'uid 1000: notebook kernel open in a browser (pid 4242)',
    })
  })

  it('tells of a kernel that no browser has connected to as starting, which is no work', async () => {
    const { check, state } = await telling(version)
    state.say = 'starting'
    await check()
    expect(await check()).toEqual(idle)
  })

  it('tells idle while a cell runs, once somebody has changed tabs', async () => {
    const { check, state, machine } = await telling(version)
    await check()
    state.say = 'toldIdleWhileBusy'
    put(machine, { ...kernel, wchan: 'hrtimer_nanosleep' })
    await check()
    expect(await check()).toMatchObject({
      kind: 'active',
      reason: 'uid 1000: notebook kernel busy for 4 min (pid 4242)',
    })
  })
})

describe('use', () => {
  it('at every check for more than an hour is a poll', async () => {
    const { check, state, machine } = await telling()
    await check()
    const readings: Reading[] = []
    for (let round = 0; round < 40; round += 1) {
      state.lastMs = machine.clocks().wallMs + 2 * minute - 5_000
      readings.push(await check())
    }
    expect(readings.slice(0, 30).map(({ kind }) => kind)).toEqual(Array.from({ length: 30 }, () => 'active'))
    expect(readings.at(-1)).toMatchObject({
      kind: 'hold',
      reason: 'uid 1000: notebook kernel polled, for 78 min without a pause (pid 4242)',
    })
  })

  it('is seen after a step of the wall clock, and no later than now', async () => {
    const { check, state, machine } = await telling()
    await check()
    machine.stepWall(-3 * 60 * minute)
    state.lastMs = machine.clocks().wallMs + 500 * minute
    expect(await check()).toMatchObject({ kind: 'active', at: machine.clocks().monoMs })
  })

  it('is a new kernel, at its start', async () => {
    const { machine, check } = watched()
    await check()
    put(machine, { ...kernel, start: (machine.clocks().bootMs + minute) / 10 })
    const reading = await check()
    expect(reading).toMatchObject({
      kind: 'active',
      reason: 'uid 1000: notebook kernel started 60 s ago (pid 4242)',
      at: machine.clocks().monoMs - minute,
    })
  })

  it('may be behind a server that tells of none, where the kernel wakes', async () => {
    const { check, machine } = await telling()
    await check()
    put(machine, { ...kernel, switches: 102 })
    expect(await check()).toMatchObject({ kind: 'hold', reason: expect.stringContaining('wakes') })
    expect(await check()).toEqual(idle)
  })
})

describe('a kernel whose server is not asked', () => {
  it.each<[string, Partial<Program>, Partial<Program>, object]>([
    ['waits for events', {}, {}, { kind: 'hold', limitMinutes: 60 }],
    ['waits for events, by older kernels', { wchan: 'ep_poll' }, {}, { kind: 'hold' }],
    ['was reconnected to', {}, { switches: 112 }, { kind: 'hold' }],
    ['ran a cell', {}, { switches: 122 }, { kind: 'active', reason: expect.stringContaining('used') }],
    ['sleeps', {}, { wchan: 'hrtimer_nanosleep' }, { kind: 'active', reason: expect.stringContaining('busy') }],
    ['waits for a program', {}, { wchan: 'do_wait' }, { kind: 'active' }],
    ['waits on a socket', {}, { wchan: 'poll_schedule_timeout.constprop.0' }, { kind: 'active' }],
    ['cannot be looked into', { wchan: '0' }, {}, { kind: 'hold' }],
    ['is of R, whose loop polls', { comm: 'R', wchan: 'do_sys_poll' }, {}, { kind: 'hold' }],
  ])('%s', async (_, first, then, expected) => {
    const { machine, check } = watched()
    put(machine, { ...kernel, ...first })
    await check()
    put(machine, { ...kernel, ...first, ...then })
    expect(await check()).toMatchObject(expected)
  })

  it('is one kernel with what it has forked and the shell that started it', async () => {
    const { machine, check } = watched()
    put(machine, {
      ...kernel,
      pid: 4100,
      comm: 'bash',
      words: ['bash', '-c', `exec python -f ${runtime}/kernel-${kernelId}.json`],
      start: 40_000,
      wchan: 'do_wait',
    })
    put(machine, server)
    put(machine, kernel)
    put(machine, { ...kernel, pid: 4300, start: 60_000, ppid: 4242, wchan: 'futex_do_wait' })
    await check()
    expect(await check()).toMatchObject({ kind: 'hold', reason: expect.stringMatching(/\(pid 4242\)$/) })
  })
})

describe('RStudio', () => {
  const session: Program = { pid: 5000, comm: 'rsession', words: ['rsession'], wchan: 'futex_wait_queue' }

  it('holds while a session is open, and works while it waits for a program', async () => {
    const { machine, check } = watched()
    put(machine, session)
    await check()
    expect(await check()).toMatchObject({ kind: 'hold', reason: 'uid 1000: RStudio session open (pid 5000)' })
    put(machine, { ...session, wchan: 'do_wait' })
    expect(await check()).toMatchObject({ kind: 'active', reason: 'uid 1000: RStudio session busy for 0 s (pid 5000)' })
  })
})

describe('a hostile or broken server', () => {
  const refused = { kind: 'hold', reason: expect.stringContaining('does not tell') }

  it.each<[string, RequestListener]>([
    ['refuses', (_, response) => response.writeHead(403).end('{"message": "Forbidden", "reason": null}')],
    ['sends elsewhere', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['answers nonsense', (_, response) => response.end('<html>')],
    ['answers half', (_, response) => response.end('[{"id": "x"')],
    [
      'tells no times',
      (_, response) =>
        response.end(`[{"id": "${kernelId}", "execution_state": "idle", "last_activity": "x", "connections": 0}]`),
    ],
    ['never ends', (_, response) => void response.write('[')],
    ['says too much', (_, response) => response.end('['.repeat(2_000_000))],
    ['nests deeply', (_, response) => response.end('['.repeat(900_000))],
    ['hangs up', (request) => request.socket.destroy()],
  ])('%s: the process shows the rest', async (_, listener) => {
    const { check } = await served(listener)
    await check()
    expect(await check()).toMatchObject(refused)
  })

  it('cannot hide another kernel by its own answer', async () => {
    const { check, machine } = await telling()
    await check()
    put(machine, { ...kernel, pid: 6000, ppid: 1, uid: 1001, wchan: 'do_wait' })
    expect(await check()).toMatchObject({ kind: 'active', reason: expect.stringContaining('uid 1001') })
  })

  it('is asked only at a port that it listens on itself, with the token of the file', async () => {
    const { check, machine, state } = await telling()
    machine.link('/proc/4000/fd/5', 'socket:[1]')
    await check()
    expect(await check()).toMatchObject(refused)
    expect(state.asked).toEqual([])
  })

  it.each([1, 2, 3])('whose runtime file hangs or is junk is asked without a token (%i)', async (which) => {
    const { check, machine, state } = await telling()
    const junk = ['', '{"token": "x\\r\\ny: z", "base_url": "//evil/"}', 'x'.repeat(16_384)][which - 1] ?? ''
    machine.commands.set('setpriv', () => ({ status: 1, stdout: junk, stderr: '' }))
    await check()
    expect(state.asked).toEqual(['/api/kernels?no_track_activity=1 undefined'])
  })

  // sudo with a path as an argument, waiting for a password: whose command line names the folder is not whose kernel it is.
  it('with a child that runs as root is not asked, nor is anything read for it as root', async () => {
    const { check, machine, state } = await telling()
    put(machine, { ...kernel, comm: 'sudo', words: ['sudo', `${runtime}/kernel-${kernelId}.json`], uid: 0 })
    expect(await check()).toMatchObject({ kind: 'hold' })
    expect([...machine.ran, ...state.asked]).toEqual([])
  })

  it('reads the runtime file as its owner', async () => {
    const { check, machine } = await telling()
    await check()
    expect(machine.ran).toEqual([
      [
        ...['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', '--no-new-privs', 'head', '-qc', '16384'],
        ...[`${runtime}/jpserver-4000.json`, `${runtime}/nbserver-4000.json`],
      ],
    ])
  })

  it('with kernels without number counts for 200', async () => {
    const { machine, check } = watched()
    for (let pid = 10_000; pid < 10_300; pid += 1)
      put(machine, { ...kernel, pid, words: ['python3', '-f', `/x/kernel-${pid}.json`] })
    await check()
    expect((await check()).reason).toMatch(/; 199 more$/)
  })
})

describe('a source that is broken', () => {
  it.each<[string, (machine: Machine) => void, RegExp]>([
    ['command lines may not be read', (machine) => machine.forbid('/proc/4242/cmdline'), /cmdline: permission denied/],
    ['status may not be read', (machine) => machine.forbid('/proc/4242/status'), /status: permission denied/],
    ['status is garbage', (machine) => machine.write('/proc/4242/status', 'x'), /Uid in \/proc\/PID\/status/],
    [
      'status is cut off',
      (machine) => machine.write('/proc/4242/status', 'Uid:\t0\t0\t0\t0\nGid:\t0\n'),
      /ctxt_switches/,
    ],
  ])('%s: it throws, for the loop to say unknown', async (_, spoil, message) => {
    const { machine, check } = watched()
    put(machine, kernel)
    await check()
    spoil(machine)
    await expect(check()).rejects.toThrow(message)
  })

  it.each(['/proc/4242/wchan', '/proc/4000/fd', '/proc/net/tcp'])('%s may not be read: less is told', async (path) => {
    const { machine, check } = watched()
    put(machine, server)
    put(machine, kernel)
    machine.write('/proc/net/tcp', '  sl  local_address rem_address   st\n')
    machine.forbid(path)
    await check()
    expect(await check()).toMatchObject({ kind: 'hold', reason: expect.stringContaining('does not tell') })
  })

  it('a table of connections that is not understood: it throws', async () => {
    const { machine, check } = watched()
    put(machine, server)
    put(machine, kernel)
    machine.write('/proc/net/tcp', '  sl  local_address rem_address   st\nx\n')
    await expect(check()).rejects.toThrow('not understood')
  })

  it('a table of connections that anybody has made too large: less is told', async () => {
    const { machine, check } = watched()
    put(machine, server)
    put(machine, kernel)
    machine.write('/proc/net/tcp', 'x'.repeat(8_000_001))
    await check()
    expect(await check()).toMatchObject({ kind: 'hold', reason: expect.stringContaining('does not tell') })
  })

  it('that ends while it is looked at is nobody', async () => {
    const { machine, check } = watched()
    put(machine, kernel)
    put(machine, { ...kernel, pid: 4300, words: ['python3', '-f', '/x/kernel-2.json'] })
    await check()
    machine.remove('/proc/4300/status')
    expect((await check()).reason).toMatch(/\(pid 4242\)$/)
  })
})

describe('parsing', () => {
  it.each([
    ['[1, 2]', 0],
    ['[]', 0],
    ['{}', 'no list'],
    ['[{}]', 'no text'],
    ['x', 'JSON'],
  ])('kernels: %s', (text, expected) => {
    if (typeof expected === 'number') expect(parseKernels(text).size).toBe(expected)
    else expect(() => parseKernels(text)).toThrow(expected)
  })

  it('runtime files, as both servers write them', () => {
    expect(parseRuntimeFile(answers.notebook6.file)).toEqual({ port: 18_888, path: '/', token: 'TOKEN' })
    expect(parseRuntimeFile(answers.jupyterServer1.file)).toEqual({ port: 18_889, path: '/', token: 'TOKEN' })
    expect(parseRuntimeFile('{"base_url": "/user/alice/", "port": "x", "token": "a b"}')).toEqual({
      path: '/user/alice/',
      token: '',
    })
  })

  it('listening sockets that loopback reaches, and no others', () => {
    const line = (local: string, state: string, inode: number) =>
      `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 100 0 0 10 0`
    const any6 = '0'.repeat(32)
    const text = [
      '  sl  local_address',
      line('0100007F:22B8', '0A', 1),
      line('00000000:22B9', '0A', 2),
      line('0500000A:22BA', '0A', 3),
      line('0100007F:22BB', '01', 4),
      line('3500007F:22BD', '0A', 6),
      line(`${any6}:22BC`, '0A', 5),
      '',
    ].join('\n')
    expect([...listeningIn(parseTcp(text))].map(([inode, { port }]) => [inode, port])).toEqual([
      [1, 8888],
      [2, 8889],
      [5, 8892],
    ])
  })
})
