/** Asks an X server how long ago somebody last used its keyboard or mouse; loaded where one runs. */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { HostError, messageOf } from '../errors.ts'
import { asUser } from './as-user.ts'
import type { Display, Host } from './host.ts'
import { codeOf, isAbsent } from './real-errors.ts'
import { runCommand } from './real-run.ts'

/** O_PATH (open(2)), which Node has no name for: a hold on the file itself, whatever its name leads to later. */
const O_PATH = 0o10000000

/** More than any X server says of itself: some thousand bytes a screen. */
const MAX_BYTES = 262_144
const MAX_AUTH_BYTES = 65_536
/** Milliseconds for that file; its user's home may be on another machine. */
const AUTH_MS = 1000
/** A group that owns nothing. */
const NOGROUP = 65_534
const COOKIE = 'MIT-MAGIC-COOKIE-1'
const EXTENSION = 'MIT-SCREEN-SAVER'
const REPLY_BYTES = 32

function padded(length: number): number {
  return length + ((4 - (length % 4)) % 4)
}

/** `undefined` if there is nothing, a link that is not to be followed, or something that is not ours to open. */
function openThere(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags)
  } catch (error) {
    if (isAbsent(error) || codeOf(error) === 'ELOOP' || codeOf(error) === 'EACCES') return undefined
    throw new HostError(`cannot open ${path}`, { cause: error })
  }
}

/**
 * The cookie for a display in the text of an Xauthority file: records of a family, then address, display number, name and
 * data, each with its length in two bytes before it (Xau(3), big-endian).
 */
export function findCookie(file: Buffer, display: number): Buffer | undefined {
  let offset = 0
  let found: Buffer | undefined
  while (offset + 2 <= file.length) {
    offset += 2
    const parts: Buffer[] = []
    for (let part = 0; part < 4; part += 1) {
      if (offset + 2 > file.length) return found
      const length = file.readUInt16BE(offset)
      parts.push(file.subarray(offset + 2, offset + 2 + length))
      offset += 2 + length
    }
    const [, number = '', name, data] = parts
    if (String(name) !== COOKIE || data?.length !== 16) continue
    if (String(number) === String(display)) return data
    // A server's own file may name no display.
    if (String(number) === '') found ??= data
  }
  return found
}

/**
 * The cookie for a display, if there is one. Root reads what a user's server names as that user would, by another process: a
 * home may be a dead server's, where whoever reads waits for ever, or one that shows root nothing (root_squash, exports(5)).
 */
async function readCookie(display: Display, gid: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const { authFile, number, uid } = display
  if (authFile === undefined) return undefined
  if (uid === 0 || process.getuid?.() !== 0) return readOwnCookie(authFile, display)
  const dump = ['od', '-An', '-v', '-tx1', `-N${MAX_AUTH_BYTES}`, authFile]
  const found = await runCommand([...asUser(uid, gid), ...dump], { timeoutMs: AUTH_MS, signal })
  if (found === undefined || found.status !== 0) return undefined
  return findCookie(Buffer.from(found.stdout.replaceAll(/\s/g, ''), 'hex'), number)
}

/** The cookie in a file that is the server's user's own, or that root's server has: another's secret is sent to nobody. */
function readOwnCookie(authFile: string, { number, uid }: Display): Buffer | undefined {
  // Any process can name any path, and a device does something when it is opened: a watchdog begins to count.
  const held = openThere(authFile, O_PATH | constants.O_NOFOLLOW)
  if (held === undefined) return undefined
  try {
    const stat = fstatSync(held)
    if (!stat.isFile() || (stat.uid !== uid && uid !== 0)) return undefined
    const file = openThere(`/proc/self/fd/${held}`, constants.O_RDONLY | constants.O_NONBLOCK)
    return file === undefined ? undefined : cookieIn(file, number)
  } finally {
    closeSync(held)
  }
}

function cookieIn(file: number, display: number): Buffer | undefined {
  try {
    const buffer = Buffer.alloc(MAX_AUTH_BYTES)
    return findCookie(buffer.subarray(0, readSync(file, buffer)), display)
  } finally {
    closeSync(file)
  }
}

