// What passes between the executable and an EC2 API: recorded on its way to a server, or played back without one.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'

/** One call and what was answered, ids and times replaced by others. */
export interface Exchange {
  /** `CreateTags IdleStatus=idle …`, `StopInstances Hibernate=true`. */
  readonly call: string
  readonly status: number
  readonly body: string
}

export interface Wire {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  close(): Promise<void>
}

/** Passes every call on to the server at `target` as it came, so that its signature stays good. */
export function recordTo(target: string): Promise<Wire> {
  return listen((message, body) => pass(target, message, body))
}

/** Answers each call with the next of these; a call that was not recorded there gets a 500. */
export function playBack(recorded: readonly Exchange[]): Promise<Wire> {
  const left = [...recorded]
  return listen(async (_message, body) => {
    const next = left.shift()
    const call = callIn(body)
    if (next?.call === call) return { status: next.status, type: 'text/xml', body: Buffer.from(next.body) }
    return {
      status: 500,
      type: 'text/plain',
      body: Buffer.from(`recorded was ${next?.call ?? 'nothing more'}, not ${call}`),
    }
  })
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: Buffer
}

async function listen(answer: (message: IncomingMessage, body: string) => Promise<Answer>): Promise<Wire> {
  const exchanges: Exchange[] = []
  const server = createServer((message, response) => {
    void serve(message, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(message)
    const { status, type, body: answered } = await answer(message, body)
    exchanges.push({ call: callIn(body), status, body: plain(answered.toString()) })
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': answered.length })
    response.end(answered)
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, resolve)
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens always has one
  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  return { url: `http://127.0.0.1:${String(port)}`, exchanges, close }
}

function pass(target: string, message: IncomingMessage, body: string): Promise<Answer> {
  const { method = 'POST', url = '/', headers } = message
  return new Promise((resolve, reject) => {
    const sent = request(new URL(url, target), { method, headers, agent: false }, (response) => {
      const { statusCode = 0 } = response
      const type = response.headers['content-type'] ?? 'text/xml'
      buffer(response).then((answered) => resolve({ status: statusCode, type, body: answered }), reject)
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

/** A call in words: the action, what it sets, how it stops; no ids, and the same time for every time. */
function callIn(body: string): string {
  const params = new URLSearchParams(body)
  const words = [params.get('Action') ?? '(none)']
  for (let index = 1; params.has(`Tag.${String(index)}.Key`); index += 1) {
    const value = params.get(`Tag.${String(index)}.Value`) ?? ''
    words.push(`${(params.get(`Tag.${String(index)}.Key`) ?? '').replace(/^.*:/, '')}=${value}`)
  }
  for (const name of ['Hibernate', 'Force', 'DryRun'])
    if (params.has(name)) words.push(`${name}=${String(params.get(name))}`)
  return plain(words.join(' '))
}

/** A text without what differs from run to run. */
function plain(text: string): string {
  return text
    .replace(/\bi-[0-9a-f]{17}\b/g, 'i-0a1b2c3d4e5f60718')
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '11111111-2222-4333-8444-555555555555')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '2026-01-01T00:00:00Z')
}
