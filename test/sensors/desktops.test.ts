/** Desktops: by real X servers and a real VNC client, and by what DCV says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { parseSessions } from '../../agent/sensors/dcv.ts'
import { desktopServers, displayServers } from '../../agent/sensors/desktop-programs.ts'
import { desktops, mayBeDesktop } from '../../agent/sensors/desktops.ts'
import { shownDesktops } from '../../agent/sensors/desktops-judge.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { addProcess } from './add-process.ts'
import { plant } from './disk-machine.ts'
import { defaults, interval, sample } from './machine.ts'
import { freePort, hasXvfb, hasXvnc, openVnc, startX, type XServer } from './x-server.ts'

const real = createHost({ root: '/', env: {} })
/** Displays look ten seconds older than they are: what comes in their first five is no input. */
const machine = { ...real, clocks: () => ({ ...real.clocks(), bootMs: real.clocks().bootMs + 10_000 }) }

type Sample = Awaited<ReturnType<typeof desktops.read>>

/** A look at this machine, at nothing but that server's desktop: other tests have others. */
async function take({ pid }: XServer, before?: Sample): Promise<Sample> {
  const { subject } = await desktops.read({ ...machine }, new AbortController().signal, before)
  if (subject === undefined) return {}
  const displays = subject.displays.filter((one) => one.pid === pid)
  return { subject: { ...subject, displays, served: subject.served.filter((one) => one.pid === pid) } }
}

function judge(now: Sample, before: Sample, ms = 120_000): Reading {
  return desktops.judge(now, before, { span: { now: machine.clocks(), ms }, limits: defaults(desktops.options) })
}

