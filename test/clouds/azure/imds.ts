// The instance metadata service of one VM: its header, its versions, its rates, and which document a path is in.

import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import type { RequestLog } from '../request-log.ts'
import type { Bucket } from './buckets.ts'
import type { TokenStore } from './identity.ts'
import { answerToken, refusal, tokenPath } from './identity-endpoint.ts'
import { type Document, instanceDocument } from './imds-document.ts'
import { answerEvents, eventsPath } from './scheduled-events.ts'
import type { Vm } from './vm.ts'

/** Newest first, as the vendor lists them. */
export const versions: readonly string[] = [
  '2025-04-07',
  '2024-07-17',
  '2024-03-15',
  '2023-11-15',
  '2023-07-01',
  '2021-12-13',
  '2021-11-15',
  '2021-11-01',
  '2021-10-01',
  '2021-08-01',
  '2021-05-01',
  '2021-03-01',
  '2021-02-01',
  '2021-01-01',
  '2020-12-01',
  '2020-10-01',
  '2020-09-01',
  '2020-07-15',
  '2020-06-01',
  '2019-11-01',
  '2019-08-15',
  '2019-08-01',
  '2019-06-04',
  '2019-06-01',
  '2019-04-30',
  '2019-03-11',
  '2019-02-01',
  '2018-10-01',
  '2018-04-02',
  '2018-02-01',
  '2017-12-01',
  '2017-10-01',
  '2017-08-01',
  '2017-04-02',
  '2017-03-01',
]

/** Requests that the identity endpoint works on at once; more are refused. */
const maxTokensAtOnce = 5

export interface MetadataRates {
  /** Of everything but identity: 5 requests a second. */
  readonly requests: Bucket
  /** Of identity: 20 requests a second. */
  readonly identity: Bucket
}

export interface MetadataService {
  readonly vm: Vm
  readonly tokens: TokenStore
  readonly rates: MetadataRates
  readonly log: RequestLog
}

/** Answers one metadata request. */
export function answerMetadata(service: MetadataService, request: CloudRequest): CloudAnswer {
  const path = request.path.replace(/\/+$/, '').toLowerCase()
  const refused = headerProblem(request) ?? rateProblem(service, path)
  if (refused) return refused
  if (request.method !== 'GET' && !(request.method === 'POST' && path === eventsPath)) {
    return problem(405, `Method Not Allowed. The HTTP method ${request.method} is not supported on this endpoint.`)
  }
  if (path === '/metadata/versions') return json(200, { apiVersions: [...versions].reverse() })
  if (path === tokenPath) return answerToken(service.vm, service.tokens, request)
  const query = new URLSearchParams(request.query)
  if (new Set(query.keys()).size < [...query.keys()].length) {
    return problem(400, 'Bad request. Query parameters may be given only once.')
  }
  if (path === eventsPath) return answerEvents(service.vm, query, request)
  return lookUp(service.vm, request.path, query)
}

/** What the log shows of a metadata request: its query, and which header was wrong. */
export function describeMetadata(request: CloudRequest): { params: Record<string, string> } {
  const params: Record<string, string> = Object.fromEntries(new URLSearchParams(request.query))
  return { params: isMarked(request) ? params : { ...params, metadata: 'none' } }
}

function isMarked(request: CloudRequest): boolean {
  return request.headers['metadata']?.toLowerCase() === 'true'
}

function headerProblem(request: CloudRequest): CloudAnswer | undefined {
  const identity = request.path.toLowerCase().startsWith('/metadata/identity')
  if (!isMarked(request)) {
    const text = 'Required metadata header not specified'
    return identity ? refusal(400, 'bad_request_102', text) : problem(400, `Bad request. ${text}`)
  }
  if (request.headers['x-forwarded-for'] === undefined) return undefined
  const text = 'The request must not contain an X-Forwarded-For header'
  return identity ? refusal(400, 'invalid_request', text) : problem(400, `Bad request. ${text}`)
}

function rateProblem({ rates, log }: MetadataService, path: string): CloudAnswer | undefined {
  if (path.startsWith('/metadata/identity')) {
    const atOnce = rates.identity.enabled
      ? log.list({ server: 'metadata' }).filter((one) => !one.done && one.path.startsWith(tokenPath)).length
      : 0
    if (atOnce <= maxTokensAtOnce && rates.identity.take() === undefined) return undefined
    return refusal(429, 'too_many_requests', 'Too many requests')
  }
  if (rates.requests.take() === undefined) return undefined
  return problem(429, 'Too many requests. For more information refer to aka.ms/azureimds')
}

function lookUp(vm: Vm, path: string, query: URLSearchParams): CloudAnswer {
  const [root, kind, ...rest] = path.split('/').filter(Boolean).map(decode)
  if (root?.toLowerCase() !== 'metadata' || kind?.toLowerCase() !== 'instance') return problem(404, 'Not found')
  const version = query.get('api-version') ?? ''
  if (!versions.includes(version)) return versionProblem()
  const found = descend(instanceDocument(vm, version), rest)
  if (found === undefined) return problem(404, 'Not found')
  const format = query.get('format')?.toLowerCase() ?? 'json'
  if (format !== 'json' && format !== 'text') return problem(400, `Bad request. Unknown format '${format}'`)
  if (format === 'json') {
    if (typeof found !== 'string') return json(200, found)
    return problem(400, 'Bad request. A value has no format=json; ask with format=text')
  }
  return { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: asText(found) }
}

function versionProblem(): CloudAnswer {
  const error =
    'Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds'
  return json(400, { error, 'newest-versions': versions.slice(0, 3) })
}

/** The names below a directory, one a line, with a slash behind those that have more below. */
function asText(found: Document): string {
  if (typeof found === 'string') return found
  const entries: readonly (readonly [string | number, Document])[] = isList(found)
    ? [...found.entries()]
    : Object.entries(found)
  return entries.map(([name, value]) => `${String(name)}${typeof value === 'string' ? '' : '/'}`).join('\n')
}

function isList(found: Document): found is readonly Document[] {
  return Array.isArray(found)
}

function descend(tree: Document, names: readonly string[]): Document | undefined {
  let node: Document | undefined = tree
  for (const name of names) {
    if (node === undefined || typeof node === 'string') return undefined
    const found: readonly [string, Document] | undefined = Object.entries(node).find(
      ([key]) => key.toLowerCase() === name.toLowerCase(),
    )
    node = found?.[1]
  }
  return node
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a percent sign that encodes nothing names nothing either
  }
}

/** An error of the metadata service. */
export function problem(status: number, error: string): CloudAnswer {
  return json(status, { error })
}

function json(status: number, body: unknown): CloudAnswer {
  const headers = { 'Content-Type': 'application/json; charset=utf-8', Server: 'IMDS/150.870.65.1769' }
  return { status, headers, body: JSON.stringify(body) }
}
