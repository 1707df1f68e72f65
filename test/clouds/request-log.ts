// What was asked of a simulated cloud, and what it answered; never holds a secret or a token.

/** `wireserver` is Azure's only. */
export const serverNames = ['metadata', 'api', 'wireserver'] as const
export type ServerName = (typeof serverNames)[number]

export interface LoggedRequest {
  readonly number: number
  /** The cloud's time at arrival, ISO 8601. */
  readonly at: string
  readonly server: ServerName
  /** The instance whose metadata port it came to, or which signed the call. */
  readonly instanceId: string | undefined
  readonly method: string
  readonly path: string
  /** The EC2 action, the ARM operation; `undefined` for metadata. */
  readonly action: string | undefined
  readonly params: Readonly<Record<string, string>>
  readonly userAgent: string
  /** HTTP status; 0 while unanswered and when the connection was dropped instead. */
  readonly status: number
  /** The API's error code, when it answered one. */
  readonly errorCode: string | undefined
  /** The kind of the fault that was applied. */
  readonly fault: string | undefined
  readonly ms: number
  readonly done: boolean
}

export interface RequestCounts {
  readonly total: number
  readonly metadata: number
  readonly api: number
  /** By `metadata GET /path` and `api Action`; the wireserver's as metadata's. */
  readonly byKind: Readonly<Record<string, number>>
}

export type RequestFilter = Partial<
  Pick<LoggedRequest, 'server' | 'action' | 'path' | 'method' | 'instanceId' | 'status'>
>

export interface RequestLog {
  list(filter?: RequestFilter): readonly LoggedRequest[]
  counts(filter?: RequestFilter): RequestCounts
  /** Resolves with the first finished request that fits, past or future. */
  waitFor(fits: (request: LoggedRequest) => boolean, timeoutMs: number): Promise<LoggedRequest>
  clear(): void
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A request under way; the server fills in the rest as it becomes known. */
export type OpenRequest = Writable<Omit<LoggedRequest, 'number' | 'at' | 'server'>> &
  Pick<LoggedRequest, 'number' | 'at' | 'server'>

/** What is known when a request arrives. */
export type RequestStart = Pick<LoggedRequest, 'at' | 'server' | 'instanceId' | 'method' | 'path' | 'userAgent'>

export interface WritableRequestLog extends RequestLog {
  open(start: RequestStart): OpenRequest
  finish(request: OpenRequest): void
}

type Listener = (request: LoggedRequest) => void

/** Creates an empty log; `onFinished` sees each request once it is answered or dropped. */
export function createRequestLog(onFinished: Listener = () => {}): WritableRequestLog {
  return new MemoryLog(onFinished)
}

class MemoryLog implements WritableRequestLog {
  readonly #entries: OpenRequest[] = []
  readonly #listeners: Set<Listener>
  #last = 0

  constructor(onFinished: Listener) {
    this.#listeners = new Set([onFinished])
  }

  list(filter: RequestFilter = {}): readonly LoggedRequest[] {
    return this.#entries.filter((entry) => fits(entry, filter))
  }

  counts(filter: RequestFilter = {}): RequestCounts {
    return count(this.list(filter))
  }

  clear(): void {
    this.#entries.splice(0)
  }

  open(start: RequestStart): OpenRequest {
    this.#last += 1
    const entry: OpenRequest = { number: this.#last, ...start, ...unanswered }
    this.#entries.push(entry)
    return entry
  }

  finish(request: OpenRequest): void {
    request.done = true
    for (const listener of [...this.#listeners]) listener(request)
  }

  waitFor(wanted: (request: LoggedRequest) => boolean, timeoutMs: number): Promise<LoggedRequest> {
    const past = this.#entries.find((entry) => entry.done && wanted(entry))
    if (past) return Promise.resolve(past)
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
      }
      const listener: Listener = (request) => {
        if (!wanted(request)) return
        stop()
        resolve(request)
      }
      const timer = setTimeout(() => {
        stop()
        const seen = JSON.stringify(this.counts().byKind)
        reject(new Error(`no such request within ${String(timeoutMs)} ms; seen: ${seen}`))
      }, timeoutMs)
      this.#listeners.add(listener)
    })
  }
}

const unanswered = {
  action: undefined,
  params: {},
  status: 0,
  errorCode: undefined,
  fault: undefined,
  ms: 0,
  done: false,
} as const

function fits(entry: LoggedRequest, filter: RequestFilter): boolean {
  const wanted: Readonly<Record<string, unknown>> = filter
  const actual: Readonly<Record<string, unknown>> = { ...entry }
  return Object.keys(wanted).every((key) => wanted[key] === undefined || wanted[key] === actual[key])
}

function count(entries: readonly LoggedRequest[]): RequestCounts {
  const byKind: Record<string, number> = {}
  for (const entry of entries) {
    const kind = `${entry.server} ${entry.server === 'api' ? (entry.action ?? '(none)') : `${entry.method} ${entry.path}`}`
    byKind[kind] = (byKind[kind] ?? 0) + 1
  }
  const metadata = entries.filter((entry) => entry.server === 'metadata').length
  const api = entries.filter((entry) => entry.server === 'api').length
  return { total: entries.length, metadata, api, byKind }
}

/** One readable line for a finished request. */
export function describeRequest(request: LoggedRequest): string {
  const what = request.server === 'api' ? (request.action ?? '(no action)') : `${request.method} ${request.path}`
  const params = Object.entries(request.params).map(([name, value]) => `${name}=${value}`)
  const outcome = request.status === 0 ? 'no answer' : String(request.status)
  const extra = [request.errorCode, request.fault && `fault ${request.fault}`]
    .filter(Boolean)
    .map((text) => ` ${String(text)}`)
  const shown = params.length > 0 ? ` ${params.join(' ')}` : ''
  return `${request.at.slice(11, 23)} ${request.server.padEnd(8)} ${what}${shown} -> ${outcome}${extra.join('')} ${String(request.ms)}ms`
}
