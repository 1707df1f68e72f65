/** What an answer of Azure Resource Manager means: the codes of cloud.md 2.3 and 2.5, their texts as the vendor's pages have them. */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  errorOf,
  failureOf,
  outcomeOf,
  outcomeOfUnsent,
  readFailure,
} from '../../agent/clouds/azure-errors.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Method } from '../../agent/types.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const HOUR = 3_600_000

function answer(status: number, code: string, message = '', headers: Answer['headers'] = {}): Answer {
  return { status, headers, body: { error: { code, message } } }
}

const extension =
  "Operation 'HibernateAndDeallocate' isn't allowed on VM 'w' since VM has extension 'AzureHibernateExtension' in failed state"
const running =
  'The Hibernate-Deallocate Operation can only be triggered on a VM that is successfully provisioned and is running.'
const enabled =
  'The Hibernate-Deallocate Operation can only be triggered on a VM that is enabled for hibernation. Enable the property ' +
  'additionalCapabilities.hibernationEnabled during VM creation, or after stopping and deallocating the VM.'
const unsupported =
  "The VM 'w' doesn't support hibernation. Ensure that the VM is correctly configured to support hibernation."

interface Case {
  readonly status: number
  readonly code: string
  readonly message?: string
  readonly method?: Method
  readonly uptimeMs?: number
  readonly why: string
}

const refusals: readonly Case[] = [
  { status: 409, code: 'OperationNotAllowed', message: enabled, why: 'unsupported' },
  { status: 409, code: 'OperationNotAllowed', message: enabled, method: 'stop', why: 'other' },
  { status: 409, code: 'OperationNotAllowed', message: extension, why: 'not-ready' },
  { status: 409, code: 'OperationNotAllowed', message: running, why: 'wrong-state' },
  { status: 409, code: 'OperationNotAllowed', message: 'The moon is in the wrong place.', why: 'other' },
  { status: 429, code: 'OperationNotAllowed', message: 'too many requests', why: 'throttled' },
  { status: 409, code: 'VMHibernateNotSupported', message: unsupported, uptimeMs: 599_000, why: 'not-ready' },
  { status: 409, code: 'VMHibernateNotSupported', message: unsupported, uptimeMs: 600_000, why: 'unsupported' },
  { status: 409, code: 'VMHibernateNotSupported', message: 'retry after a few minutes', why: 'not-ready' },
  { status: 409, code: 'VMHibernateFailed', why: 'other' },
  { status: 500, code: 'InternalOperationError', why: 'other' },
  { status: 409, code: 'ScopeLocked', why: 'protected' },
  { status: 409, code: 'ReadOnlyDisabledSubscription', why: 'protected' },
  { status: 403, code: 'RequestDisallowedByPolicy', why: 'protected' },
  { status: 403, code: 'AuthorizationFailed', why: 'forbidden' },
  { status: 403, code: 'LinkedAuthorizationFailed', why: 'forbidden' },
  { status: 403, code: 'SomethingElse', why: 'forbidden' },
  { status: 403, code: 'DenyAssignmentAuthorizationFailed', why: 'owned' },
  { status: 401, code: 'ExpiredAuthenticationToken', why: 'credentials' },
  { status: 401, code: 'AnyOther', why: 'credentials' },
  { status: 429, code: 'TooManyRequests', why: 'throttled' },
  { status: 429, code: '', why: 'throttled' },
  { status: 409, code: 'Conflict', why: 'wrong-state' },
  { status: 409, code: 'AnotherOperationInProgress', why: 'wrong-state' },
  { status: 404, code: 'ResourceNotFound', why: 'other' },
  { status: 400, code: 'InvalidParameter', why: 'other' },
]

