/** EC2: identity, hibernation and tags from metadata; tags and stop through the API, loaded only when there is something to send. */
import { CloudError, HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Outcome } from '../types/outcome.ts'
import type { Clocks, Method } from '../types.ts'
import { errorOf, type Failure, outcomeOf, outcomeOfUnsent, refusalOf } from './aws-errors.ts'
import {
  type Credentials,
  type InstanceIdentity,
  operatorTagsOf,
  readCredentials,
  readHibernation,
  readIdentity,
  readOperatorTags,
} from './aws-metadata.ts'
import { askPermissions } from './aws-permissions.ts'
import type { Api, Sent, Stopping } from './aws-send.ts'
import type { Cloud, OperatorTags } from './cloud.ts'
import { createImds, type Imds, type Patience } from './imds.ts'
import { isLoopback, parted, runChanged, withDeadline } from './reach.ts'

export interface AwsOptions {
  /** Absent: metadata must not be asked, and so nothing can be done. */
  readonly metadataUrl?: string
  /** Absent: the vendor's own address for the region. */
  readonly apiUrl?: string
  /** Longest stop, tag or describe call with all that leads up to it, in milliseconds. */
  readonly callMs?: number
}

/** Longest read from metadata, in milliseconds. */
const METADATA_MS = 2500
const CALL_MS = 10_000

/** The driver's parts, for the functions below. */
interface Parts {
  readonly host: Host
  readonly options: AwsOptions
  readonly imds: Imds | undefined
}

/** A driver for the EC2 instance whose metadata is at `metadataUrl`. Contacts nothing yet. */
export function createAws(host: Host, options: AwsOptions): Cloud {
  const { metadataUrl, callMs = CALL_MS } = options
  const parts: Parts = { host, options, imds: metadataUrl === undefined ? undefined : createImds(host, metadataUrl) }
  const patience = (signal: AbortSignal): Patience => ({ signal, until: host.clocks().monoMs + METADATA_MS })
  return {
    name: 'aws',
    defaultAction: 'hibernate',
    tellsStart: true,
    identify: async (signal) => readIdentity(metadata(parts), patience(signal)),
    canHibernate: async (signal) => readHibernation(metadata(parts), patience(signal)),
    async operatorTags(prefix, signal) {
      const shown = (await isXen(host)) ? undefined : await readOperatorTags(metadata(parts), prefix, patience(signal))
      if (shown !== undefined) return shown
      return withDeadline(host, { ms: callMs, signal }, (within) => describedTags(parts, prefix, within))
    },
    async ownership(asked, signal) {
      const { judgeOwnership, readOwnership } = await import('./aws-ownership.ts')
      const sources = { host, imds: metadata(parts), patience: patience(signal) }
      return judgeOwnership(await readOwnership(sources, asked), asked)
    },
    async writeTags(tags, signal) {
      await withDeadline(host, { ms: callMs, signal }, async (within) => {
        const send = (api: Api, id: string) => api.createTags(id, tags, within)
        answerOf(await call(parts, { attempts: 2, signal: within, send }), 'CreateTags')
      })
    },
    help: async () => (await import('./aws-help.ts')).help,
    permissions: (prefix, signal) => askPermissions((wanted) => call(parts, wanted), prefix, signal),
    act: (method, signal) => withDeadline(host, { ms: callMs, signal }, (within) => stop(parts, method, within)),
  }
}

function metadata({ imds }: Parts): Imds {
  if (imds !== undefined) return imds
  throw new CloudError('metadata is not asked below --root; set AWS_EC2_METADATA_SERVICE_ENDPOINT', {
    code: 'not-asked',
    retryable: false,
  })
}

/** Xen refreshes the tags in metadata at the next start only (cloud.md 1.2). */
async function isXen(host: Host): Promise<boolean> {
  try {
    const type = (await host.readText('/sys/hypervisor/type', 4096))?.trim()
    return type !== undefined && (type === 'xen' || !/^[a-z]+$/.test(type))
  } catch (error) {
    if (error instanceof HostError) return true // then the API is asked, which is fresh everywhere
    throw error
  }
}

async function describedTags(parts: Parts, prefix: string, signal: AbortSignal): Promise<OperatorTags> {
  const send = (api: Api, id: string) => api.describeTags(id, signal)
  const values = answerOf(await call(parts, { attempts: 2, signal, send }), 'DescribeTags')
  return operatorTagsOf(prefix, { keys: values.keys(), values })
}

function answerOf<T>(sent: Sent<T>, action: string): T {
  if ('answer' in sent) return sent.answer
  throw errorOf(sent.failure, action)
}

async function stop(parts: Parts, method: Method, signal: AbortSignal): Promise<Outcome> {
  const send = (api: Api, id: string): Promise<Sent<Stopping>> => api.stop(id, method === 'hibernate', signal)
  try {
    const sent = await call(parts, { attempts: 1, signal, send })
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
  readonly signal: AbortSignal
  readonly send: (api: Api, id: string) => Promise<Sent<T>>
}

/**
 * Makes one call, and once more with fresh keys and the service's time if it was refused for either: what was refused was
 * not executed. Throws CloudError only where nothing was sent, or the last thing sent was refused.
 */
async function call<T>(parts: Parts, wanted: Call<T>): Promise<Sent<T>> {
  refuseVendor(parts)
  const began = parts.host.clocks()
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
  const patience = { signal, until: host.clocks().monoMs + METADATA_MS }
  const who = await readIdentity(imds, patience)
  const kept = await readCredentials(imds, patience)
  if (kept.expiresMs > host.clocks().wallMs) return { who, credentials: kept }
  // Still too old after that: they are sent all the same, since it may be our clock that is wrong.
  return { who, credentials: await readCredentials(imds, patience) }
}

interface Sending extends Prepared {
  /** When the whole call began. */
  readonly began: Clocks
  readonly clockOffsetMs: number
}

async function sendOnce<T>({ host, options }: Parts, wanted: Call<T>, sending: Sending) {
  const { openApi } = await import('./aws-send.ts')
  const { who, credentials, clockOffsetMs, began } = sending
  const { attempts, signal } = wanted
  const api = await openApi({ region: who.region, apiUrl: options.apiUrl, credentials, attempts, clockOffsetMs })
  try {
    if (signal.aborted) throw new CloudError('stopped before anything was sent', { code: 'aborted', retryable: true })
    if (parted(began, host.clocks())) throw runChanged()
    const sent = await wanted.send(api, who.id)
    return { sent, clockOffsetMs: api.clockOffsetMs() }
  } finally {
    api.close()
  }
}
