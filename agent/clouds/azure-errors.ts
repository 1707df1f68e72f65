/** Sorts what went wrong with a call to Azure Resource Manager: was it sent, was it answered, what does the answer mean (cloud.md 2.3, 2.5). */
import { type CloudError, messageOf } from '../errors.ts'
import { isObject } from '../parse.ts'
import type { Outcome, Refusal } from '../types/outcome.ts'
import type { Method } from '../types.ts'
import { longestWaitMs } from './azure-memory.ts'
import { asError, asOutcome, asUnsent, doctor, type FailureOf, type Words } from './failures.ts'

export type Failure = FailureOf<Refused>

/** What Azure said no with. */
interface Refused {
  readonly code: string
  readonly message: string
  readonly status: number
  /** Milliseconds that Azure asks to wait. */
  readonly retryAfterMs?: number
}

/** An answer as it came; header names in lower case. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** What is asked of a refusal besides its code. */
export interface Context {
  readonly method: Method
  /** Time since boot, in milliseconds: hibernation right after it is refused as if it were not supported. */
  readonly uptimeMs: number
}

/** Codes that mean the same whatever their message says. */
const byCode: Readonly<Record<string, Refusal>> = {
  AuthorizationFailed: 'forbidden',
  LinkedAuthorizationFailed: 'forbidden',
  DenyAssignmentAuthorizationFailed: 'owned',
  AuthenticationFailed: 'credentials',
  ExpiredAuthenticationToken: 'credentials',
  InvalidAuthenticationToken: 'credentials',
  ScopeLocked: 'protected',
  ReadOnlyDisabledSubscription: 'protected',
  RequestDisallowedByPolicy: 'protected',
  OperationPreempted: 'wrong-state',
  AnotherOperationInProgress: 'wrong-state',
  Conflict: 'wrong-state',
  // Internal failures of hibernation: again after five minutes (cloud.md 2.3), which is what `other` waits first.
  VMHibernateFailed: 'other',
  InternalOperationError: 'other',
}

/** Server errors that are definite all the same: they say what was not done. */
const definite = new Set(['VMHibernateFailed', 'InternalOperationError', 'VMHibernateNotSupported'])

/** Right after boot hibernation is not supported yet (cloud.md 2.3). */
const YOUNG_MS = 10 * 60_000

