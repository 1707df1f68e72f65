/** The table of refusals (cloud.md 1.3), and which failures were surely not executed. */
import { describe, expect, it } from 'vitest'
import { errorOf, outcomeOf, readFailure, refusalOf } from '../../agent/clouds/aws-errors.ts'
import type { Refusal } from '../../agent/types/outcome.ts'
import type { Method } from '../../agent/types.ts'

describe('why EC2 refused', () => {
  const NOT_READY = "Instance 'i-1' is not ready to hibernate yet, retry in a few minutes"
  const ONE_TIME =
    "You can't stop the Spot Instance 'i-1' because it is associated with a one-time Spot Instance request."
  const cases: readonly [string, string, Method, Refusal][] = [
    ['UnsupportedOperation', NOT_READY, 'hibernate', 'not-ready'],
    ['UnsupportedOperation', 'The instance is not yet ready for hibernation', 'hibernate', 'not-ready'],
    ['UnsupportedOperation', 'Please try again later', 'hibernate', 'not-ready'],
    ['UnsupportedOperation', ONE_TIME, 'hibernate', 'owned'],
    ['UnsupportedOperation', ONE_TIME, 'stop', 'owned'],
    ['UnsupportedOperation', 'it is in a fleet, which does not support stop', 'stop', 'owned'],
    [
      'UnsupportedOperation',
      "The instance 'i-1' does not have an 'ebs' root device type and cannot be stopped.",
      'stop',
      'owned',
    ],
    ['UnsupportedOperation', 'Something nobody has seen yet', 'hibernate', 'other'],
    ['UnsupportedOperation', '', 'hibernate', 'other'],
    ['UnsupportedHibernationConfiguration', 'not configured', 'hibernate', 'unsupported'],
    ['UnsupportedHibernationConfiguration', 'not configured', 'stop', 'other'],
    ['UnsupportedHibernationConfiguration', 'Instance is not ready to hibernate yet', 'hibernate', 'not-ready'],
    ['OperationNotPermitted', "may not be stopped. Modify its 'disableApiStop'", 'stop', 'protected'],
    ['IncorrectInstanceState', 'not in a state', 'stop', 'wrong-state'],
    ['IncorrectInstanceState', "cannot be stopped as it has never reached the 'running' state.", 'stop', 'other'],
    ['IncorrectSpotRequestState', 'x', 'stop', 'owned'],
    ['UnauthorizedOperation', 'x', 'stop', 'forbidden'],
    ['AuthFailure', 'x', 'stop', 'credentials'],
    ['ExpiredToken', 'x', 'stop', 'credentials'],
    ['RequestExpired', 'x', 'stop', 'credentials'],
    ['SignatureDoesNotMatch', 'x', 'stop', 'credentials'],
    ['RequestLimitExceeded', 'x', 'stop', 'throttled'],
    ['Throttling', 'x', 'stop', 'throttled'],
    ['InvalidInstanceID.NotFound', 'x', 'stop', 'other'],
    ['SomethingNew', 'not ready', 'hibernate', 'other'],
    ['constructor', 'x', 'stop', 'other'],
    ['', '', 'hibernate', 'other'],
  ]
  it.each(cases)('%s "%s" (%s): %s', (code, message, method, expected) => {
    expect(refusalOf(code, message, method)).toBe(expected)
  })
})

function thrown(fields: object, message = 'broken'): Error {
  return Object.assign(new Error(message), fields)
}

function answered(status: number, code?: string): Error {
  return thrown({ $metadata: { httpStatusCode: status }, ...(code === undefined ? {} : { Code: code }) })
}

function several(...syscalls: readonly string[]): Error {
  const errors = syscalls.map((syscall) => thrown({ code: 'ETIMEDOUT', syscall }))
  return Object.assign(new AggregateError(errors), { code: 'ETIMEDOUT' })
}