/** A program on the display, since a server without one is used by nobody; resolves once it is there. */
async function show(x: XServer): Promise<ChildProcess> {
  const env = { ...process.env, DISPLAY: `:${x.number}` }
  const child = spawn('xprop', ['-root', '-spy'], { env, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await expect.poll(async () => (await take(x)).subject?.displays[0]?.idleMs).toBeGreaterThanOrEqual(0)
  return child
}

describe.skipIf(!hasXvfb)('a display', () => {
  it('is active with input in the interval, and idle without', async () => {
    const x = await startX('Xvfb', [])
    await show(x)
    const before = await take(x)
    await machine.sleep(300)
    const quiet = judge(await take(x, before), before, 200)
    expect(quiet.kind).toBe('idle')
    expect(quiet.reason).toBe(
      `uid ${process.getuid?.()}: desktop, Xvfb (pid ${x.pid}): nobody connected, no input since the last check`,
    )
    expect(spawnSync('xdotool', ['key', 'a'], { env: { ...process.env, DISPLAY: `:${x.number}` } }).status).toBe(0)
    const reading = judge(await take(x, before), before)
    expect(reading).toMatchObject({ kind: 'active', person: false })
    expect(reading.reason).toMatch(new RegExp(`^uid \\d+: desktop, Xvfb \\(pid ${x.pid}\\): input [01] s ago$`))
  })

  it('without a program is not asked, since it would begin anew', async () => {
    const x = await startX('Xvfb', [])
    const before = await take(x)
    expect(before.subject?.displays).toEqual([{ pid: x.pid, uid: process.getuid?.(), comm: 'Xvfb' }])
    expect(judge(await take(x, before), before).kind).toBe('idle')
  })

  it('that hangs is unknown', async () => {
    const x = await startX('Xvfb', [])
    await show(x)
    x.child.kill('SIGSTOP')
    onTestFinished(() => void x.child.kill('SIGCONT'))
    const hung = await take(x)
    x.child.kill('SIGCONT')
    expect(judge(hung, hung)).toEqual({
      kind: 'unknown',
      reason: `uid ${process.getuid?.()}: desktop, Xvfb (pid ${x.pid}) cannot be asked: X display ${x.number}: it does not answer in time`,
    })
  })
})

describe.skipIf(!(hasXvnc && hasXvfb))('a desktop over VNC', () => {
  it('is active while somebody types, holds while somebody is only connected, and is idle afterwards', async () => {
    const port = await freePort()
    const x = await startX('Xtigervnc', ['-SecurityTypes', 'None', '-rfbport', String(port), '-localhost'])
    await show(x)
    const alone = await take(x)
    await machine.sleep(300)
    expect(judge(await take(x, alone), alone, 200).kind).toBe('idle')

    const client = await openVnc(port)
    client.press()
    await expect.poll(async () => judge(await take(x, alone), alone, 5000).kind).toBe('active')
    const typed = await take(x, alone)
    expect(judge(typed, alone)).toMatchObject({ kind: 'active', person: true })

    await machine.sleep(300)
    const open = await take(x, typed)
    expect(judge(open, typed, 200)).toEqual({
      kind: 'hold',
      evidence: 'connection',
      limitMinutes: 60,
      reason: `client connected to a desktop over VNC (pid ${x.pid}), no input`,
    })
    client.socket.destroy()
    await expect.poll(async () => (await take(x)).subject?.served[0]?.clients).toBe(0)
    const left = await take(x)
    expect(judge(await take(x, left), left, 200).kind).toBe('idle')
  })
})

it.each([...displayServers, ...desktopServers.keys()])('looks closer where %s runs', (comm) => {
  expect(comm).toMatch(mayBeDesktop)
  expect(Buffer.byteLength(comm)).toBeLessThanOrEqual(15)
})

it.each(['Xwayland', 'node', 'nginx', 'xterm', 'kthreadd', 'nxx'])('is absent where only %s runs', async (comm) => {
  const fixture = createMachine('debian12-vm-quiet')
  plant(fixture, { pid: 900, comm }, '')
  expect(await interval(desktops, fixture)).toEqual({ kind: 'absent', reason: 'no desktop runs here' })
})

describe('bytes of a client', () => {
  const span = { now: { wallMs: 0, bootMs: 9_000_000, monoMs: 9_000_000 }, ms: 120_000 }
  const limits = { connection_hold_minutes: 60 }

  /** An untouched display of that pid and user beside a server with pid 900 of uid 1000. */
  function judged(
    display: { readonly pid: number; readonly uid: number },
    { unread, first = 0 }: { readonly unread?: string; readonly first?: number } = {},
  ): Reading {
    const one = { pid: 900, start: 5, name: 'RDP', uid: 1000, clients: 1 }
    const displays = [{ ...display, comm: 'Xvfb', idleMs: 3_600_000 }]
    const at = (monoMs: number, bytes: number) => ({
      ...{ at: monoMs, displays },
      served: [{ ...one, sockets: [[7, bytes]] as const, ...(unread === undefined ? {} : { unread }) }],
    })
    return shownDesktops.subject.judge(at(9_000_000, 900_000), at(8_880_000, first), { span, limits })
  }

  it.each([
    ["are use beside another user's display", { pid: 800, uid: 65_534 }, 'active', 1440],
    ["are use beside another display of the client's user", { pid: 800, uid: 1000 }, 'active', 1440],
    ['are nothing where their server is the display, and tells', { pid: 900, uid: 1000 }, 'hold', 60],
  ])('%s', (_, display, read, unreadMinutes) => {
    expect(judged(display).kind).toBe(read)
    const unread = 'ss does not tell them'
    expect(judged(display, { unread })).toMatchObject({ kind: 'hold', limitMinutes: unreadMinutes })
  })

  it('count whole where a connection has the number of one that had more', () => {
    expect(judged({ pid: 800, uid: 1000 }, { first: 10_000_000 }).kind).toBe('active')
  })
})

describe('DCV', () => {
  // Written from the JSON example of `dcv describe-session` in the Amazon DCV administrator guide.
  const session = (clients: number) =>
    `{ "id" : "session-id", "owner" : "dcvuser", "num-of-connections" : ${clients}, "last-disconnection-time" : "" }`

  it.each([
    ['no session', '[]', 0],
    ['nothing said', '\n', 0],
    ['sessions', `[ ${session(0)}, ${session(2)} ]`, 2],
  ])('%s', (_, text, clients) => {
    expect(parseSessions(text)).toBe(clients)
  })

  it.each([
    ['one session', session(1)],
    ['a message', 'There are no sessions available.'],
    ['a session without the number', '[{"id":"console"}]'],
    ['a number that is none', '[{"num-of-connections":"1"}]'],
    ['a list that is cut off', `[ ${session(1)}`],
    ['a list of something else', '[1]'],
  ])('throws at %s', (_, text) => {
    expect(() => parseSessions(text)).toThrow()
  })

  function withDcv(answer: (argv: readonly string[]) => { status: number; stdout: string; stderr: string }): Machine {
    const fixture = createMachine('debian12-vm-quiet')
    plant(fixture, { pid: 900, comm: 'dcvserver' }, '')
    fixture.write('/proc/net/tcp', '  sl  local_address rem_address   st\n')
    fixture.write('/proc/900/status', 'Name:\tdcvserver\nUid:\t0\t0\t0\t0\n')
    fixture.write('/proc/net/tcp', '  sl  local_address rem_address\n')
    fixture.commands.set('dcv', answer)
    return fixture
  }

  it.each([
    ['holds with a client', 0, `[${session(1)}]`, 'hold', 'client connected to a desktop over DCV, no input'],
    ['is idle without one', 0, `[${session(0)}]`, 'idle', 'a desktop server runs, nobody connected'],
    ['is unknown where it fails', 1, '', 'unknown', 'DCV cannot be asked: dcv list-sessions ended with 1'],
    ['is unknown where it is not understood', 0, 'oops', 'unknown', 'DCV cannot be asked: not JSON'],
  ])('%s', async (_, status, stdout, kind, reason) => {
    expect(
      await interval(
        desktops,
        withDcv(() => ({ status, stdout, stderr: '' })),
      ),
    ).toMatchObject({ kind, reason })
  })
})

describe('a display of the fixture', () => {
  const unix =
    'Num RefCount Protocol Flags Type St Inode Path\nffff: 00000003 00000000 00000000 0001 03 9001 @/tmp/.X11-unix/X10\n'

  function withDisplay(): Machine {
    const fixture = createMachine('debian12-vm-quiet')
    plant(fixture, { pid: 900, comm: 'Xorg' }, '')
    fixture.write('/proc/900/status', 'Name:\tXorg\nUid:\t1000\t1000\t1000\t1000\nFDSize:\t64\n')
    fixture.write('/proc/900/cmdline', 'Xorg\0:10\0-auth\0.Xauthority\0')
    fixture.write('/proc/900/net/unix', unix)
    fixture.link('/proc/900/fd/5', 'socket:[9001]')
    return fixture
  }

  it.each([
    ['input at the end', 12_000, 'active', 7_308_000],
    ['input at the very beginning', 119_999, 'active', 7_200_001],
    ['input before', 120_000, 'idle', undefined],
  ])('%s', async (_, idleMs, kind, at) => {
    const fixture = withDisplay()
    const reading = await interval(desktops, fixture, { then: () => void fixture.displays.set(10, idleMs) })
    expect(reading.kind).toBe(kind)
    if (at !== undefined) expect(reading).toMatchObject({ at, person: true, uids: [1000] })
  })

  it.each([
    ['as it began', 4_000, 'idle'],
    ['after it began', 2_000, 'active'],
  ])('that begins in the interval, last used %s', async (_, idleMs, kind) => {
    const fixture = withDisplay()
    const then = (): void => {
      addProcess(fixture, { pid: 900, comm: 'Xorg', start: Math.floor((fixture.clocks().bootMs - 8_000) / 10) })
      fixture.displays.set(10, idleMs)
    }
    expect((await interval(desktops, fixture, { then })).kind).toBe(kind)
  })

  it.each([
    ['has no program', unix.replace(' 03 ', ' 01 ')],
    ["is another server's", unix.replace('9001', '9002')],
    ['is no display', unix.replace('@/tmp/.X11-unix/X10', '/tmp/.X11-unix/X10/../../x')],
  ])('is not asked where it %s', async (_, text) => {
    const fixture = withDisplay()
    fixture.displays.set(10, 5)
    fixture.write('/proc/900/net/unix', text)
    expect((await interval(desktops, fixture)).kind).toBe('idle')
  })

  it.each([
    [0, { kind: 'unknown' }],
    [110, { kind: 'unknown' }],
    [1000, { kind: 'hold', evidence: 'process', limitMinutes: 1440 }],
  ])('of uid %i whose sockets cannot be told', async (uid, expected) => {
    const fixture = withDisplay()
    fixture.write('/proc/900/status', `Name:\tXorg\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nFDSize:\t64\n`)
    fixture.remove('/proc/900/net/unix')
    expect(await interval(desktops, fixture)).toEqual({
      ...expected,
      reason: `uid ${uid}: desktop, Xorg (pid 900) cannot be asked: /proc/900/net/unix is absent`,
    })
  })

  it("a user's forty others do not hide it, nor are they all asked", async () => {
    const fixture = withDisplay()
    for (let pid = 2000; pid < 2040; pid += 1)
      addProcess(fixture, { pid, comm: 'Xvfb', uid: 1001, start: 20_000 + pid })
    fixture.displays.set(10, 5000)
    const { subject } = await sample(desktops, fixture)
    expect(subject?.displays.map(({ pid }) => pid).toSorted((a, b) => a - b)).toEqual([
      900,
      ...Array.from({ length: 32 }, (_, index) => 2000 + index),
    ])
    expect(await interval(desktops, fixture)).toMatchObject({ kind: 'active', uids: [1000] })
  })
})