describe('refusals', () => {
  it.each(refusals)('$status $code $message: $why', ({ status, code, message, method, uptimeMs, why }) => {
    const failure = failureOf(answer(status, code, message), NOW)
    const outcome = outcomeOf(failure, { method: method ?? 'hibernate', uptimeMs: uptimeMs ?? HOUR })
    expect(outcome).toMatchObject({ result: 'refused', why, code: code || 'Status429' })
  })

  it('each tell what an operator can do, in what a tag has room for', () => {
    for (const { status, code, message, method, uptimeMs } of refusals) {
      const failure = failureOf(answer(status, code, message), NOW)
      const outcome = outcomeOf(failure, { method: method ?? 'hibernate', uptimeMs: uptimeMs ?? HOUR })
      if (outcome.result !== 'refused' || outcome.why === 'other') continue
      expect(outcome.advice?.length).toBeGreaterThan(10)
      expect(outcome.advice?.length).toBeLessThanOrEqual(80)
    }
  })

  it('are in both forms of an error that Azure has', () => {
    expect(failureOf({ status: 409, headers: {}, body: { code: 'Conflict', message: 'x' } }, NOW)).toMatchObject({
      kind: 'answered',
      code: 'Conflict',
    })
  })

  it.each<[string, Answer]>([
    ['a text', { status: 403, headers: {}, body: '<html>' }],
    ['nothing', { status: 404, headers: {}, body: undefined }],
    ['a redirect', answer(307, 'Moved')],
    ['a server error', answer(503, 'ServiceUnavailable')],
    ['an internal error', answer(500, 'InternalServerError')],
  ])('%s proves nothing', (_name, one) => {
    expect(failureOf(one, NOW).kind).toBe('lost')
  })
})

describe('Retry-After', () => {
  it.each<[string | undefined, number | undefined]>([
    ['30', 30_000],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    [undefined, undefined],
    ['999999', 3_600_000],
    ['1000000000', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    ['1e9', undefined],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 3_600_000],
    ['Sun, 22 Nov 2026 12:00:20 GMT', 20_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', undefined],
  ])('%s is %s ms', (text, ms) => {
    const headers = text === undefined ? {} : { 'retry-after': text }
    expect(failureOf(answer(429, 'TooManyRequests', '', headers), NOW)).toEqual({
      kind: 'answered',
      code: 'TooManyRequests',
      message: '',
      status: 429,
      ...(ms === undefined ? {} : { retryAfterMs: ms }),
    })
  })
})

describe('a call that is to be waited for', () => {
  const failure = failureOf(answer(429, 'TooManyRequests', '', { 'retry-after': '30' }), NOW)

  it('says for how long', () => {
    expect(outcomeOf(failure, { method: 'stop', uptimeMs: HOUR })).toMatchObject({ retryAfterMs: 30_000 })
    expect(errorOf(failure, 'tags')).toMatchObject({ throttled: true, retryAfterMs: 30_000 })
    const unsent = new CloudError('m', { code: 'throttled', retryable: true, retryAfterMs: 9_000 })
    expect(outcomeOfUnsent(unsent)).toMatchObject({ why: 'throttled', retryAfterMs: 9_000 })
  })
})

describe('errors of the way', () => {
  const refusedConnection = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' })
  it.each<[string, unknown, boolean, string]>([
    ['before it was handed over', new Error('x'), false, 'unsent'],
    ['no connection', refusedConnection, true, 'unsent'],
    ['several addresses, none', Object.assign(new Error(''), { code: 'ECONNREFUSED' }), true, 'unsent'],
    ['no name', Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' }), true, 'unsent'],
    [
      'a connect that takes too long',
      Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }),
      true,
      'unsent',
    ],
    ['a certificate', Object.assign(new Error('x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), true, 'unsent'],
    ['a reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), true, 'lost'],
    ['an end in the middle', new Error('aborted'), true, 'lost'],
    ['no error at all', 'x', true, 'lost'],
  ])('%s', (_name, error, handedOver, kind) => {
    expect(readFailure(error, handedOver).kind).toBe(kind)
  })

  it.each<[string, string]>([
    ['no-identity', 'forbidden'],
    ['no-token', 'forbidden'],
    ['credentials', 'credentials'],
    ['throttled', 'throttled'],
    ['ScopeLocked', 'protected'],
    ['unknown-cloud', 'other'],
    ['unreachable', 'unreachable'],
    ['garbage', 'unreachable'],
  ])('%s, before anything was sent: %s', (code, why) => {
    expect(outcomeOfUnsent(new CloudError('m', { code, retryable: true }))).toMatchObject({
      result: 'refused',
      why,
      code,
    })
  })

  it.each<[Answer, boolean]>([
    [answer(429, 'TooManyRequests'), true],
    [answer(401, 'ExpiredAuthenticationToken'), true],
    [answer(503, 'ServiceUnavailable'), true],
    [answer(403, 'AuthorizationFailed'), false],
    [answer(409, 'ScopeLocked'), false],
  ])('tags are tried again where that can mend it: %j', (one, retryable) => {
    expect(errorOf(failureOf(one, NOW), 'tags')).toMatchObject({
      retryable,
      message: expect.stringMatching(/^tags failed: /),
    })
  })
})
