// The child process that is the cloud: it runs in the sealed namespace and asks its parent to switch the guest's power.

import type { PowerVerb } from '../clouds/aws/power.ts'
import { type AwsCloud, type Instance, type InstanceSpec, startAws } from '../clouds/aws.ts'
import { describeRequest } from '../clouds/request-log.ts'
import { addresses, guestMac } from './network.ts'

/** What the parent says. */
export type Order =
  | { readonly kind: 'start'; readonly instance: InstanceSpec }
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
  | { readonly kind: 'ready'; readonly env: Readonly<Record<string, string>>; readonly instanceId: string }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'answer'; readonly number: number; readonly status: number; readonly value: unknown }
  | { readonly kind: 'switch'; readonly number: number; readonly verb: GuestVerb; readonly instanceId: string }
  | { readonly kind: 'line'; readonly text: string }

/** What can be asked of a real guest. */
export type GuestVerb = Extract<PowerVerb, 'stop' | 'hibernate' | 'start'>

const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()
let cloud: AwsCloud | undefined
let last = 0

function tell(report: Report): void {
  process.send?.(report)
}

function hook(verb: GuestVerb): (instance: Instance) => Promise<void> {
  return (instance) =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      tell({ kind: 'switch', number: last, verb, instanceId: instance.id })
    })
}

async function start(instance: InstanceSpec): Promise<void> {
  cloud = await startAws({
    instances: [{ mac: guestMac, privateIp: addresses.guest, ...instance }],
    metadata: { address: addresses.metadata, port: 80 },
    api: { address: addresses.gateway, port: 80 },
    hooks: { onStop: hook('stop'), onHibernate: hook('hibernate'), onStart: hook('start') },
    onRequest: (request) => tell({ kind: 'line', text: describeRequest(request) }),
    onState: (changed, before) => {
      const at = new Date().toISOString().slice(11, 23)
      tell({ kind: 'line', text: `${at} instance ${changed.id} ${before} -> ${changed.state}` })
    },
  })
  tell({ kind: 'ready', env: cloud.env, instanceId: cloud.instance().id })
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
  if (order.kind === 'start') start(order.instance).catch(failed)
  else if (order.kind === 'ask') ask(order).catch(failed)
  else if (order.error === undefined) waiting.get(order.number)?.resolve()
  else waiting.get(order.number)?.reject(new Error(order.error))
})
// The parent is gone, or wants no more.
process.once('disconnect', () => process.exit(0))
