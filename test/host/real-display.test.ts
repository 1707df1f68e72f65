/** The last input on an X display: by real servers, and by sockets that only look like one. */
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { displayIdleMs, findCookie, parseAnswer } from '../../agent/host/real-display.ts'
import { authFile, hasXvfb, startX } from '../sensors/x-server.ts'

const uid = process.getuid?.() ?? 0
const isRoot = uid === 0

function within(timeoutMs: number) {
  return { timeoutMs, signal: new AbortController().signal }
}

describe.skipIf(!hasXvfb)('Xvfb', () => {
  it('tells of a key, and how long ago it was', async () => {
    const { number } = await startX('Xvfb', ['-noreset'])
    const display = { number, uid }
    const pressed = () => spawnSync('xdotool', ['key', 'a'], { env: { ...process.env, DISPLAY: `:${number}` } }).status
    expect(pressed()).toBe(0)
    const first = (await displayIdleMs(display, within(2000))) ?? Number.NaN
    expect(first).toBeLessThan(2000)
    await expect.poll(() => displayIdleMs(display, within(2000))).toBeGreaterThan(first + 200)
    expect(pressed()).toBe(0)
    expect(await displayIdleMs(display, within(2000))).toBeLessThan(first + 200)
  })

  it('lets in who has its cookie, and nobody else', async () => {
    const path = authFile(randomBytes(16))
    const { number } = await startX('Xvfb', ['-noreset', '-auth', path])
    const ask = (file?: string, owner = uid) =>
      displayIdleMs({ number, uid: owner, ...(file === undefined ? {} : { authFile: file }) }, within(2000))
    expect(await ask(path)).toBeGreaterThanOrEqual(0)
    expect(await ask()).toBeUndefined()
    expect(await ask(authFile(randomBytes(16)))).toBeUndefined()
    symlinkSync(path, `${path}.link`)
    expect(await ask(`${path}.link`)).toBeUndefined()
    // Another user's server may name this file and hope to be shown the cookie.
    if (isRoot) {
      expect(await ask(path, 65_534)).toBeUndefined()
      chownSync(path, 65_534, 65_534)
      expect(await ask(path, 65_534)).toBeGreaterThanOrEqual(0)
    }
  })

  it('is nobody once it has ended', async () => {
    const { number, child } = await startX('Xvfb', [])
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    onTestFinished(() => {
      for (const path of [`/tmp/.X11-unix/X${number}`, `/tmp/.X${number}-lock`]) rmSync(path, { force: true })
    })
    expect(await displayIdleMs({ number, uid }, within(2000))).toBeUndefined()
  })
})

/** A socket of ours where X servers have theirs. */
async function pretend(
  onConnection: (socket: Socket) => void,
): Promise<{ readonly number: number; readonly path: string }> {
  const number = 20_000 + (process.pid % 10_000)
  mkdirSync('/tmp/.X11-unix', { recursive: true })
  if (isRoot) chmodSync('/tmp/.X11-unix', 0o1777)
  const path = `/tmp/.X11-unix/X${number}`
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    onConnection(socket)
  }).listen(path)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  return { number, path }
}

/** The answer to a greeting, with one screen whose root window is 77, and a reply. */
function answer(reply: Buffer): Buffer {
  const setup = Buffer.alloc(8 + 32 + 4 + 8 + 40)
  setup[0] = 1
  setup.writeUInt16LE((setup.length - 8) / 4, 6)
  setup.writeUInt16LE(2, 24)
  setup[28] = 1
  setup[29] = 1
  setup.writeUInt32LE(77, 52)
  return Buffer.concat([setup, reply])
}

function extension(present: number): Buffer {
  const reply = Buffer.alloc(32)
  reply.set([1, 0, 1, 0, 0, 0, 0, 0, present, 146])
  return reply
}

