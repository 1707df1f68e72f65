// One HTTP server of a simulated cloud: reads a request, applies an ordered fault, answers, and logs.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { bindProblem } from './bind-guard.ts'
import type { Identity } from './certificates.ts'
import type { CloudClock } from './clock.ts'
import type { Fault, TakeableFaults } from './faults.ts'
import type { OpenRequest, ServerName, WritableRequestLog } from './request-log.ts'

export interface CloudRequest {
  readonly method: string
  /** The path as sent, without the query. */
  readonly path: string
  /** The query as sent, without the question mark. */
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  /** The time this request is judged by: the cloud's, unless a fault says otherwise. */
  readonly now: number
}

export interface CloudAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** For the log. */
  readonly errorCode?: string
  /** For the log: the instance that signed the call. */
  readonly instanceId?: string
}

export interface CloudServerSpec {
  readonly name: ServerName
  readonly address: string
  readonly port: number
  readonly clock: CloudClock
  readonly log: WritableRequestLog
  readonly faults: TakeableFaults
  /** Who it is over TLS; plain HTTP unless given. */
  readonly tls?: Identity
  /** The instance behind a metadata port. */
  readonly instanceId?: string
  /** What the log shows of a request, secrets left out. */
  readonly describe: (request: CloudRequest) => {
    readonly action?: string | undefined
    readonly params: Record<string, string>
  }
  readonly answer: (request: CloudRequest) => CloudAnswer
  /** Told of each answer as it is sent. */
  readonly onAnswer?: ((request: CloudRequest, answer: CloudAnswer) => void) | undefined
  /** An error in the server's own form. */
  readonly error: (code: string, message: string | undefined, status: number | undefined) => CloudAnswer
}

