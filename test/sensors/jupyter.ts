// A real Jupyter server on loopback, as a user of its own where the tests run as root, and what its clients do.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of nobody: no such user, no such group. */
const uid = 61_234
const isRoot = process.getuid?.() === 0

/** Is the module there, for the system's Python? The one of a version manager may be first in PATH. */
export function hasModules(...names: readonly string[]): boolean {
  const code = names.map((name) => `import ${name}`).join('\n')
  return spawnSync('/usr/bin/python3', ['-c', code]).status === 0
}

export interface Jupyter {
  readonly uid: number
  /** Starts a kernel and gives its id. */
  kernel(): Promise<string>
  /** Sends a message on a kernel's channel and waits until the kernel answers with a status. */
  send(id: string, message: { readonly channel: string; readonly type: string; readonly code?: string }): Promise<void>
  /** A client that stays connected until it is closed. */
  connect(id: string): Promise<WebSocket>
  terminal(): Promise<string>
  type(terminal: string, text: string): Promise<void>
  /** What the server says of itself. */
  status(): Promise<string>
  /** Takes away the file with the token: whoever asks is refused from then on, as by a server with a password. */
  hideToken(): void
  stop(): Promise<void>
}

async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < 200; round += 1) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no ${what} within 20 s`)
}

function opened(socket: WebSocket): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(socket))
    socket.addEventListener('error', () => reject(new Error('the WebSocket fails')))
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, 'SIGKILL')
  await gone
}

/** A port that is free now: where a server is to find one itself (0), its runtime file says 0. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Starts `python3 -m MODULE` ; resolves when it answers. */
export async function startJupyter(module: string): Promise<Jupyter> {
  const home = mkdtempSync(join(tmpdir(), 'jupyter-'))
  if (isRoot) chownSync(home, uid, uid)
  const argv = ['-m', module, '--no-browser', '--ip=127.0.0.1', `--port=${await freePort()}`]
  const child = spawn('/usr/bin/python3', argv, {
    cwd: home,
    env: { HOME: home, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    stdio: 'ignore',
    detached: true,
    ...(isRoot ? { uid, gid: uid } : {}),
  })
  const stop = async () => {
    await ended(child)
    rmSync(home, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    const folder = join(home, '.local/share/jupyter/runtime')
    const file = await until('runtime file', () => {
      try {
        const name = readdirSync(folder).find((one) => /^(jp|nb)server-\d+\.json$/.test(one))
        return name === undefined ? undefined : JSON.parse(readFileSync(join(folder, name), 'utf8'))
      } catch {
        return undefined
      }
    })
    const hideToken = () => rmSync(folder, { recursive: true })
    return { uid: isRoot ? uid : (process.getuid?.() ?? 0), stop, hideToken, ...clientOf(file) }
  } catch (error) {
    await stop()
    throw error
  }
}

function clientOf({
  port,
  token,
}: {
  readonly port: number
  readonly token: string
}): Omit<Jupyter, 'uid' | 'hideToken' | 'stop'> {
  const at = `127.0.0.1:${port}`
  const request = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://${at}/api/${path}`, { method, headers: { authorization: `token ${token}` } })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    return await answer.text()
  }
  const socket = (path: string) => opened(new WebSocket(`ws://${at}/${path}?token=${token}`))
  const connect = (id: string) => socket(`api/kernels/${id}/channels`)
  return {
    connect,
    kernel: async () =>
      await until('server', () =>
        request('kernels', 'POST').then(
          (text) => JSON.parse(text).id,
          () => undefined,
        ),
      ),
    async send(id, { channel, type, code }) {
      const client = await connect(id)
      const header = {
        msg_id: crypto.randomUUID(),
        username: '',
        session: id,
        msg_type: type,
        version: '5.3',
        date: '',
      }
      const content = code === undefined ? {} : { code, silent: false, store_history: false, user_expressions: {} }
      const heard = new Promise<void>((resolve) => {
        client.addEventListener('message', ({ data }) => {
          const { msg_type, parent_header } = JSON.parse(String(data))
          if (msg_type === 'status' && parent_header.msg_id === header.msg_id) resolve()
        })
      })
      client.send(JSON.stringify({ header, parent_header: {}, metadata: {}, content, channel, buffers: [] }))
      await heard
      client.close()
    },
    terminal: async () => JSON.parse(await request('terminals', 'POST')).name,
    async type(terminal, text) {
      const client = await socket(`terminals/websocket/${terminal}`)
      client.send(JSON.stringify(['stdin', text]))
      client.close()
    },
    status: () => request('status'),
  }
}
