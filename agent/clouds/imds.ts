/** A small client of EC2's instance metadata, version 2 alone: tokens, deadlines, and no schema library. */
import { CloudError, messageOf } from '../errors.ts'
import type { Host, HttpAnswer, HttpRequest } from '../host/host.ts'
import type { Clocks, Instant } from '../types.ts'

/** How long a caller waits. */
export interface Patience {
  readonly signal: AbortSignal
  /** No request is begun after this moment, and none under way outlives it. */
  readonly until: Instant
}

export interface Imds {
  /** The text of an item below the endpoint, or `undefined` where there is none (404). Throws CloudError. */
  get(path: string, patience: Patience): Promise<string | undefined>
}

interface Token {
  readonly text: string
  readonly at: Clocks
}

type Question = Required<Pick<HttpRequest, 'method' | 'headers'>> & { readonly path: string }

const TOKEN_PATH = '/latest/api/token'

/** Connect and answer of one request, in milliseconds. */
const REQUEST_MS = 1000

/** Seconds that a token is asked for (IMDS allows 1 to 21600); short, since it is worthless after a resume elsewhere. */
const TOKEN_SECONDS = 300

/** A token older than this is not used again, so that a check does not spend a third request on a 401. */
const TOKEN_FRESH_MS = 240_000

/** A client for one endpoint. The token lives in it and nowhere else. */
export function createImds(host: Host, endpoint: string): Imds {
  let token: Token | undefined

  async function ask({ method, path, headers }: Question, { signal, until }: Patience): Promise<HttpAnswer> {
    if (signal.aborted) throw new CloudError('metadata: not asked any more', { code: 'aborted', retryable: true })
    const timeoutMs = Math.min(REQUEST_MS, Math.floor(until - host.clocks().monoMs))
    if (timeoutMs <= 0) throw unreachable('no answer in time')
    try {
      return await host.http({ method, url: `${endpoint}${path}`, headers, timeoutMs, signal })
    } catch (error) {
      throw unreachable(messageOf(error), error)
    }
  }

  async function freshToken(patience: Patience): Promise<string> {
    const at = host.clocks()
    const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
    const answer = await ask({ method: 'PUT', path: TOKEN_PATH, headers: ttl }, patience)
    const text = answer.body.trim()
    if (answer.status !== 200) throw refused(TOKEN_PATH, answer)
    if (!/^[\x21-\x7e]{1,1024}$/.test(text)) throw garbage(TOKEN_PATH, 'not a token')
    token = { text, at }
    return text
  }

  function keptToken(): string | undefined {
    const now = host.clocks()
    // Boot time counts sleep where monotonic time does not; wall time counts a hibernation that neither does.
    const age = token === undefined ? Infinity : Math.max(now.bootMs - token.at.bootMs, now.wallMs - token.at.wallMs)
    return age < TOKEN_FRESH_MS ? token?.text : undefined
  }

  async function get(path: string, patience: Patience): Promise<string | undefined> {
    const askWith = (text: string): Promise<HttpAnswer> =>
      ask({ method: 'GET', path, headers: { 'X-aws-ec2-metadata-token': text } }, patience)
    let answer = await askWith(keptToken() ?? (await freshToken(patience)))
    if (answer.status === 401) answer = await askWith(await freshToken(patience))
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw refused(path, answer)
    return answer.body
  }

  return { get }
}

/** What metadata answered is not what it is documented to answer. */
export function garbage(path: string, why: string): CloudError {
  return new CloudError(`metadata ${path}: ${why}`, { code: 'garbage', retryable: true })
}

function unreachable(why: string, cause?: unknown): CloudError {
  return new CloudError(`metadata cannot be reached: ${why}`, { code: 'unreachable', retryable: true, cause })
}

// Statuses as AWS documents them (cloud.md 1.1): 401 token, 403 not allowed or switched off.
function refused(path: string, { status }: HttpAnswer): CloudError {
  const code =
    status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : status >= 500 ? 'unavailable' : 'refused'
  const why = status === 403 ? 'it is switched off, or a firewall forbids it' : 'see the instance metadata options'
  return new CloudError(`metadata ${path} answered ${status}: ${why}`, { code, retryable: status !== 403 })
}
