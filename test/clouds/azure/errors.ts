// Errors of Azure Resource Manager: code, message and HTTP status, worded as the vendor does.

import { randomUUID } from 'node:crypto'
import type { CloudAnswer } from '../http-server.ts'

/** One entry below `details`. */
export interface ErrorDetail {
  readonly code: string
  readonly target?: string
  readonly message: string
}

/** Thrown by an operation; becomes an error body. */
export class ArmError extends Error {
  readonly code: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly details: readonly ErrorDetail[] | undefined

  constructor(
    code: string,
    message: string,
    options: {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly details?: readonly ErrorDetail[]
    } = {},
  ) {
    super(message)
    this.name = 'ArmError'
    this.code = code
    this.status = options.status ?? statuses[code] ?? 400
    this.headers = options.headers ?? {}
    this.details = options.details
  }
}

const statuses: Readonly<Record<string, number>> = {
  AuthenticationFailed: 401,
  ExpiredAuthenticationToken: 401,
  InvalidAuthenticationToken: 401,
  InvalidAuthenticationTokenAudience: 401,
  AuthorizationFailed: 403,
  LinkedAuthorizationFailed: 403,
  InvalidResourceType: 404,
  NotFound: 404,
  ResourceGroupNotFound: 404,
  ResourceNotFound: 404,
  SubscriptionNotFound: 404,
  AllocationFailed: 409,
  Conflict: 409,
  OperationNotAllowed: 409,
  OverconstrainedResumeFromHibernatedStateAllocationRequest: 409,
  ReadOnlyDisabledSubscription: 409,
  ScopeLocked: 409,
  TagLimitExceeded: 409,
  VMHibernateFailed: 409,
  VMHibernateNotSupported: 409,
  SubscriptionRequestsThrottled: 429,
  TooManyRequests: 429,
  InternalOperationError: 500,
  InternalServerError: 500,
  ServerTimeout: 503,
  ServiceUnavailable: 503,
}

/** The wording of the vendor's troubleshooting pages. */
export const messages: Readonly<Record<string, string>> = {
  InternalOperationError: 'The fabric operation failed.',
  VMHibernateFailed: "Hibernating the VM 'workstation-1' failed due to an internal error. Retry later.",
  VMHibernateNotSupported:
    "The VM 'workstation-1' doesn't support hibernation. Ensure that the VM is correctly configured to support hibernation.",
  ServiceUnavailable: 'The service is unavailable.',
  TooManyRequests: 'The request is being throttled.',
}

/** An error by its code alone, with the vendor's usual message and status. */
export function usualError(code: string, message = messages[code] ?? code, status = statuses[code] ?? 400): ArmError {
  return new ArmError(code, message, { status })
}

/** The error body of ARM, under the headers that every answer has. */
export function errorAnswer({ code, message, status, headers, details }: ArmError): CloudAnswer {
  const body = { error: { code, message, ...(details ? { details } : {}) } }
  const cause = status >= 500 ? 'service' : 'gateway'
  return { ...jsonAnswer(status, body, { 'x-ms-failure-cause': cause, ...headers }), errorCode: code }
}

/** A JSON answer with the headers that every answer of ARM has. */
export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): CloudAnswer & { readonly headers: Readonly<Record<string, string>> } {
  const requestId = randomUUID()
  const usual = {
    'Cache-Control': 'no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'x-ms-request-id': requestId,
    'x-ms-correlation-request-id': requestId,
    'x-ms-routing-request-id': `WESTEUROPE:${requestId}`,
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
  }
  if (body === undefined) return { status, headers: { ...usual, ...headers }, body: '' }
  const type = { 'Content-Type': 'application/json; charset=utf-8' }
  return { status, headers: { ...type, ...usual, ...headers }, body: JSON.stringify(body) }
}
