// A typed client of the control server, for tests of the executable and for the demo, which run in another process.

import type { Instance, InstanceSettings } from './aws/instance.ts'
import type { PowerVerb } from './aws/power.ts'
import type { VmVerb } from './azure/power.ts'
import type { Vm, VmSettings } from './azure/vm.ts'
import type { RequestsView, ViewOf } from './control.ts'
import type { FaultOrder, OrderedFault } from './faults.ts'

/** What is told apart between the clouds. */
export interface Kind {
  readonly view: unknown
  readonly settings: object
  readonly verb: string
}

export interface AwsKind {
  readonly view: ViewOf<Instance>
  readonly settings: InstanceSettings
  readonly verb: PowerVerb
}

export interface AzureKind {
  readonly view: ViewOf<Vm>
  readonly settings: VmSettings
  readonly verb: VmVerb
}

export interface ControlClient<K extends Kind = AwsKind> {
  /** The log, from after request number `since`. */
  requests(since?: number): Promise<RequestsView>
  clearRequests(): Promise<void>
  /** Orders a fault and returns its id. */
  orderFault(order: FaultOrder): Promise<number>
  faults(): Promise<readonly OrderedFault[]>
  clearFaults(id?: number): Promise<void>
  instances(): Promise<readonly K['view'][]>
  instance(id: string): Promise<K['view']>
  /** Sets settings and tags; a tag that is null is removed. */
  change(id: string, changes: ChangesOf<K>): Promise<K['view']>
  /** Switches the power as somebody else would, past the API and its refusals. */
  power(id: string, verb: K['verb']): Promise<K['view']>
  /** The cloud's time in epoch milliseconds. */
  now(): Promise<number>
  advance(ms: number): Promise<number>
  expireCredentials(): Promise<void>
  rotateCredentials(): Promise<void>
}

export type ChangesOf<K extends Kind> = Partial<K['settings']> & {
  readonly tags?: Readonly<Record<string, string | null>>
}

/** Sends one request to the control server, by whatever way, and resolves with the parsed answer. */
export type Ask = (method: string, path: string, body?: unknown) => Promise<unknown>

/** Creates a client for the URL that `startAws`, `startAzure` or `make cloud` gave. */
export function createControlClient<K extends Kind = AwsKind>(url: string, timeoutMs = 5000): ControlClient<K> {
  return clientOver(async (method, path, body) => {
    const response = await fetch(`${url}/_control/${path}`, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const value: unknown = await response.json()
    if (!response.ok) throw new Error(`${method} /_control/${path}: ${JSON.stringify(value)}`)
    return value
  })
}

/** Creates a client that asks in another way: the cloud of a guest is in a namespace where no other process can connect. */
export function clientOver<K extends Kind = AwsKind>(send: Ask): ControlClient<K> {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await send(method, path, body)) as T // both ends are this folder's
  }
  return {
    requests: (since = 0) => ask('GET', `requests?since=${String(since)}`),
    clearRequests: () => ask('DELETE', 'requests'),
    orderFault: async (order) => (await ask<{ id: number }>('POST', 'faults', order)).id,
    faults: () => ask('GET', 'faults'),
    clearFaults: (id) => ask('DELETE', id === undefined ? 'faults' : `faults/${String(id)}`),
    instances: () => ask('GET', 'instances'),
    instance: (id) => ask('GET', `instances/${id}`),
    change: (id, changes) => ask('PATCH', `instances/${id}`, changes),
    power: (id, verb) => ask('POST', `instances/${id}/${verb}`),
    now: async () => (await ask<{ now: number }>('GET', 'clock')).now,
    advance: async (ms) => (await ask<{ now: number }>('POST', 'clock', { advanceMs: ms })).now,
    expireCredentials: () => ask('POST', 'credentials/expire'),
    rotateCredentials: () => ask('POST', 'credentials/rotate'),
  }
}
