/** A small client of Azure's instance metadata: one header, no token, no proxy, and no schema library. */
import { CloudError, messageOf } from '../errors.ts'
import type { Host, HttpAnswer } from '../host/host.ts'
import type { Patience } from './imds.ts'

export interface AzureImds {
  /** The text of an item, `path` with its query. Asks a second time where Azure says to. Throws CloudError. */
  get(path: string, patience: Patience): Promise<string>
  /** The same, whatever the status is; `again` are those that are asked a second time. Throws CloudError where there is no answer. */
  ask(path: string, patience: Patience, again?: (status: number) => boolean): Promise<HttpAnswer>
}

/** Connect and answer of one request, in milliseconds. */
const REQUEST_MS = 1000

/** Five requests a second are answered (cloud.md 2.1): after so many milliseconds there is room for another. */
const PAUSE_MS = 1000

/** An internal error passes at once, or not within a check. */
const SHORT_PAUSE_MS = 250

/** A client for one endpoint. */
export function createAzureImds(host: Host, endpoint: string): AzureImds {
  async function once(path: string, { signal, until }: Patience): Promise<HttpAnswer> {
    if (signal.aborted) throw new CloudError('metadata: not asked any more', { code: 'aborted', retryable: true })
    const timeoutMs = Math.min(REQUEST_MS, Math.floor(until - host.clocks().monoMs))
    if (timeoutMs <= 0) throw unreachable('no answer in time')
    const headers = { Metadata: 'true' }
    try {
      return await host.http({ method: 'GET', url: `${endpoint}${path}`, headers, timeoutMs, signal })
    } catch (error) {
      throw unreachable(messageOf(error), error)
    }
  }

  async function ask(path: string, patience: Patience, again = passes): Promise<HttpAnswer> {
    const answer = await once(path, patience)
    const pauseMs = answer.status >= 500 ? SHORT_PAUSE_MS : PAUSE_MS
    const leftMs = patience.until - host.clocks().monoMs
    if (!again(answer.status) || leftMs <= pauseMs) return answer
    try {
      await host.sleep(pauseMs, patience.signal)
    } catch (error) {
      throw new CloudError('metadata: not asked any more', { code: 'aborted', retryable: true, cause: error })
    }
    return once(path, patience)
  }

  async function get(path: string, patience: Patience): Promise<string> {
    const answer = await ask(path, patience)
    if (answer.status !== 200) throw refused(path, answer)
    return answer.body
  }

  return { get, ask }
}

/** What metadata answered is not what it is documented to answer. */
export function garbage(path: string, why: string, cause?: unknown): CloudError {
  return new CloudError(`metadata ${plain(path)}: ${why}`, { code: 'garbage', retryable: true, cause })
}

/** Statuses that Azure asks to try again (cloud.md 2.1). A 410 lasts for up to 70 s, so the check after this one finds out. */
function passes(status: number): boolean {
  return status === 410 || status === 429 || status >= 500
}

function unreachable(why: string, cause?: unknown): CloudError {
  return new CloudError(`metadata cannot be reached: ${why}`, { code: 'unreachable', retryable: true, cause })
}

function refused(path: string, { status }: HttpAnswer): CloudError {
  const [code, why] = meaningOf(status)
  return new CloudError(`metadata ${plain(path)} answered ${status}: ${why}`, { code, retryable: passes(status) })
}

function meaningOf(status: number): readonly [string, string] {
  if (status === 429) return ['throttled', 'more than five requests a second; something else here asks it, too']
  if (status === 410) return ['gone', 'it is being moved, and back within 70 s']
  if (status >= 500) return ['unavailable', 'it failed']
  if (status === 403) return ['forbidden', 'a firewall or a policy of this machine forbids it']
  return ['refused', 'this is not the metadata of an Azure VM, or too old a version of it']
}

/** Without the query. */
function plain(path: string): string {
  return path.split('?')[0] ?? ''
}