describe('was it sent, was it answered', () => {
  const cases: readonly [string, unknown, string][] = [
    ['a refusal', answered(400, 'IncorrectInstanceState'), 'answered'],
    ['a denial', answered(403, 'UnauthorizedOperation'), 'answered'],
    ['throttling, which EC2 answers with 503', answered(503, 'RequestLimitExceeded'), 'answered'],
    ['500 with a code', answered(500, 'InternalError'), 'lost'],
    ['503 with a code', answered(503, 'Unavailable'), 'lost'],
    ['500 with a code that is a refusal elsewhere', answered(500, 'UnauthorizedOperation'), 'lost'],
    ['403 of somebody in between', answered(403), 'lost'],
    ['200 that cannot be parsed', answered(200), 'lost'],
    ['a redirect', answered(301, 'PermanentRedirect'), 'lost'],
    ['nobody listens', thrown({ code: 'ECONNREFUSED', syscall: 'connect', name: 'TimeoutError' }), 'unsent'],
    ['none of several addresses', several('connect', 'connect'), 'unsent'],
    ['one of several addresses, which broke later', several('connect', 'read'), 'lost'],
    ['no such name', thrown({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), 'unsent'],
    ['no name service', thrown({ code: 'EAI_AGAIN', syscall: 'getaddrinfo' }), 'unsent'],
    ['no route', thrown({ code: 'EHOSTUNREACH', syscall: 'connect' }), 'unsent'],
    ['no connection in time, by the system', thrown({ code: 'ETIMEDOUT', syscall: 'connect' }), 'unsent'],
    [
      'no connection in time, by the SDK',
      thrown({ name: 'TimeoutError' }, 'the request socket did not establish a connection with the server'),
      'unsent',
    ],
    ['a certificate of somebody else', thrown({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'unsent'],
    ['an expired certificate', thrown({ code: 'CERT_HAS_EXPIRED' }), 'unsent'],
    ['a self-signed one', thrown({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'unsent'],
    ['no answer in time', thrown({ name: 'TimeoutError', code: 'ETIMEDOUT' }), 'lost'],
    ['no route on a connection that stood', thrown({ code: 'EHOSTUNREACH', syscall: 'read' }), 'lost'],
    ['a reset', thrown({ code: 'ECONNRESET', syscall: 'read', name: 'TimeoutError' }), 'lost'],
    ['a broken pipe', thrown({ code: 'EPIPE', syscall: 'write' }), 'lost'],
    ['given up', thrown({ name: 'AbortError' }), 'lost'],
    ['something else', 'text', 'lost'],
    ['nothing', undefined, 'lost'],
  ]
  it.each(cases)('%s', (_name, error, kind) => {
    expect(readFailure(error, true).kind).toBe(kind)
  })

  it('whatever is thrown before the SDK comes to sending was not sent', () => {
    expect(readFailure(new Error('bad region'), false)).toEqual({
      kind: 'unsent',
      code: 'NotSent',
      message: 'bad region',
    })
  })

  it('a denial is cut to what a person can read', () => {
    const error = answered(403, 'UnauthorizedOperation')
    error.message = `You are not authorized.\nEncoded authorization failure message: ${'x'.repeat(3000)}`
    expect(outcomeOf(readFailure(error, true), 'stop')).toEqual({
      result: 'refused',
      why: 'forbidden',
      code: 'UnauthorizedOperation',
      message: 'You are not authorized.',
      advice: expect.stringContaining('the role'),
    })
  })
})

describe('a failed call about tags', () => {
  const cases: readonly [Parameters<typeof errorOf>[0], string, boolean][] = [
    [{ kind: 'answered', code: 'UnauthorizedOperation', message: 'x' }, 'UnauthorizedOperation', false],
    [{ kind: 'answered', code: 'TagLimitExceeded', message: 'x' }, 'TagLimitExceeded', false],
    [{ kind: 'answered', code: 'RequestLimitExceeded', message: 'x' }, 'RequestLimitExceeded', true],
    [{ kind: 'answered', code: 'ExpiredToken', message: 'x' }, 'ExpiredToken', true],
    [{ kind: 'unsent', code: 'ECONNREFUSED', message: 'x' }, 'ECONNREFUSED', true],
    [{ kind: 'lost', message: 'x' }, 'no-answer', true],
  ]
  it.each(cases)('%j', (failure, code, retryable) => {
    expect(errorOf(failure, 'CreateTags')).toMatchObject({ code, retryable })
  })
})
