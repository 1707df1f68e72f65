/** The calls to Azure Resource Manager, through the vendor's client, which is loaded only when one is made. Each is sent once. */
import type { createComputeManagement } from '@azure/arm-compute/api'
import { isObject } from '../parse.ts'
import { type Answer, type Failure, failureOf, readFailure } from './azure-errors.ts'
import type { Place } from './azure-metadata.ts'
import { loadSdk } from './azure-sealed.ts'
import { tagsIn } from './azure-tags.ts'

/** The actions of the calls in this file, for the role that is assigned to the VM's identity at the VM itself. */
export const permissions = [
  { action: 'Microsoft.Compute/virtualMachines/deallocate/action', reason: 'hibernate or deallocate this VM' },
  {
    action: 'Microsoft.Resources/tags/write',
    reason: 'show in the portal since when it is idle, and why it was stopped',
  },
  {
    action: 'Microsoft.Resources/tags/read',
    reason: "read the operator's tags of a member of a scale set, whose metadata shows old ones",
  },
  {
    action: 'Microsoft.Authorization/permissions/read',
    reason: 'let `doctor` tell which of these are allowed, without making the call',
  },
] as const

export interface Access {
  /** Where Azure Resource Manager is. */
  readonly endpoint: string
  readonly place: Place
  readonly token: string
  /** Epoch milliseconds. */
  readonly now: () => number
}

export type Sent<T> = { readonly answer: T } | { readonly failure: Failure }

export interface Deallocating {
  /** Id of the asynchronous operation, else of the request; `undefined` where the answer has neither, and so is not Azure's. */
  readonly operation: string | undefined
  /** Where its end is told, below the endpoint; it is signed. */
  readonly path: string | undefined
}

/** How a deallocation ended, or that it has not. */
export interface Ended {
  readonly status: 'failed' | 'other'
  /** The error code where it failed. */
  readonly code: string
}

/** One entry of what a role assignment allows; `*` stands for any text. */
export interface Grant {
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
}

export interface Api {
  /** Never waits for the end of it: that is our own. */
  deallocate(hibernate: boolean, signal: AbortSignal): Promise<Sent<Deallocating>>
  /** Writes these tags and leaves all others alone. */
  mergeTags(tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Sent<true>>
  /** All tags, by their names in lower case. */
  readTags(signal: AbortSignal): Promise<Sent<ReadonlyMap<string, string>>>
  /** What became of a deallocation; `path` is as `deallocate` gave it. */
  operation(path: string, signal: AbortSignal): Promise<Sent<Ended>>
  /** What the caller may do with this VM. */
  grants(signal: AbortSignal): Promise<Sent<readonly Grant[]>>
}

const VM = '/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}'

/** Old enough for every one of Azure's clouds, young enough for `hibernate`. */
const versions = { compute: '2024-07-01', tags: '2021-04-01', authorization: '2022-04-01' }

type Client = ReturnType<typeof createComputeManagement>

/** What the pipeline does by itself otherwise: ask the environment for a proxy, follow an answer elsewhere, send again. */
const unwanted = ['proxyPolicy', 'redirectPolicy', 'defaultRetryPolicy']

/** A client for one purpose. Sends nothing yet. */
export async function openApi({ endpoint, place, token, now }: Access): Promise<Api> {
  const { createComputeManagement: create } = await loadSdk()
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
  const client = create(credential, place.subscription, {
    endpoint,
    retryOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'idle-agent' },
  })
  for (const name of unwanted) client.pipeline.removePolicy({ name })
  const at = (below: string): ReturnType<Client['pathUnchecked']> =>
    client.pathUnchecked(`${VM}${below}`, place.subscription, place.group, place.name)
  const send = sender(client, now)
  const tagsPath = '/providers/Microsoft.Resources/tags/default'
  return {
    deallocate: (hibernate, abortSignal) =>
      send(
        () => at('/deallocate').post({ abortSignal, queryParameters: { 'api-version': versions.compute, hibernate } }),
        (answer) => operationOf(answer, endpoint),
      ),
    mergeTags: (tags, abortSignal) =>
      send(
        () =>
          at(tagsPath).patch({
            abortSignal,
            queryParameters: { 'api-version': versions.tags },
            body: { operation: 'Merge', properties: { tags } },
          }),
        (answer) => {
          tagsIn(answer) // what does not tell the tags is not Azure's answer
          return true as const
        },
      ),
    readTags: (abortSignal) =>
      send(() => at(tagsPath).get({ abortSignal, queryParameters: { 'api-version': versions.tags } }), tagsIn),
    operation: (path, abortSignal) => send(() => client.pathUnchecked(path).get({ abortSignal }), endIn),
    grants: (abortSignal) =>
      send(
        () =>
          at('/providers/Microsoft.Authorization/permissions').get({
            abortSignal,
            queryParameters: { 'api-version': versions.authorization },
          }),
        grantsIn,
      ),
  }
}

type Reply = Awaited<ReturnType<ReturnType<Client['pathUnchecked']>['get']>>

/** Sends, and notes when the SDK comes to it, which is when a failure stops being harmless. */
function sender(client: Client, now: () => number) {
  let handedOver = false
  client.pipeline.addPolicy(
    {
      name: 'noteSending',
      sendRequest: (request, next) => {
        handedOver = true
        // A connection that is kept may lead nowhere after a resume.
        request.headers.set('Connection', 'close')
        return next(request)
      },
    },
    { afterPhase: 'Sign' },
  )
  return async <T>(ask: () => PromiseLike<Reply>, read: (answer: Answer) => T): Promise<Sent<T>> => {
    handedOver = false
    try {
      const { status, headers, body }: { status: string; headers: Answer['headers']; body?: unknown } = await ask()
      const answer: Answer = { status: Number(status), headers, body }
      if (answer.status >= 200 && answer.status < 300) return { answer: read(answer) }
      return { failure: failureOf(answer, now()) }
    } catch (error) {
      return { failure: readFailure(error, handedOver) }
    }
  }
}

const OPERATION =
  /^\/subscriptions\/[\w-]+\/providers\/Microsoft\.Compute\/locations\/[\w-]+\/operations\/([\w-]{1,80})\?[\w=&%.~+-]{1,2000}$/i

/** Only an address below the endpoint is one that a token may be sent to. */
function operationOf({ headers }: Answer, endpoint: string): Deallocating {
  const address = headers['azure-asyncoperation'] ?? ''
  const below = address.toLowerCase().startsWith(`${endpoint.toLowerCase()}/`) ? address.slice(endpoint.length) : ''
  const [path, id = headers['x-ms-request-id'] ?? ''] = OPERATION.exec(below) ?? []
  return { operation: /^[\w-]{1,80}$/.test(id) ? id : undefined, path }
}

function endIn({ body }: Answer): Ended {
  if (!isObject(body) || typeof body['status'] !== 'string') throw new Error('the answer holds no status')
  const failed = /^(failed|cancell?ed)$/i.test(body['status'])
  const code = isObject(body['error']) ? body['error']['code'] : undefined
  return {
    status: failed ? 'failed' : 'other',
    code: typeof code === 'string' && /^\w{1,80}$/.test(code) ? code : 'failed',
  }
}

function grantsIn({ body }: Answer): readonly Grant[] {
  const list = isObject(body) ? body['value'] : undefined
  if (!Array.isArray(list)) throw new Error('the answer holds no list of permissions')
  return list.map((one: unknown) => ({ actions: textsAt(one, 'actions'), notActions: textsAt(one, 'notActions') }))
}

function textsAt(value: unknown, name: string): readonly string[] {
  const list = isObject(value) ? value[name] : undefined
  return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []
}
