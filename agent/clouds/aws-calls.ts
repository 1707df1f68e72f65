/** One call to EC2 with all that leads up to it: may it be sent, who is this instance, the role's keys, and what came of it. */
import { CloudError } from '../errors.ts'
import type { Outcome } from '../types/outcome.ts'
import type { Clocks, Method } from '../types.ts'
import { errorOf, type Failure, outcomeOf, outcomeOfUnsent, refusalOf } from './aws-errors.ts'
import {
  type Credentials,
  type InstanceIdentity,
  operatorTagsOf,
  readCredentials,
  readIdentity,
} from './aws-metadata.ts'
import { metadata, type Parts, patience } from './aws-parts.ts'
import type { Api, Sent, Stopping } from './aws-send.ts'
import type { OperatorTags } from './cloud.ts'
import { isLoopback, parted, runChanged } from './reach.ts'

/** Writes all given tags in one call. Throws CloudError. */
export async function createTags(
  parts: Parts,
  tags: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const send = (api: Api, id: string): Promise<Sent<true>> => api.createTags(id, tags, signal)
  answerOf(await call(parts, { attempts: 2, onceIfThrottled: true, signal, send }), 'CreateTags')
}

/** The operator's tags as the API tells them. Throws CloudError. */
export async function describedTags(parts: Parts, prefix: string, signal: AbortSignal): Promise<OperatorTags> {
  const send = (api: Api, id: string) => api.describeTags(id, signal)
  const values = answerOf(await call(parts, { attempts: 2, signal, send }), 'DescribeTags')
  return operatorTagsOf(prefix, { keys: values.keys(), values })
}

function answerOf<T>(sent: Sent<T>, action: string): T {
  if ('answer' in sent) return sent.answer
  throw errorOf(sent.failure, action)
}

/** Sends the one call that stops this instance; a sleep since `began` keeps it from being sent. */
export async function stop(
  parts: Parts,
  { method, began }: { readonly method: Method; readonly began: Clocks },
  signal: AbortSignal,
): Promise<Outcome> {
  const send = (api: Api, id: string): Promise<Sent<Stopping>> => api.stop(id, method === 'hibernate', signal)
  try {
    const sent = await call(parts, { attempts: 1, signal, send, began })
    return 'answer' in sent ? accepted(sent.answer) : outcomeOf(sent.failure, method)
  } catch (error) {
    if (error instanceof CloudError) return outcomeOfUnsent(error) // thrown only before anything is sent
    throw error
  }
}

function accepted({ state, requestId }: Stopping): Outcome {
  if (state === 'stopping' || state === 'stopped')
    return { result: 'accepted', detail: `${state}, request id ${requestId}` }
  return { result: 'unknown', message: `EC2 answered without saying that it stops (state '${state.slice(0, 40)}')` }
}

/** One call to be made. */
export interface Call<T> {
  readonly attempts: 1 | 2
  readonly onceIfThrottled?: boolean
  readonly signal: AbortSignal
  readonly send: (api: Api, id: string) => Promise<Sent<T>>
  /** When it was decided on; now unless told. */
  readonly began?: Clocks
}

/**
 * Makes one call, and once more with fresh keys and the service's time if it was refused for either: what was refused was
 * not executed. Throws CloudError only where nothing was sent, or the last thing sent was refused.
 */
export async function call<T>(parts: Parts, wanted: Call<T>): Promise<Sent<T>> {
  refuseVendor(parts)
  const began = wanted.began ?? parts.host.clocks()
  const first = await prepare(parts, wanted.signal)
  const once = await sendOnce(parts, wanted, { ...first, began, clockOffsetMs: 0 })
  if ('answer' in once.sent || !mendable(once.sent.failure)) return once.sent
  const second = await prepare(parts, wanted.signal)
  // The process that sent may be woken in another run of the machine, by the person who started it.
  if (second.who.id !== first.who.id || second.who.startedAt !== first.who.startedAt) throw runChanged()
  return (await sendOnce(parts, wanted, { ...second, began, clockOffsetMs: once.clockOffsetMs })).sent
}

function mendable(failure: Failure): boolean {
  return failure.kind === 'answered' && refusalOf(failure.code, failure.message, 'stop') === 'credentials'
}

/** A demo's metadata on this machine, or another machine's files, must never lead to the vendor's real API. */
function refuseVendor({ host, options: { metadataUrl, apiUrl } }: Parts): void {
  if (apiUrl !== undefined) return
  const why = host.root !== '/' ? 'below --root' : 'with metadata on this machine itself'
  if (host.root === '/' && (metadataUrl === undefined || !isLoopback(metadataUrl))) return
  throw new CloudError(`nothing is sent to AWS ${why}; set AWS_ENDPOINT_URL_EC2 to say where the API is`, {
    code: 'no-endpoint',
    retryable: false,
  })
}

interface Prepared {
  readonly who: InstanceIdentity
  readonly credentials: Credentials
}

/** Who we are and the role's keys, read anew. */
async function prepare(parts: Parts, signal: AbortSignal): Promise<Prepared> {
  const { host } = parts
  const imds = metadata(parts)
  const within = patience(host, signal)
  const who = await readIdentity(imds, within)
  const kept = await readCredentials(imds, within)
  if (kept.expiresMs > host.clocks().wallMs) return { who, credentials: kept }
  // Still too old after that: they are sent all the same, since it may be our clock that is wrong.
  return { who, credentials: await readCredentials(imds, within) }
}

interface Sending extends Prepared {
  /** When the whole call began. */
  readonly began: Clocks
  readonly clockOffsetMs: number
}

async function sendOnce<T>({ host, options }: Parts, wanted: Call<T>, sending: Sending) {
  const { openApi } = await import('./aws-send.ts')
  const { who, credentials, clockOffsetMs, began } = sending
  const { attempts, onceIfThrottled, signal } = wanted
  const access = { region: who.region, apiUrl: options.apiUrl, credentials, clockOffsetMs }
  const api = await openApi({ ...access, attempts, onceIfThrottled })
  try {
    if (signal.aborted) throw new CloudError('stopped before anything was sent', { code: 'aborted', retryable: true })
    if (parted(began, host.clocks())) throw runChanged()
    const sent = await wanted.send(api, who.id)
    return { sent, clockOffsetMs: api.clockOffsetMs() }
  } finally {
    api.close()
  }
}
