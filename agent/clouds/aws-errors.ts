/** Sorts what went wrong with a call to EC2: was it sent, was it answered, and what does the answer mean (cloud.md 1.3). */
import { type CloudError, messageOf } from '../errors.ts'
import type { Outcome, Refusal } from '../types/outcome.ts'
import type { Method } from '../types.ts'
import { asError, asOutcome, asUnsent, doctor, type FailureOf, type Words } from './failures.ts'

export type Failure = FailureOf<{ readonly code: string; readonly message: string }>

/** Codes that mean the same whatever their message says. */
const byCode: Readonly<Record<string, Refusal>> = {
  UnsupportedHibernationConfiguration: 'unsupported',
  OperationNotPermitted: 'protected',
  IncorrectSpotRequestState: 'owned',
  IncorrectInstanceState: 'wrong-state',
  UnauthorizedOperation: 'forbidden',
  AccessDenied: 'forbidden',
  AccessDeniedException: 'forbidden',
  OptInRequired: 'forbidden',
  AuthFailure: 'credentials',
  ExpiredToken: 'credentials',
  ExpiredTokenException: 'credentials',
  RequestExpired: 'credentials',
  RequestInTheFuture: 'credentials',
  RequestTimeTooSkewed: 'credentials',
  InvalidClientTokenId: 'credentials',
  InvalidSignatureException: 'credentials',
  SignatureDoesNotMatch: 'credentials',
  IncompleteSignature: 'credentials',
  MissingAuthenticationToken: 'credentials',
  UnrecognizedClientException: 'credentials',
  TokenRefreshRequired: 'credentials',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  EC2ThrottledException: 'throttled',
  SlowDown: 'throttled',
  TooManyRequestsException: 'throttled',
}

/** What a thrown error says about the call; `handedOver` is whether the SDK had come to sending it. */
export function readFailure(error: unknown, handedOver: boolean): Failure {
  const code = textAt(error, 'Code') || textAt(error, 'code')
  if (!handedOver) return { kind: 'unsent', code: code || 'NotSent', message: short(messageOf(error)) }
  const status = statusOf(error)
  if (status === undefined) {
    if (neverConnected(error, code))
      return { kind: 'unsent', code: code || 'NoConnection', message: short(messageOf(error)) }
    return { kind: 'lost', message: `no answer: ${short(messageOf(error))}` }
  }
  const answer = textAt(error, 'Code')
  // A server error says nothing of what was done before it, throttling apart, which EC2 answers with 503.
  const definite = answer !== '' && status >= 400 && (status < 500 || byCode[answer] === 'throttled')
  if (definite) return { kind: 'answered', code: answer, message: short(messageOf(error)) }
  const what = answer === '' ? 'an answer that is not understood' : `${answer}: ${short(messageOf(error))}`
  return { kind: 'lost', message: `status ${status} with ${what}` }
}

/** Why EC2 refused, by code, and by message where one code stands for several reasons. */
export function refusalOf(code: string, message: string, method: Method): Refusal {
  if (code === 'UnsupportedOperation') return unsupportedOperation(message)
  // An instance that EC2 still counts as starting is not on its way down.
  if (code === 'IncorrectInstanceState' && /never reached|pending/i.test(message)) return 'other'
  if (code === 'UnsupportedHibernationConfiguration' && notReady.test(message)) return 'not-ready'
  const why = Object.hasOwn(byCode, code) ? byCode[code] : undefined
  if (why === 'unsupported' && method !== 'hibernate') return 'other'
  return why ?? 'other'
}

// The wording may change, so it is matched loosely; a text that nobody knows must not give up what is in memory.
function unsupportedOperation(message: string): Refusal {
  if (/one-?\s?time|fleet|root device type/i.test(message)) return 'owned'
  if (notReady.test(message)) return 'not-ready'
  return 'other'
}

const notReady = /not\s+(yet\s+)?ready|retry\s+in|try\s+again/i

/** What the operator of an EC2 instance is told. */
const words: Words = {
  advices: {
    'not-ready': 'hibernation is not set up yet; if it stays so, it is stopped instead',
    unsupported: 'launched without hibernation',
    forbidden: `the role does not allow it; ${doctor}`,
    credentials: `keys or clock are wrong; ${doctor}`,
    throttled: 'too many calls in this account and region',
    protected: 'stop protection is on; switch disableApiStop off',
    owned: 'a one-time Spot instance or fleet member cannot be stopped',
    'wrong-state': 'EC2 does not call it running; look at the console',
    unreachable: `EC2 cannot be reached from here; ${doctor}`,
  },
  special(code, message) {
    if (code === 'no-role') return `this instance has no role; ${doctor}`
    if (code === 'IncorrectSpotRequestState') return 'its Spot request is cancelled or disabled; only EC2 stops it'
    return /root device type/i.test(message) ? 'root volume on instance store; EC2 could only terminate it' : undefined
  },
  unsent: {
    forbidden: 'forbidden',
    'no-role': 'forbidden',
    credentials: 'credentials',
    'no-endpoint': 'other',
    'run-changed': 'other',
  },
}

/** A failed stop as an outcome. */
export function outcomeOf(failure: Failure, method: Method): Outcome {
  return asOutcome(words, failure, ({ code, message }) => refusalOf(code, message, method))
}

/** A CloudError from before anything was sent, as an outcome. */
export function outcomeOfUnsent(error: CloudError): Outcome {
  return asUnsent(words, error)
}

/** A failed call about tags, as the error that its caller gets. */
export function errorOf(failure: Failure, action: string): CloudError {
  return asError(failure, action, ({ code, message }) => refusalOf(code, message, 'stop'))
}

// No byte of a request leaves before its connection stands: name lookup, connect and the certificate come first.
function neverConnected(error: unknown, code: string): boolean {
  // A name with several addresses: one error for each that was tried.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.every((each: unknown) => neverConnected(each, textAt(each, 'code')))
  }
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/.test(code)) return true
  if (/^(connect|getaddrinfo)$/.test(textAt(error, 'syscall'))) return true
  if (/^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT)/.test(code)) return true
  return textAt(error, 'name') === 'TimeoutError' && messageOf(error).includes('did not establish a connection')
}

function statusOf(error: unknown): number | undefined {
  const status = valueAt(valueAt(error, '$metadata'), 'httpStatusCode')
  return typeof status === 'number' ? status : undefined
}

function textAt(value: unknown, name: string): string {
  const found = valueAt(value, name)
  return typeof found === 'string' ? found : ''
}

function valueAt(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** One line that fits a report; EC2 appends kilobytes of encoded text to a denial. */
function short(message: string): string {
  const line = message.split(/\s*Encoded authorization failure message|\n\s*Deserialization error/)[0] ?? ''
  return line.replace(/\s+/g, ' ').trim().slice(0, 300)
}
