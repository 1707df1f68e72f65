// Errors of the EC2 API: code, message and HTTP status, worded as the vendor does.

import type { CloudAnswer } from '../http-server.ts'
import { renderXml } from './xml.ts'

/** Thrown by an action; becomes an error document. */
export class Ec2Error extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options)
    this.name = 'Ec2Error'
    this.code = code
    this.status = options.status ?? statusOf(code)
  }
}

const statuses: Readonly<Record<string, number>> = {
  AuthFailure: 401,
  UnauthorizedOperation: 403,
  MissingAuthenticationToken: 403,
  DryRunOperation: 412,
  InternalError: 500,
  InternalFailure: 500,
  InsufficientInstanceCapacity: 500,
  RequestLimitExceeded: 503,
  ServiceUnavailable: 503,
  Unavailable: 503,
}

function statusOf(code: string): number {
  return statuses[code] ?? 400
}

const messages: Readonly<Record<string, string>> = {
  AuthFailure: 'AWS was not able to validate the provided access credentials',
  ExpiredToken: 'The security token included in the request is expired',
  InternalError: 'An internal error has occurred',
  RequestExpired: 'Request has expired.',
  RequestLimitExceeded: 'Request limit exceeded.',
  UnauthorizedOperation: 'You are not authorized to perform this operation.',
  Unavailable: 'The service is unavailable. Please try again shortly.',
}

/** An error by its code alone, with the vendor's usual message and status. */
export function usualError(code: string, message = messages[code] ?? code, status = statusOf(code)): Ec2Error {
  return new Ec2Error(code, message, { status })
}

/** The error document of the EC2 API. */
export function errorAnswer(error: Ec2Error, requestId: string): CloudAnswer {
  const body = renderXml('Response', {
    Errors: { Error: { Code: error.code, Message: error.message } },
    RequestID: requestId,
  })
  const headers = { 'Content-Type': 'text/xml;charset=UTF-8', 'x-amzn-RequestId': requestId }
  return { status: error.status, headers, body, errorCode: error.code }
}
