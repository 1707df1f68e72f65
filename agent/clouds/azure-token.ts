/** The token of the VM's own identity, by the vendor's SDK, over our own client of metadata: one endpoint, whatever the SDK thinks. */
import type { ManagedIdentityCredential } from '@azure/identity'
import { CloudError, messageOf } from '../errors.ts'
import type { HttpAnswer } from '../host/host.ts'
import { parseObject } from '../parse.ts'
import type { AzureImds } from './azure-imds.ts'
import { loadSdk } from './azure-sealed.ts'
import type { Patience } from './imds.ts'

type Options = NonNullable<ConstructorParameters<typeof ManagedIdentityCredential>[0]>
type HttpClient = NonNullable<Extract<Options, object>['httpClient']>
type Request = Parameters<HttpClient['sendRequest']>[0]
type Response = Awaited<ReturnType<HttpClient['sendRequest']>>

export interface TokenSource {
  readonly imds: AzureImds
  /** What the token is for: the address of Azure Resource Manager. */
  readonly manager: string
  /** Epoch milliseconds. */
  readonly nowMs: number
}

/** Longer than any check; the SDK takes a token that is over in less than five minutes for one that is over, and asks again. */
const KEPT_SECONDS = 60

// The SDK keeps the first client that it is given for as long as the process lives, so what that asks is set for each use,
// and there is one use at a time.
let asking: (() => Promise<HttpAnswer>) | undefined
let before: Promise<unknown> = Promise.resolve()

const client: HttpClient = {
  async sendRequest(request) {
    if (asking === undefined) throw new Error('nobody asks for a token')
    return responseTo(request, await asking())
  },
}

/** A token, fresh from the identity endpoint, which keeps them itself. Throws CloudError. */
export function readToken(source: TokenSource, patience: Patience): Promise<string> {
  const token = before.then(() => askForToken(source, patience))
  before = token.catch(() => undefined) // the next one's turn, whatever came of this one
  return token
}

async function askForToken({ imds, manager, nowMs }: TokenSource, patience: Patience): Promise<string> {
  const { ManagedIdentityCredential: Credential } = await loadSdk()
  const path = `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(`${manager}/`)}`
  let told: HttpAnswer | undefined
  let silence: unknown
  asking = async () => {
    try {
      told = await imds.ask(path, patience, passes)
      return shortLived(told, nowMs)
    } catch (error) {
      silence = error
      throw error
    }
  }
  try {
    const credential = new Credential({
      httpClient: client,
      authorityHost: 'https://login.microsoftonline.com', // never asked; left out, it comes from the environment
      retryOptions: { maxRetries: 0 },
    })
    const { token } = await credential.getToken(`${manager}/.default`)
    if (!/^[\x21-\x7e]{1,20000}$/.test(token)) throw new Error('not a token')
    return token
  } catch (error) {
    throw silence instanceof CloudError ? silence : refused(told, error)
  } finally {
    asking = undefined
  }
}

/** Statuses of an identity that is about to be there, and of too many requests (cloud.md 2.1, 5). */
function passes(status: number): boolean {
  return status === 404 || status === 410 || status === 429 || status >= 500
}

/** The SDK would keep the token for hours: over a resume, and over a change of the machine's identity. */
function shortLived(answer: HttpAnswer, nowMs: number): HttpAnswer {
  if (answer.status !== 200) return answer
  const told = parseObject(answer.body)
  return { ...answer, body: JSON.stringify({ ...told, expires_on: String(Math.round(nowMs / 1000) + KEPT_SECONDS) }) }
}

function responseTo(request: Request, { status, body }: HttpAnswer): Response {
  // The answer's own headers say nothing that the SDK needs.
  const headers: Response['headers'] = request.headers
  for (const [name] of headers) headers.delete(name)
  return { request, status, headers, bodyAsText: body }
}

/** Why there is no token. A 4xx right after deployment passes (row 26 of the table in cloud.md 6). */
function refused(told: HttpAnswer | undefined, cause: unknown): CloudError {
  const status = told?.status ?? 0
  const why = told === undefined ? '' : reasonIn(told)
  const shown = why === '' ? '' : `: ${why}`
  if (status === 400 && /identity not found/i.test(why)) {
    const message = 'this VM has no identity of its own; give it a system-assigned managed identity'
    return new CloudError(message, { code: 'no-identity', retryable: false })
  }
  const message = `no token for this VM's identity (${status === 0 ? messageOf(cause).slice(0, 100) : status}${shown})`
  if (status === 429) return new CloudError(message, { code: 'throttled', retryable: true })
  if (status === 200 || status === 0 || status >= 500 || status === 410)
    return new CloudError(message, { code: 'credentials', retryable: true })
  return new CloudError(message, { code: 'no-token', retryable: false })
}

/** The description in an OAuth error; never anything of an answer that may hold a token. */
function reasonIn({ status, body }: HttpAnswer): string {
  if (status === 200) return 'not a token'
  try {
    const { error, error_description: text } = parseObject(body)
    return [error, text]
      .filter((part) => typeof part === 'string')
      .join(': ')
      .replace(/\s+/g, ' ')
      .slice(0, 200)
  } catch {
    return '' // then the status alone has to do
  }
}
