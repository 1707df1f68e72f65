/** Stands in for the server of a remote editor: a process under its name, which takes a window's connection as that does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** HTTP, then a connection that is upgraded and answers each message with 13 bytes, as VS Code's protocol acknowledges. */
const program = `
const server = require('node:http').createServer((request, response) => response.end('ok'))
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')
  socket.on('data', () => socket.write(Buffer.alloc(13)))
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

export interface EditorServer {
  readonly pid: number
  readonly port: number
  readonly child: ChildProcess
}

/** Starts one below `path` of a temporary folder, in a network of its own where told; ends with the test. */
export async function startEditorServer(path: string, through: readonly string[] = []): Promise<EditorServer> {
  const folder = mkdtempSync(join(tmpdir(), 'editor-'))
  const script = join(folder, path)
  mkdirSync(dirname(script), { recursive: true })
  writeFileSync(script, program)
  const [command = '', ...args] = [...through, process.execPath, script, '--start-server']
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const [port] = await once(child.stdout ?? child, 'data')
  return { pid: child.pid ?? 0, port: Number(String(port)), child }
}

/** A window: opened, and answered once for each message. */
export async function openWindow({
  port,
}: Pick<EditorServer, 'port'>): Promise<{ readonly socket: Socket; say(bytes: number): Promise<void> }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await once(socket, 'data')
  return {
    socket,
    async say(bytes) {
      socket.write(Buffer.alloc(bytes, 7))
      await once(socket, 'data')
    },
  }
}
