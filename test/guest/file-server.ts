// A web server in the sealed namespace: what it has, and the executable as it is told, for a first user data to fetch.
import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { basename, join, resolve } from 'node:path'
import { end, environment, until } from './host.ts'
import { addresses, type Network } from './network.ts'

/** How one request for the executable is answered: with it, with 404, or with somebody's sign-in page and 200. */
export type Answer = 'file' | 'missing' | 'page'

/** Where the files lie for a guest. */
export const filesUrl = `http://${addresses.gateway}:8000`

const executable = 'idle-agent-linux-x64'

export interface FileServer {
  /** Answers of the next requests for the executable, in this order; one for which there is none waits for it. */
  give(...answers: readonly Answer[]): void
  /** Requests for the executable so far. */
  asked(): number
  close(): Promise<void>
}

/** Starts it in the namespace of the cloud; it has the files of a folder, dist/ unless given. Rejects where it will not listen. */
export async function startFileServer(network: Network, folder = 'dist'): Promise<FileServer> {
  const argv = network.inSim(process.execPath, resolve('test/guest/file-server.ts'), resolve(folder))
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  let ready = false
  let asked = 0
  child.on('message', (said) => {
    if (said === 'ready') ready = true
    else asked += 1
  })
  const listens = (): boolean => {
    if (child.exitCode !== null) throw new Error(`the file server ended with ${String(child.exitCode)}`)
    return ready
  }
  try {
    await until(listens, 10_000, 'the file server', 20)
  } catch (error) {
    await end(child)
    throw error
  }
  return { give: (...answers) => void child.send(answers), asked: () => asked, close: () => end(child) }
}

function send(response: ServerResponse, path: string): void {
  createReadStream(path)
    .on('error', () => response.writeHead(404).end('nothing here'))
    .pipe(response)
}

function serve(folder: string): void {
  const answers: Answer[] = []
  const waiting: ServerResponse[] = []
  function match(): void {
    const [response, kind] = [waiting[0], answers[0]]
    if (response === undefined || kind === undefined) return
    waiting.shift()
    answers.shift()
    if (kind === 'missing') response.writeHead(404).end('nothing here')
    else if (kind === 'page') response.end('<!doctype html><title>Sign in</title>')
    else send(response, join(folder, executable))
    match()
  }
  const server = createServer((request, response) => {
    const name = basename(request.url ?? '')
    if (name !== executable) {
      send(response, join(folder, name))
      return
    }
    process.send?.('asked')
    waiting.push(response)
    match()
  })
  process.on('message', (told: readonly Answer[]) => {
    answers.push(...told)
    match()
  })
  // The parent is gone, or wants no more.
  process.once('disconnect', () => process.exit(0))
  server.listen(8000, addresses.gateway, () => process.send?.('ready'))
}

if (import.meta.main) serve(process.argv[2] ?? '')
