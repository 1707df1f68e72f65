/** Real X servers for tests: Xvfb and Xvnc, each on a display of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

export const hasXvfb = ['Xvfb', 'xdotool', 'xprop'].every(has)
export const hasXvnc = has('Xtigervnc')
// A run without them says so: the tests show as skipped, and this tells why.
if (!hasXvfb) process.stderr.write('no Xvfb, xdotool or xprop here: displays are not tested\n')
if (!hasXvnc) process.stderr.write('no Xtigervnc here: input over the network is not tested\n')

export interface XServer {
  readonly pid: number
  readonly number: number
  readonly child: ChildProcess
}

/** Starts one that chooses its number itself, and resolves once it answers. */
export async function startX(program: string, args: readonly string[]): Promise<XServer> {
  const child = spawn(program, ['-displayfd', '3', ...args], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  onTestFinished(async () => {
    // Asked to end, it takes its lock and its socket with it.
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGTERM')) await ended
  })
  const out = child.stdio[3]
  if (out === null || out === undefined) throw new Error('no pipe to the X server')
  const [text] = await once(out, 'data')
  return { pid: child.pid ?? 0, number: Number(String(text)), child }
}

/** A file with a cookie for any display, as mcookie and xauth make it. */
export function authFile(cookie: Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'cookie-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // For the user, too, whose server it is to be.
  chmodSync(folder, 0o755)
  const field = (data: Buffer | string) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.from(data).length)
    return Buffer.concat([length, Buffer.from(data)])
  }
  const record = [Buffer.from([0xff, 0xff]), field(''), field(''), field('MIT-MAGIC-COOKIE-1'), field(cookie)]
  const path = join(folder, 'Xauthority')
  writeFileSync(path, Buffer.concat(record), { mode: 0o600 })
  return path
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A VNC client (RFC 6143) without authentication, which can press a key. */
export async function openVnc(port: number): Promise<{ readonly socket: Socket; press(): void }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'data')
  socket.write('RFB 003.008\n')
  await once(socket, 'data')
  socket.write(Buffer.from([1]))
  await once(socket, 'data')
  socket.write(Buffer.from([1]))
  await once(socket, 'data')
  return {
    socket,
    press: () => socket.write(Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x61, 4, 0, 0, 0, 0, 0, 0, 0x61])),
  }
}
