// Verifies AWS Signature Version 4 of a request from what arrived on the wire.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { CloudRequest } from '../http-server.ts'
import { type CredentialStore, isSession, type Principal } from './credentials.ts'
import { Ec2Error, usualError } from './errors.ts'

export interface SigningScope {
  readonly region: string
  readonly service: string
}

const maxSkewMs = 5 * 60_000
const algorithm = 'AWS4-HMAC-SHA256'

interface Authorization {
  readonly accessKeyId: string
  readonly scope: readonly [date: string, region: string, service: string, end: string]
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

/** Who signed the request; throws the Ec2Error that the vendor answers to anything less. */
export function verifySignature(request: CloudRequest, store: CredentialStore, scope: SigningScope): Principal {
  const authorization = parseAuthorization(request.headers['authorization'])
  const stamp = request.headers['x-amz-date'] ?? ''
  const signedAt = parseStamp(stamp)
  const [date, region, service, end] = authorization.scope
  if (date !== stamp.slice(0, 8) || region !== scope.region || service !== scope.service || end !== 'aws4_request') {
    throw usualError('AuthFailure')
  }
  checkSignedHeaders(request, authorization.signedHeaders)
  const principal = store.find(authorization.accessKeyId)
  if (!principal) throw usualError('AuthFailure')
  const expected = sign(
    canonicalRequest(request, authorization.signedHeaders),
    stamp,
    authorization,
    principal.secretAccessKey,
  )
  if (!sameText(expected, authorization.signature)) throw usualError('AuthFailure')
  checkToken(request, principal)
  if (Math.abs(request.now - signedAt) > maxSkewMs) throw usualError('RequestExpired')
  return principal
}

function parseAuthorization(header: string | undefined): Authorization {
  if (!header) throw usualError('MissingAuthenticationToken', 'Request is missing Authentication Token')
  const [name, ...rest] = header.split(' ')
  const fields = new Map<string, string>()
  for (const part of rest.join(' ').split(',')) {
    const [key = '', ...value] = part.trim().split('=')
    fields.set(key, value.join('='))
  }
  const [accessKeyId = '', date = '', region = '', service = '', end = '', ...more] = (
    fields.get('Credential') ?? ''
  ).split('/')
  const signedHeaders = (fields.get('SignedHeaders') ?? '').split(';').filter(Boolean)
  const signature = fields.get('Signature') ?? ''
  if (name !== algorithm || more.length > 0 || !end || signedHeaders.length === 0 || !signature) {
    throw new Ec2Error('IncompleteSignature', 'The request signature does not conform to AWS standards.')
  }
  return { accessKeyId, scope: [date, region, service, end], signedHeaders, signature }
}

function parseStamp(stamp: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp)
  const [, year, month, day, hour, minute, second] = match ?? []
  const time = Date.parse(`${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}Z`)
  if (Number.isNaN(time))
    throw new Ec2Error('IncompleteSignature', 'Date must be in ISO-8601 basic format in X-Amz-Date.')
  return time
}

// Host and every x-amz-* header must be covered, else they could be changed on the way.
function checkSignedHeaders(request: CloudRequest, signed: readonly string[]): void {
  const required = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))]
  if (required.some((name) => !signed.includes(name))) throw usualError('AuthFailure')
}

function checkToken(request: CloudRequest, principal: Principal): void {
  const given = request.headers['x-amz-security-token']
  if (!isSession(principal)) {
    if (given !== undefined) throw usualError('AuthFailure')
    return
  }
  if (given === undefined || !sameText(given, principal.token)) throw usualError('AuthFailure')
  // EC2 answers the credentials of an ended session with RequestExpired, where other services say ExpiredToken.
  if (principal.expiresAt <= request.now) throw usualError('RequestExpired')
}

function canonicalRequest(request: CloudRequest, signedHeaders: readonly string[]): string {
  const bodyHash = sha256(request.body)
  const declared = request.headers['x-amz-content-sha256']
  if (declared !== undefined && declared !== bodyHash) throw usualError('AuthFailure')
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name])}\n`).join('')
  return [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    headers,
    signedHeaders.join(';'),
    bodyHash,
  ].join('\n')
}

function canonicalValue(value: string | undefined): string {
  return (value ?? '').trim().replace(/ +/g, ' ')
}

// Every service but S3 encodes the path once more.
function canonicalPath(path: string): string {
  return path.split('/').map(encode).join('/') || '/'
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').map((pair) => {
    const [name = '', ...value] = pair.split('=')
    return [encode(decode(name)), encode(decode(value.join('=')))] as const
  })
  pairs.sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
  return pairs.map((pair) => pair.join('=')).join('&')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw malformedQuery(error)
  }
}

function malformedQuery(cause: unknown): Ec2Error {
  return new Ec2Error('MalformedQueryString', 'The query string contains a syntax error.', { status: 404, cause })
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sign(canonical: string, stamp: string, { scope }: Authorization, secret: string): string {
  const text = [algorithm, stamp, scope.join('/'), sha256(Buffer.from(canonical))].join('\n')
  let key: Buffer = Buffer.from(`AWS4${secret}`)
  for (const part of scope) key = createHmac('sha256', key).update(part).digest()
  return createHmac('sha256', key).update(text).digest('hex')
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