// A device does something when it is opened (a watchdog resets the machine later), as a pipe does: it lets its writer go on.
it('what is no file is not opened, whatever a server names as its file of cookies', async () => {
  const pipe = `${authFile(randomBytes(16))}.pipe`
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  const writer = spawn('sh', ['-c', 'echo ready; exec 3>"$1"', 'sh', pipe], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void writer.kill('SIGKILL'))
  await once(writer.stdout, 'data')
  await sleep(100)
  const { number } = await pretend((socket) => void socket.end(Buffer.from([0, 0, 11, 0, 0, 0, 0, 0])))
  expect(await displayIdleMs({ number, uid, authFile: pipe }, within(2000))).toBeUndefined()
  await sleep(200)
  expect(writer.exitCode).toBeNull()
})

// As a home on a server that is gone, where whoever reads waits: here a pipe without a writer.
it.skipIf(!isRoot)('a file of cookies that cannot be read to its end does not hold a check up', async () => {
  const pipe = `${authFile(randomBytes(16))}.pipe`
  expect(spawnSync('mkfifo', ['-m', '0666', pipe]).status).toBe(0)
  const { number } = await pretend((socket) => void socket.end(Buffer.from([0, 0, 11, 0, 0, 0, 0, 0])))
  const began = performance.now()
  const asked = displayIdleMs({ number, uid: 65_534, authFile: pipe }, within(3000))
  await expect(asked).rejects.toThrow(`X display ${number}: setpriv did not end within 1000 ms`)
  expect(performance.now() - began).toBeLessThan(2500)
})

describe('a socket', () => {
  it.each([
    ['that refuses', Buffer.from([0, 5, 11, 0, 0, 0, 2, 0, 110, 111, 116, 32, 121, 111, 117, 33]), undefined],
    ['of a server without the extension', answer(extension(0)), undefined],
    ['that answers with an error', answer(Buffer.alloc(32)), undefined],
    ['that says nothing', Buffer.alloc(0), /cut off/],
    ['that stops in the middle', answer(extension(1)).subarray(0, 90), /cut off/],
    [
      'that promises more than it gives',
      Buffer.concat([Buffer.from([1, 0, 11, 0, 0, 0, 255, 255]), Buffer.alloc(500)]),
      /cut off/,
    ],
    ['that has no screen', Buffer.concat([Buffer.from([1, 0, 11, 0, 0, 0, 8, 0]), Buffer.alloc(64)]), /no screen/],
    ['that never ends', Buffer.alloc(400_000, 1), /more than 262144 bytes/],
  ])('%s', async (_, text, problem) => {
    const { number } = await pretend((socket) => void socket.end(text))
    const asked = displayIdleMs({ number, uid }, within(2000))
    if (problem === undefined) expect(await asked).toBeUndefined()
    else await expect(asked).rejects.toThrow(problem)
  })

  it('that never answers is given up in time', async () => {
    const { number } = await pretend(() => {})
    const began = performance.now()
    await expect(displayIdleMs({ number, uid }, within(300))).rejects.toThrow('does not answer in time')
    expect(performance.now() - began).toBeLessThan(2000)
  })

  it.skipIf(!isRoot)('of another user is not even called, nor is what a link leads to', async () => {
    let called = 0
    const { number, path } = await pretend(() => {
      called += 1
    })
    chownSync(path, 65_534, 65_534)
    expect(await displayIdleMs({ number, uid: 1000 }, within(1000))).toBeUndefined()
    // A link to a socket that would do.
    const linked = number + 10_000
    chownSync(path, 1000, 1000)
    symlinkSync(path, `/tmp/.X11-unix/X${linked}`)
    onTestFinished(() => rmSync(`/tmp/.X11-unix/X${linked}`))
    expect(await displayIdleMs({ number: linked, uid: 1000 }, within(1000))).toBeUndefined()
    expect(called).toBe(0)
  })
})

it.each([
  ['nothing', Buffer.alloc(0)],
  ['a text', Buffer.from('root:x:0:0:root:/root:/bin/bash\n')],
  ['a record that is cut off', Buffer.from([1, 0, 0, 4, 1])],
])('finds no cookie in %s', (_, file) => {
  expect(findCookie(file, 0)).toBeUndefined()
})

it('takes what it reads from the right places', () => {
  expect(parseAnswer(answer(extension(1)))).toMatchObject({ root: 77 })
})
