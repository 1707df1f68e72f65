/** One HTTP request of the real host: no proxy, no redirect, one deadline for the whole answer. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { HostError, messageOf } from '../errors.ts'
import type { HttpAnswer, HttpRequest } from './host.ts'
import { codeOf } from './real-errors.ts'

const MAX_BYTES = 1_048_576

/** The whole body. Rejects when it is too large or the connection breaks; the caller destroys the request. */
function readBody(message: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    message.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_BYTES) return reject(new Error(`the answer is larger than ${MAX_BYTES} bytes`))
      chunks.push(chunk)
    })
    message.on('error', reject)
    message.on('aborted', () => reject(new Error('the connection broke in the middle of the answer')))
    message.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  })
}

/** Node gives names in lower case, and a list only for `set-cookie`. */
function headersOf(message: IncomingMessage): Readonly<Record<string, string>> {
  const entries = Object.entries(message.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return Object.fromEntries(entries)
}

function open(request: HttpRequest): ClientRequest {
  const url = new URL(request.url)
  if (url.protocol !== 'http:') throw new Error(`${url.protocol} is not spoken here, only http:`)
  // Loaded here, since most checks make no request and the module costs 10 ms. A fresh agent knows no proxy.
  const http = process.getBuiltinModule('node:http')
  const length = request.method === 'PUT' ? { 'content-length': '0' } : {}
  return http.request(url, { method: request.method, headers: { ...length, ...request.headers }, agent: false })
}

function answerOf(sent: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject)
    // Without listeners Node would leave the promise open for ever on a server that switches protocols.
    sent.on('upgrade', () => reject(new Error('the server wants another protocol')))
    sent.on('response', (message) => {
      const status = message.statusCode ?? 0
      readBody(message).then((body) => resolve({ status, headers: headersOf(message), body }), reject)
    })
    sent.end()
  })
}

/** Rejects at the deadline or when `signal` aborts, whatever the connection does; `clear` ends both. */
function deadline(request: HttpRequest): { readonly passed: Promise<never>; clear(): void } {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = () => reject(new Error(`no complete answer within ${request.timeoutMs} ms`))
  let turn: NodeJS.Immediate | undefined
  // One turn more: what arrived while this process did other things, or did not run, is not late.
  const timer = setTimeout(() => {
    turn = setImmediate(late)
  }, request.timeoutMs)
  const onAbort = () => reject(new Error('given up', { cause: request.signal?.reason }))
  request.signal?.addEventListener('abort', onAbort, { once: true })
  if (request.signal?.aborted === true) onAbort()
  return {
    passed: promise,
    clear() {
      clearTimeout(timer)
      clearImmediate(turn)
      request.signal?.removeEventListener('abort', onAbort)
    },
  }
}

/** Sends the request once. Throws HostError naming the request when there is no whole answer in time, for whatever reason. */
export async function requestHttp(request: HttpRequest): Promise<HttpAnswer> {
  let sent: ClientRequest | undefined
  const limit = deadline(request)
  try {
    if (request.signal?.aborted === true) return await limit.passed
    sent = open(request)
    return await Promise.race([answerOf(sent), limit.passed])
  } catch (error) {
    // A connect to several addresses fails with an error that has a code and no message.
    const why = messageOf(error) || (codeOf(error) ?? 'unknown failure')
    throw new HostError(`${request.method} ${request.url} failed: ${why}`, { cause: error })
  } finally {
    limit.clear()
    sent?.destroy()
  }
}
