// A server of Jupyter on loopback, as far as its API for kernels goes, and everything that it may do instead of answering.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

/** What it does with whoever asks. */
export const answers = {
  'as it should': (response: ServerResponse, body: string) => response.end(body),
  'hanging: never': () => {},
  'hanging: a byte at a time': (response: ServerResponse, body: string) => drip(response, body),
  'unreadable: closes': (response: ServerResponse) => response.destroy(),
  'unreadable: refuses': (response: ServerResponse) => response.writeHead(403).end('{"message": "Forbidden"}'),
  'unreadable: leads elsewhere': (response: ServerResponse) =>
    response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  'garbage: a page': (response: ServerResponse) => response.end('<html>It works</html>'),
  'garbage: nothing': (response: ServerResponse) => response.end(),
  'garbage: other JSON': (response: ServerResponse) => response.end('[{"id": 7}, null]'),
  'truncated: in the middle': (response: ServerResponse, body: string) => response.end(body.slice(0, body.length / 2)),
  'truncated: breaks off': (response: ServerResponse, body: string) => {
    response.writeHead(200, { 'content-length': body.length }).write(body.slice(0, body.length / 2))
    setTimeout(() => response.destroy(), 20)
  },
  'huge: 100 MB': (response: ServerResponse) => pour(response, 1600),
} as const

export type Answer = keyof typeof answers

function drip(response: ServerResponse, body: string): void {
  let at = 0
  const timer = setInterval(() => response.write(body[at++ % body.length] ?? ' '), 100)
  response.on('close', () => clearInterval(timer))
}

function pour(response: ServerResponse, blocks: number): void {
  if (blocks === 0) return void response.end()
  if (!response.destroyed) response.write(Buffer.alloc(65_536, 'x'), () => pour(response, blocks - 1))
}

export interface NotebookServer {
  readonly port: number
  /** What it does from now on. */
  answer: Answer
  close(): void
}

/** Starts one that has this kernel, idle, with no browser connected. */
export async function startNotebookServer(kernelId: string): Promise<NotebookServer> {
  const kernel = { id: kernelId, name: 'python3', last_activity: '2026-01-01T00:00:00.000000Z' }
  const body = JSON.stringify([{ ...kernel, execution_state: 'idle', connections: 0 }])
  const server = createServer((request, response) => {
    const known = request.headers.authorization === 'token secret-of-alice'
    answers[known ? own.answer : 'unreadable: refuses'](response, body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const own: NotebookServer = {
    port: address.port,
    answer: 'as it should',
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return own
}