/** An answer that is no success. */
export function failureOf(answer: Answer, nowMs: number): Failure {
  const { status, body } = answer
  const error = isObject(body) && isObject(body['error']) ? body['error'] : body
  const code = textAt(error, 'code')
  const message = short(textAt(error, 'message'))
  // Something between here and Azure may answer anything; only Azure says why, and a server error not what was done before it.
  const says = status >= 500 ? definite.has(code) : status >= 400 && code !== ''
  if (!says && status !== 429) {
    const what = code === '' ? 'an answer that is not understood' : `${code}: ${message}`
    return { kind: 'lost', message: `status ${status} with ${what}` }
  }
  const retryAfterMs = retryAfter(answer, nowMs)
  return {
    kind: 'answered',
    code: /^\w{1,80}$/.test(code) ? code : `Status${status}`,
    message,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** Seconds, or a date (RFC 9110 10.2.3); asking earlier begins the wait anew (cloud.md 2.6). */
function retryAfter({ headers }: Answer, nowMs: number): number | undefined {
  const text = headers['retry-after']?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return ms > 0 ? Math.min(ms, longestWaitMs) : undefined
}

/** What a thrown error says about the call; `handedOver` is whether the SDK had come to sending it. */
export function readFailure(error: unknown, handedOver: boolean): Failure {
  const code = textAt(error, 'code')
  const message = short(messageOf(error) || code)
  if (!handedOver) return { kind: 'unsent', code: code || 'NotSent', message }
  // No byte of a request leaves before its connection stands: name lookup, connect and the certificate come first.
  const early =
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT)/
  if (early.test(code) || /^(connect|getaddrinfo) /.test(message))
    return { kind: 'unsent', code: code || 'NoConnection', message }
  return { kind: 'lost', message: `no answer: ${message}` }
}

/** Why Azure refused, by code and status, and by message where one code stands for several reasons. */
export function refusalOf(
  { code, message, status }: Extract<Failure, { kind: 'answered' }>,
  context: Context,
): Refusal {
  // The compute provider throttles with OperationNotAllowed, too.
  if (status === 429) return 'throttled'
  const found = Object.hasOwn(byCode, code) ? byCode[code] : undefined
  if (found !== undefined) return found
  if (code === 'OperationNotAllowed') return notAllowed(message, context)
  if (code === 'VMHibernateNotSupported') return notSupported(message, context)
  if (status === 401) return 'credentials'
  return status === 403 ? 'forbidden' : 'other'
}

// The wording may change, so it is matched loosely; a text that nobody knows must not give up what is in memory.
function notAllowed(message: string, { method }: Context): Refusal {
  if (/enabled for hibernation|hibernationEnabled|hibernation capability/i.test(message))
    return method === 'hibernate' ? 'unsupported' : 'other'
  if (/hibernate/i.test(message) && /extension/i.test(message)) return 'not-ready'
  if (/os disk is ephemeral/i.test(message)) return 'owned'
  return /is running|not running|deallocat(ed|ing)|stopped|in progress/i.test(message) ? 'wrong-state' : 'other'
}

function notSupported(message: string, { method, uptimeMs }: Context): Refusal {
  if (uptimeMs < YOUNG_MS || /after (a |the )?boot|few minutes|too soon/i.test(message)) return 'not-ready'
  return method === 'hibernate' ? 'unsupported' : 'other'
}

/** What the operator of an Azure VM is told. */
const words: Words = {
  advices: {
    'not-ready': 'hibernation is not ready yet; if it stays so, it is deallocated instead',
    unsupported: 'hibernation is not enabled on this VM',
    forbidden: `its identity may not do it; ${doctor}`,
    credentials: `its token is not taken; ${doctor}`,
    throttled: 'too many calls; Azure said how long to wait',
    protected: 'a lock or a policy forbids it; an operator can lift that',
    owned: 'it belongs to a managed application',
    'wrong-state': 'Azure is at work on this VM, or does not call it running',
    unreachable: `Azure cannot be reached from here; ${doctor}`,
  },
  special(code, message) {
    if (code === 'no-identity') return `this VM has no identity; ${doctor}`
    if (/os disk is ephemeral/i.test(message)) return 'ephemeral OS disk; Azure could only delete it'
    if (code === 'ScopeLocked') return 'a lock forbids it; an operator can lift that'
    if (code === 'VMHibernateFailed' || code === 'InternalOperationError')
      return 'Azure failed to hibernate it; tried again'
    return code === 'OperationNotAllowed' && /extension/i.test(message) ? 'its hibernation extension failed' : undefined
  },
  unsent: {
    'no-identity': 'forbidden',
    'no-token': 'forbidden',
    credentials: 'credentials',
    throttled: 'throttled',
    ScopeLocked: 'protected',
    'no-endpoint': 'other',
    'not-a-vm': 'other',
    'unknown-cloud': 'other',
    'run-changed': 'other',
  },
}

/** A failed deallocation as an outcome. */
export function outcomeOf(failure: Failure, context: Context): Outcome {
  return asOutcome(words, failure, (refused) => refusalOf(refused, context))
}

/** A CloudError from before anything was sent, as an outcome. */
export function outcomeOfUnsent(error: CloudError): Outcome {
  return asUnsent(words, error)
}

/** A failed call that stops nothing, as the error that its caller gets. */
export function errorOf(failure: Failure, action: string): CloudError {
  return asError(failure, action, (refused) => refusalOf(refused, { method: 'stop', uptimeMs: Infinity }))
}

function textAt(value: unknown, name: string): string {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === 'string' ? found : ''
}

/** One line that fits a report. */
function short(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, 300)
}