/** Opening of a connection (X11 protocol, 8): little-endian, version 11.0, with a cookie or none. */
function greeting(cookie: Buffer | undefined): Buffer {
  const name = cookie === undefined ? '' : COOKIE
  const size = cookie?.length ?? 0
  const text = Buffer.alloc(12 + padded(name.length) + padded(size))
  text.write('l')
  text.writeUInt16LE(11, 2)
  text.writeUInt16LE(name.length, 6)
  text.writeUInt16LE(size, 8)
  text.write(name, 12)
  cookie?.copy(text, 12 + padded(name.length))
  return text
}

/** QueryExtension of the screen saver's extension. */
function extensionRequest(): Buffer {
  const request = Buffer.alloc(8 + padded(EXTENSION.length))
  request.writeUInt8(98)
  request.writeUInt16LE(request.length / 4, 2)
  request.writeUInt16LE(EXTENSION.length, 4)
  request.write(EXTENSION, 8)
  return request
}

/** ScreenSaverQueryInfo of a root window. */
function infoRequest(opcode: number, root: number): Buffer {
  const request = Buffer.alloc(8)
  request.writeUInt8(opcode)
  request.writeUInt8(1, 1)
  request.writeUInt16LE(2, 2)
  request.writeUInt32LE(root, 4)
  return request
}

/** Root window of the first screen, and the reply to the one request after the greeting; `undefined` where the server refuses. Throws if it is no X server. */
export function parseAnswer(answer: Buffer): { readonly root: number; readonly reply: Buffer } | undefined {
  if (answer.length < 8) throw new Error('its answer is cut off')
  if (answer[0] !== 1) return undefined
  const end = 8 + 4 * answer.readUInt16LE(6)
  if (answer.length < Math.max(end, 40) + REPLY_BYTES) throw new Error('its answer is cut off')
  const screens = 40 + padded(answer.readUInt16LE(24)) + 8 * answer.readUInt8(29)
  if (screens + 4 > end) throw new Error('it has no screen')
  return { root: answer.readUInt32LE(screens), reply: answer.subarray(end, end + REPLY_BYTES) }
}

/** Everything a server answers to `request` until it closes, which it does once it has answered: nothing more can come. */
function exchange(socket: Socket, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_BYTES) return reject(new Error(`it says more than ${MAX_BYTES} bytes`))
      chunks.push(chunk)
    })
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.end(request)
  })
}

/** One connection to the very socket that is held open as `descriptor`. */
async function ask(descriptor: number, request: Buffer, until: AbortSignal): Promise<Buffer> {
  const { connect } = process.getBuiltinModule('node:net')
  const socket = connect(`/proc/self/fd/${descriptor}`)
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Error('it does not answer in time'))
  until.addEventListener('abort', onAbort, { once: true })
  if (until.aborted) onAbort()
  try {
    return await Promise.race([exchange(socket, request), promise])
  } finally {
    until.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}

/** See `Host.displayIdleMs`. The socket has to be the server's user's or root's, so that nobody answers in another's place or gets a cookie. */
export const displayIdleMs: Host['displayIdleMs'] = async (display, limits) => {
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(limits.timeoutMs)])
  const descriptor = openThere(`/tmp/.X11-unix/X${display.number}`, O_PATH | constants.O_NOFOLLOW)
  if (descriptor === undefined) return undefined
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isSocket() || (stat.uid !== display.uid && stat.uid !== 0)) return undefined
    // Whoever can give a file to the group of root is root.
    const gid = stat.gid === 0 ? NOGROUP : stat.gid
    const hello = greeting(await readCookie(display, gid, signal))
    const first = parseAnswer(await ask(descriptor, Buffer.concat([hello, extensionRequest()]), signal))
    // Second byte of what is asked for: is the extension there; then its number.
    if (first === undefined || first.reply[0] !== 1 || first.reply[8] !== 1) return undefined
    const request = infoRequest(first.reply.readUInt8(9), first.root)
    const second = parseAnswer(await ask(descriptor, Buffer.concat([hello, request]), signal))
    if (second === undefined || second.reply[0] !== 1) return undefined
    return second.reply.readUInt32LE(16)
  } catch (error) {
    // Nobody listens: the server has ended, and left its socket.
    if (codeOf(error) === 'ECONNREFUSED') return undefined
    throw new HostError(`X display ${display.number}: ${messageOf(error)}`, { cause: error })
  } finally {
    closeSync(descriptor)
  }
}
