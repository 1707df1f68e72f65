// The child process that is the cloud: it runs in the sealed namespace and asks its parent to switch the guest's power.

import { agentPolicy } from '../clouds/aws/iam.ts'
import type { PowerVerb } from '../clouds/aws/power.ts'
import { type InstanceSpec, startAws } from '../clouds/aws.ts'
import { startAzure, type VmSpec } from '../clouds/azure.ts'
import { describeRequest, type LoggedRequest } from '../clouds/request-log.ts'
import { addresses, guestMac } from './network.ts'

/** The one machine of the cloud. */
export type GuestSpec =
  | { readonly cloud: 'aws'; readonly instance: InstanceSpec }
  | { readonly cloud: 'azure'; readonly vm: VmSpec }

/** What the parent says. */
export type Order =
  | { readonly kind: 'start'; readonly spec: GuestSpec }
  | {
      readonly kind: 'ask'
      readonly number: number
      readonly method: string
      readonly path: string
      readonly body?: unknown
    }
  | { readonly kind: 'switched'; readonly number: number; readonly error?: string }

/** What this process says. */
export type Report =
  | ({ readonly kind: 'ready' } & Pick<Started, 'env' | 'instanceId' | 'caCert'>)
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'answer'; readonly number: number; readonly status: number; readonly value: unknown }
  | { readonly kind: 'switch'; readonly number: number; readonly verb: GuestVerb; readonly instanceId: string }
  | { readonly kind: 'line'; readonly text: string }

/** What can be asked of a real guest. */
export type GuestVerb = Extract<PowerVerb, 'stop' | 'hibernate' | 'start'>

interface Started {
  readonly env: Readonly<Record<string, string>>
  readonly instanceId: string
  /** What a client of an API over TLS has to trust, as a PEM text. */
  readonly caCert?: string
  readonly controlUrl: string
}

const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()
let cloud: Started | undefined
let last = 0

function tell(report: Report): void {
  process.send?.(report)
}

function hook(verb: GuestVerb): (machine: { readonly id: string }) => Promise<void> {
  return ({ id }) =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      tell({ kind: 'switch', number: last, verb, instanceId: id })
    })
}

function toldOf(request: LoggedRequest): void {
  tell({ kind: 'line', text: describeRequest(request) })
}

function changed({ id, state }: { readonly id: string; readonly state: string }, before: string): void {
  const at = new Date().toISOString().slice(11, 23)
  tell({ kind: 'line', text: `${at} instance ${id} ${before} -> ${state}` })
}

const card = { mac: guestMac, privateIp: addresses.guest }
const servers = { metadata: { address: addresses.metadata, port: 80 }, onRequest: toldOf, onState: changed }
const hooks = { onStop: hook('stop'), onHibernate: hook('hibernate'), onStart: hook('start') }

async function startCloud(spec: GuestSpec): Promise<Started> {
  if (spec.cloud === 'aws') {
    const api = { address: addresses.gateway, port: 80 }
    const roles = { 'idle-agent': agentPolicy }
    const aws = await startAws({ ...servers, api, hooks, roles, instances: [{ ...card, ...spec.instance }] })
    return { env: aws.env, instanceId: aws.instance().id, controlUrl: aws.controlUrl }
  }
  const api = { address: addresses.gateway, port: 443 }
  const wireserver = { address: addresses.wireserver, port: 80 }
  const azure = await startAzure({ ...servers, api, wireserver, hooks, instances: [{ ...card, ...spec.vm }] })
  const { env, caCert, controlUrl } = azure
  return { env, caCert, controlUrl, instanceId: azure.instance().id }
}

async function start(spec: GuestSpec): Promise<void> {
  cloud = await startCloud(spec)
  const { controlUrl, ...told } = cloud
  tell({ kind: 'ready', ...told })
}

async function ask({ number, method, path, body }: Extract<Order, { kind: 'ask' }>): Promise<void> {
  const response = await fetch(`${cloud?.controlUrl ?? ''}/_control/${path}`, {
    method,
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(5000),
  })
  tell({ kind: 'answer', number, status: response.status, value: await response.json() })
}

function failed(error: unknown): void {
  tell({ kind: 'failed', error: error instanceof Error ? error.message : String(error) })
}

process.on('message', (order: Order) => {
  if (order.kind === 'start') start(order.spec).catch(failed)
  else if (order.kind === 'ask') ask(order).catch(failed)
  else if (order.error === undefined) waiting.get(order.number)?.resolve()
  else waiting.get(order.number)?.reject(new Error(order.error))
})
// The parent is gone, or wants no more.
process.once('disconnect', () => process.exit(0))