export interface CloudServer {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const maxBodyBytes = 1024 * 1024

/** Starts the server; rejects when the address may not or cannot be bound. */
export async function startCloudServer(spec: CloudServerSpec): Promise<CloudServer> {
  const sockets = new Map<string, Socket>()
  const reset = (message: IncomingMessage): void => {
    sockets.get(peer(message.socket))?.resetAndDestroy()
  }
  const listener = (message: IncomingMessage, response: ServerResponse): void =>
    void serve({ ...spec, reset }, message, response)
  const server = spec.tls ? createTlsServer({ ...spec.tls }, listener) : createServer(listener)
  // The socket below TLS: one with TLS on it cannot be reset.
  server.on('connection', (socket: Socket) => {
    const name = peer(socket)
    sockets.set(name, socket)
    socket.once('close', () => sockets.delete(name))
  })
  return listen(server, spec.address, spec.port)
}

function peer({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`
}

interface Serving extends CloudServerSpec {
  /** Resets the connection that a request came by. */
  readonly reset: (message: IncomingMessage) => void
}

/** Binds any server of a simulated cloud, behind the guard of `bind-guard.ts`. */
export async function listen(server: Server | TlsServer, address: string, port: number): Promise<CloudServer> {
  const problem = bindProblem(address)
  if (problem) throw new Error(problem)
  server.keepAliveTimeout = 60_000 // longer than any test pauses, so that no client meets a closing connection
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port // a TCP server that listens always has one
  const host = address.includes(':') ? `[${address}]` : address
  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  const scheme = server instanceof TlsServer ? 'https' : 'http'
  return { url: `${scheme}://${host}:${String(bound)}`, port: bound, close }
}

async function serve(spec: Serving, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const started = performance.now()
  const [path = '/', query = ''] = splitOnce(message.url ?? '/', '?')
  const userAgent = message.headers['user-agent'] ?? ''
  const at = new Date(spec.clock.now()).toISOString()
  const method = message.method ?? 'GET'
  const entry = spec.log.open({ at, server: spec.name, instanceId: spec.instanceId, method, path, userAgent })
  response.once('close', () => {
    entry.ms = Math.round(performance.now() - started)
    spec.log.finish(entry)
  })
  const body = await readBody(message)
  if (!body) return void message.socket.destroy()
  const request: CloudRequest = { method, path, query, headers: singleHeaders(message), body, now: spec.clock.now() }
  const { action, params } = spec.describe(request)
  entry.action = action
  entry.params = params
  const fault = spec.faults.take({ server: spec.name, method, path, action })
  entry.fault = fault?.kind
  await applyFault({ spec, request, response, entry, fault, reset: () => spec.reset(message) })
}

interface Exchange {
  readonly spec: CloudServerSpec
  readonly request: CloudRequest
  readonly response: ServerResponse
  readonly entry: OpenRequest
  readonly fault: Fault | undefined
  /** Resets the connection. */
  readonly reset: () => void
}

async function applyFault(exchange: Exchange): Promise<void> {
  const { spec, request, response, fault, reset } = exchange
  switch (fault?.kind) {
    case 'hang':
      return
    case 'hang-after-action':
      return void answerSafely(spec, request)
    case 'refuse':
      return reset()
    case 'status':
      return send(exchange, { status: fault.status, headers: retryAfter(fault), body: fault.body ?? '' })
    case 'garbage':
      return send(exchange, { status: 200, body: Buffer.from('\u0000\u0001<<{{]]>\u{1f9e8}not what you asked for\n') })
    case 'api-error': {
      const answer = spec.error(fault.code, fault.message, fault.status)
      return send(exchange, { ...answer, headers: { ...answer.headers, ...retryAfter(fault) } })
    }
    case 'delay':
      await pause(response, fault.ms)
      return send(exchange, answerSafely(spec, request))
    case 'wrong-date': {
      const late = { ...request, now: request.now + fault.skewMs }
      return send({ ...exchange, request: late }, answerSafely(spec, late))
    }
    default:
      return send(exchange, answerSafely(spec, request))
  }
}

function retryAfter({ retryAfterSeconds: seconds }: { readonly retryAfterSeconds?: number }): Record<string, string> {
  return seconds === undefined ? {} : { 'Retry-After': String(seconds) }
}

// A defect in the simulation must show as a loud 500, not as a connection that hangs.
function answerSafely(spec: CloudServerSpec, request: CloudRequest): CloudAnswer {
  try {
    return spec.answer(request)
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`simulated cloud failed on ${request.method} ${request.path}: ${text}\n`)
    return spec.error('InternalError', `defect in the simulated cloud: ${text}`, 500)
  }
}

async function send(exchange: Exchange, answer: CloudAnswer): Promise<void> {
  const { spec, request, response, entry, fault } = exchange
  if (response.destroyed) return
  spec.onAnswer?.(request, answer)
  const body = Buffer.from(answer.body)
  entry.status = answer.status
  entry.errorCode = answer.errorCode
  entry.instanceId ??= answer.instanceId
  const date = new Date(request.now).toUTCString()
  response.writeHead(answer.status, { Date: date, 'Content-Length': body.length, ...answer.headers })
  if (request.method === 'HEAD') return void response.end()
  if (fault?.kind === 'drip') return drip(response, body, fault.msPerByte)
  if (fault?.kind === 'reset-after') {
    response.flushHeaders()
    return void response.write(body.subarray(0, fault.bytes), () => exchange.reset())
  }
  response.end(body)
}

async function drip(response: ServerResponse, body: Buffer, msPerByte: number): Promise<void> {
  for (const byte of body) {
    if (response.destroyed) return
    response.write(Buffer.of(byte))
    await pause(response, msPerByte)
  }
  response.end()
}

/** Waits, but no longer than the client does. */
function pause(response: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      response.off('close', done)
      resolve()
    }
    response.once('close', done)
  })
}

async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of message) {
      const part = Buffer.from(chunk as Uint8Array) // no encoding is set, so chunks are bytes
      bytes += part.length
      if (bytes > maxBodyBytes) return undefined
      chunks.push(part)
    }
  } catch {
    return undefined // the client went away half-way through its request
  }
  return Buffer.concat(chunks)
}

function singleHeaders(message: IncomingMessage): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {}
  for (const [name, values] of Object.entries(message.headersDistinct)) headers[name] = values?.join(',')
  return headers
}

function splitOnce(text: string, separator: string): [string, string?] {
  const index = text.indexOf(separator)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}
