// The control server of a simulated cloud: orders faults, reads the log, sets instances, moves the clock; loopback only.

import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { CloudClock } from './clock.ts'
import { type FaultOrder, type Faults, isRecord, orderProblem } from './faults.ts'
import { type CloudServer, listen } from './http-server.ts'
import type { LoggedRequest, RequestCounts, RequestLog } from './request-log.ts'

export type ControlServer = CloudServer

/** What is the same on both clouds' machines. */
export interface ControlledInstance {
  readonly tags: Map<string, string>
}

export interface Controlled<Instance extends ControlledInstance> {
  readonly clock: CloudClock
  readonly faults: Faults
  readonly requests: RequestLog
  readonly instances: ReadonlyMap<string, Instance>
  readonly credentials: { expire(): void; rotate(): void }
  /** What may be done to an instance's power from outside the API, by the word for it. */
  readonly verbs: Readonly<Record<string, (instance: Instance) => void>>
  /** Throws a TypeError for settings that are none. */
  changeSettings(instance: Instance, settings: Readonly<Record<string, unknown>>): void
}

/** An instance as the control server shows it. */
export type ViewOf<Instance extends ControlledInstance> = Omit<Instance, 'tags' | 'startTags'> & {
  readonly tags: Readonly<Record<string, string>>
}

export interface RequestsView {
  readonly requests: readonly LoggedRequest[]
  readonly counts: RequestCounts
}

interface Asked {
  readonly method: string
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly body: unknown
}

class Refusal extends Error {
  readonly status: number

  constructor(message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options)
    this.status = options.status ?? 400
  }
}

/** Starts the control server on 127.0.0.1. */
export function startControl<Instance extends ControlledInstance>(
  cloud: Controlled<Instance>,
  port: number,
): Promise<ControlServer> {
  const server = createServer((message, response) => {
    void reply(cloud, message).then(({ status, value }) => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(value ?? null))
    })
  })
  return listen(server, '127.0.0.1', port)
}

async function reply<Instance extends ControlledInstance>(
  cloud: Controlled<Instance>,
  message: IncomingMessage,
): Promise<{ status: number; value: unknown }> {
  try {
    return { status: 200, value: route(cloud, await parse(message)) }
  } catch (error) {
    const status =
      error instanceof Refusal ? error.status : error instanceof TypeError || error instanceof RangeError ? 400 : 500
    return { status, value: { error: error instanceof Error ? error.message : String(error) } }
  }
}

async function parse(message: IncomingMessage): Promise<Asked> {
  const url = new URL(message.url ?? '/', 'http://control')
  const [root, ...path] = url.pathname.split('/').filter(Boolean)
  if (root !== '_control') throw new Refusal('control paths begin with /_control/', { status: 404 })
  const body = await text(message)
  try {
    const parsed: unknown = body === '' ? undefined : JSON.parse(body)
    return { method: message.method ?? 'GET', path, query: url.searchParams, body: parsed }
  } catch (cause) {
    throw new Refusal('the body is not JSON', { cause })
  }
}

function route<Instance extends ControlledInstance>(cloud: Controlled<Instance>, asked: Asked): unknown {
  const [kind, id, verb] = asked.path
  const handlers: Readonly<Record<string, () => unknown>> = {
    'GET requests': () => requestsView(cloud.requests, asked.query),
    'DELETE requests': () => cloud.requests.clear(),
    'GET faults': () => cloud.faults.list(),
    'POST faults': () => ({ id: cloud.faults.add(faultOrder(asked.body)) }),
    'DELETE faults': () => cloud.faults.clear(id === undefined ? undefined : Number(id)),
    'GET instances': () => (id === undefined ? [...cloud.instances.values()].map(view) : view(find(cloud, id))),
    'PATCH instances': () => change(cloud, find(cloud, id), asked.body),
    'POST instances': () => switchPower(cloud, find(cloud, id), verb),
    'GET clock': () => ({ now: cloud.clock.now() }),
    'POST clock': () => advance(cloud.clock, asked.body),
    'POST credentials': () => renew(cloud.credentials, id),
  }
  const handler = handlers[`${asked.method} ${kind ?? ''}`]
  if (!handler)
    throw new Refusal(`no ${asked.method} for this path; there are: ${Object.keys(handlers).join(', ')}`, {
      status: 404,
    })
  return handler()
}

function requestsView(log: RequestLog, query: URLSearchParams): RequestsView {
  const since = Number(query.get('since') ?? 0)
  return { requests: log.list().filter((request) => request.number > since), counts: log.counts() }
}

function faultOrder(body: unknown): FaultOrder {
  const problem = orderProblem(body)
  if (problem) throw new Refusal(problem)
  return body as FaultOrder // orderProblem has checked every field
}

function find<Instance extends ControlledInstance>(cloud: Controlled<Instance>, id: string | undefined): Instance {
  const instance = cloud.instances.get(id ?? '')
  if (!instance) throw new Refusal(`no instance ${id ?? '(none named)'}`, { status: 404 })
  return instance
}

function view<Instance extends ControlledInstance>(instance: Instance): unknown {
  return { ...instance, startTags: undefined, tags: Object.fromEntries(instance.tags) }
}

function change<Instance extends ControlledInstance>(
  cloud: Controlled<Instance>,
  instance: Instance,
  body: unknown,
): unknown {
  if (!isRecord(body)) throw new Refusal('the body is an object of settings')
  const { tags, ...settings } = body
  if (tags !== undefined && !isTags(tags)) throw new Refusal('tags: an object of texts; null removes one')
  cloud.changeSettings(instance, settings)
  for (const [key, value] of Object.entries(tags ?? {})) {
    if (value === null) instance.tags.delete(key)
    else instance.tags.set(key, value)
  }
  return view(instance)
}

function isTags(value: unknown): value is Readonly<Record<string, string | null>> {
  return isRecord(value) && Object.values(value).every((text) => text === null || typeof text === 'string')
}

function switchPower<Instance extends ControlledInstance>(
  { verbs }: Controlled<Instance>,
  instance: Instance,
  verb = '',
): unknown {
  const switched = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!switched) throw new Refusal(`an instance can: ${Object.keys(verbs).join(', ')}`, { status: 404 })
  switched(instance)
  return view(instance)
}

function advance(clock: CloudClock, body: unknown): { now: number } {
  const ms = isRecord(body) ? body['advanceMs'] : undefined
  if (typeof ms !== 'number') throw new Refusal('advanceMs is a number')
  clock.advance(ms)
  return { now: clock.now() }
}

function renew(credentials: { expire(): void; rotate(): void }, verb: string | undefined): void {
  if (verb === 'expire') credentials.expire()
  else if (verb === 'rotate') credentials.rotate()
  else throw new Refusal('credentials can: expire, rotate', { status: 404 })
}
