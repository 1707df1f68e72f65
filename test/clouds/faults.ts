// Faults to order: what a simulated cloud's server does wrong, to which requests, how many times.

import { type ServerName, serverNames } from './request-log.ts'

export type Fault =
  /** Accepts the request and never answers. */
  | { readonly kind: 'hang' }
  /** Does what was asked, then never answers. */
  | { readonly kind: 'hang-after-action' }
  /** Resets the connection as soon as the request has arrived. */
  | { readonly kind: 'refuse' }
  /** Answers this status without doing what was asked; 401 once is `times: 1`. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string; readonly retryAfterSeconds?: number }
  /** Answers 200 with bytes that mean nothing. */
  | { readonly kind: 'garbage' }
  /** The right answer, one byte at a time. */
  | { readonly kind: 'drip'; readonly msPerByte: number }
  /** The right answer, later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The right answer, cut by a connection reset after so many bytes of the body. */
  | { readonly kind: 'reset-after'; readonly bytes: number }
  /** An error in the API's own form; the status the vendor gives that code unless said. */
  | {
      readonly kind: 'api-error'
      readonly code: string
      readonly message?: string
      readonly status?: number
      readonly retryAfterSeconds?: number
    }
  /** The right answer with a Date header this far off, and signatures judged by that wrong time. */
  | { readonly kind: 'wrong-date'; readonly skewMs: number }

export interface FaultOrder {
  readonly server: ServerName
  /** Metadata: a path, or the beginning of one when it ends in `*`; all paths unless given. */
  readonly path?: string
  /** API: the action; all actions unless given. */
  readonly action?: string
  readonly method?: string
  /** How many requests it applies to; until cleared unless given. */
  readonly times?: number
  readonly fault: Fault
}

export interface OrderedFault extends FaultOrder {
  readonly id: number
  /** How often it may still apply; `null` is without limit. */
  readonly left: number | null
}

export interface Faults {
  /** Orders a fault and returns its id. The oldest that fits a request is applied, one a request. */
  add(order: FaultOrder): number
  /** Cancels one, or all; a request that hangs already keeps hanging until the cloud is closed. */
  clear(id?: number): void
  list(): readonly OrderedFault[]
}

export interface FaultTarget {
  readonly server: ServerName
  readonly method: string
  readonly path: string
  readonly action: string | undefined
}

export interface TakeableFaults extends Faults {
  /** The fault for this request, counted as used. */
  take(target: FaultTarget): Fault | undefined
}

/** Creates an empty list of faults. */
export function createFaults(): TakeableFaults {
  const orders: { order: FaultOrder; id: number; left: number | null }[] = []
  let last = 0

  function add(order: FaultOrder): number {
    const problem = orderProblem(order)
    if (problem) throw new TypeError(problem)
    last += 1
    orders.push({ order, id: last, left: order.times ?? null })
    return last
  }

  function clear(id?: number): void {
    const index = orders.findIndex((entry) => entry.id === id)
    if (id === undefined) orders.splice(0)
    else if (index >= 0) orders.splice(index, 1)
  }

  function take(target: FaultTarget): Fault | undefined {
    const entry = orders.find(({ order }) => applies(order, target))
    if (!entry) return undefined
    if (entry.left !== null) {
      entry.left -= 1
      if (entry.left <= 0) clear(entry.id)
    }
    return entry.order.fault
  }

  const list = (): readonly OrderedFault[] => orders.map(({ order, id, left }) => ({ ...order, id, left }))
  return { add, clear, list, take }
}

function applies(order: FaultOrder, target: FaultTarget): boolean {
  if (order.server !== target.server) return false
  if (order.method !== undefined && order.method !== target.method) return false
  if (order.action !== undefined && order.action !== target.action) return false
  if (order.path === undefined) return true
  if (order.path.endsWith('*')) return target.path.startsWith(order.path.slice(0, -1))
  return bare(target.path) === bare(order.path)
}

// The vendors' clients do not agree on a slash at the end.
function bare(path: string): string {
  return path.replace(/\/+$/, '')
}

type FieldKind = 'number' | 'string' | 'number?' | 'string?'

const fields: Readonly<Record<Fault['kind'], Readonly<Record<string, FieldKind>>>> = {
  hang: {},
  'hang-after-action': {},
  refuse: {},
  status: { status: 'number', body: 'string?', retryAfterSeconds: 'number?' },
  garbage: {},
  drip: { msPerByte: 'number' },
  delay: { ms: 'number' },
  'reset-after': { bytes: 'number' },
  'api-error': { code: 'string', message: 'string?', status: 'number?', retryAfterSeconds: 'number?' },
  'wrong-date': { skewMs: 'number' },
}

const orderFields = { path: 'string?', action: 'string?', method: 'string?', times: 'number?' } as const

/** Says what is wrong with an order that came from outside; `undefined` when it is one. */
export function orderProblem(order: unknown): string | undefined {
  if (!isRecord(order)) return 'a fault order is an object'
  const server = serverNames.find((name) => name === order['server'])
  if (server === undefined) return `server is ${serverNames.map((name) => `'${name}'`).join(' or ')}`
  const { fault } = order
  if (!isRecord(fault)) return 'fault is an object with a kind'
  const kind = fault['kind']
  const wanted = typeof kind === 'string' && Object.hasOwn(fields, kind) ? fields[kind as Fault['kind']] : undefined
  if (!wanted) return `unknown fault kind ${JSON.stringify(kind)}; known: ${Object.keys(fields).join(', ')}`
  if (kind === 'api-error' && server !== 'api') return 'api-error is for the api server'
  if (order['times'] !== undefined && !(Number(order['times']) >= 1)) return 'times is at least 1'
  return fieldProblem(order, { ...orderFields }, ['server', 'fault']) ?? fieldProblem(fault, wanted, ['kind'])
}

function fieldProblem(
  value: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, FieldKind>>,
  others: readonly string[],
): string | undefined {
  for (const key of Object.keys(value)) {
    if (!others.includes(key) && !Object.hasOwn(wanted, key)) return `unknown field '${key}'`
  }
  for (const [key, kind] of Object.entries(wanted)) {
    const optional = kind.endsWith('?')
    if (value[key] === undefined && optional) continue
    if (typeof value[key] !== kind.replace('?', '')) return `${key} is a ${kind.replace('?', '')}`
  }
  return undefined
}

/** Whether a value of unknown origin is an object with named fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
