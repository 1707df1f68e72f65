// Signatures: the published vectors, and everything that must be refused.

import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type CredentialStore, createCredentials } from './aws/credentials.ts'
import { verifySignature } from './aws/sigv4.ts'
import { createClock } from './clock.ts'
import type { CloudRequest } from './http-server.ts'

// The worked example of the vendor's signing test suite ("get-vanilla", "get-vanilla-query-order-key-case",
// "post-x-www-form-urlencoded"): key, date and expected signatures are the published ones.
const vendorKey = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const vendorTime = Date.parse('2015-08-30T12:36:00Z')
const vendorScope = { region: 'us-east-1', service: 'service' }
const vendorStore: CredentialStore = {
  ...createCredentials({ clock: createClock(), accountId: '1', lifetimeSeconds: 1, rotateBeforeSeconds: 0 }),
  find: (id) =>
    id === vendorKey.accessKeyId ? { ...vendorKey, arn: 'arn', role: undefined, instanceId: undefined } : undefined,
}

interface VendorCase {
  readonly name: string
  readonly method: string
  readonly query: string
  readonly body: string
  readonly signedHeaders: string
  readonly signature: string
}

const vendorCases: readonly VendorCase[] = [
  {
    name: 'get-vanilla',
    method: 'GET',
    query: '',
    body: '',
    signedHeaders: 'host;x-amz-date',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    method: 'GET',
    query: 'Param2=value2&Param1=value1',
    body: '',
    signedHeaders: 'host;x-amz-date',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    query: '',
    body: 'Param1=value1',
    signedHeaders: 'content-type;host;x-amz-date',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
]

function vendorRequest(one: VendorCase): CloudRequest {
  const credential = 'AKIDEXAMPLE/20150830/us-east-1/service/aws4_request'
  return {
    method: one.method,
    path: '/',
    query: one.query,
    body: Buffer.from(one.body),
    now: vendorTime,
    headers: {
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${one.signedHeaders}, Signature=${one.signature}`,
    },
  }
}

test.each(vendorCases)("the vendor's published signature holds: $name", (one) => {
  expect(verifySignature(vendorRequest(one), vendorStore, vendorScope).accessKeyId).toBe('AKIDEXAMPLE')
})

describe('a signed call', () => {
  const clock = createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00Z') })
  const scope = { region: 'eu-west-1', service: 'ec2' }
  const store = createCredentials({ clock, accountId: '1', lifetimeSeconds: 3600, rotateBeforeSeconds: 0 })
  const session = store.session('i-1', 'role')
  const other = store.session('i-2', 'role')

  interface Signing {
    readonly stamp: string
    readonly secret: string
    readonly keyId: string
    readonly token: string | undefined
    readonly region: string
    readonly unsigned: Readonly<Record<string, string>>
  }

  function signed(changes: Partial<Signing> = {}, body = 'Action=DescribeTags'): CloudRequest {
    const { stamp, secret, keyId, token, region, unsigned } = {
      stamp: '20261122T180000Z',
      secret: session.secretAccessKey,
      keyId: session.accessKeyId,
      token: session.token,
      region: 'eu-west-1',
      unsigned: {},
      ...changes,
    }
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
    const headers: Record<string, string> = { host: 'h', 'x-amz-date': stamp }
    if (token !== undefined) headers['x-amz-security-token'] = token
    const names = Object.keys(headers).sort().join(';')
    const lines = Object.keys(headers)
      .sort()
      .map((name) => `${name}:${headers[name] ?? ''}\n`)
    const canonical = ['POST', '/', '', lines.join(''), names, hash(body)].join('\n')
    const parts = [stamp.slice(0, 8), region, 'ec2', 'aws4_request']
    const text = ['AWS4-HMAC-SHA256', stamp, parts.join('/'), hash(canonical)].join('\n')
    let key: Buffer = Buffer.from(`AWS4${secret}`)
    for (const part of parts) key = createHmac('sha256', key).update(part).digest()
    const signature = createHmac('sha256', key).update(text).digest('hex')
    const authorization = `AWS4-HMAC-SHA256 Credential=${keyId}/${parts.join('/')},SignedHeaders=${names},Signature=${signature}`
    return {
      method: 'POST',
      path: '/',
      query: '',
      headers: { ...headers, ...unsigned, authorization },
      body: Buffer.from(body),
      now: clock.now(),
    }
  }

  function verdict(request: CloudRequest): string {
    try {
      return verifySignature(request, store, scope).instanceId ?? 'operator'
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  }

  const good = signed()
  const operator = store.operator
  const cases: readonly (readonly [string, CloudRequest, string])[] = [
    ['as it was signed', good, 'i-1'],
    [
      'by the operator, without token',
      signed({ keyId: operator.accessKeyId, secret: operator.secretAccessKey, token: undefined }),
      'operator',
    ],
    ['with another body', { ...good, body: Buffer.from('Action=StopInstances') }, 'AuthFailure'],
    ['with another method', { ...good, method: 'GET' }, 'AuthFailure'],
    ['with another path', { ...good, path: '/x' }, 'AuthFailure'],
    ['with a query added', { ...good, query: 'a=b' }, 'AuthFailure'],
    ['with a broken query', { ...good, query: 'a=%zz' }, 'MalformedQueryString'],
    ['with an unsigned x-amz header', signed({ unsigned: { 'x-amz-target': 'x' } }), 'AuthFailure'],
    ['with a body hash that lies', signed({ unsigned: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }), 'AuthFailure'],
    ['with the wrong secret', signed({ secret: 'wrong' }), 'AuthFailure'],
    ['with an unknown key', signed({ keyId: 'ASIAUNKNOWN' }), 'AuthFailure'],
    ['without its token', signed({ token: undefined }), 'AuthFailure'],
    ["with another session's token", signed({ token: other.token }), 'AuthFailure'],
    ['for another region', signed({ region: 'us-east-1' }), 'AuthFailure'],
    ['four minutes late', signed({ stamp: '20261122T175600Z' }), 'i-1'],
    ['six minutes late', signed({ stamp: '20261122T175400Z' }), 'RequestExpired'],
    ['six minutes early', signed({ stamp: '20261122T180600Z' }), 'RequestExpired'],
    ['with no date', { ...good, headers: { ...good.headers, 'x-amz-date': undefined } }, 'IncompleteSignature'],
    ['with no signature', { ...good, headers: { host: 'h' } }, 'MissingAuthenticationToken'],
    [
      'with half a signature',
      { ...good, headers: { ...good.headers, authorization: 'AWS4-HMAC-SHA256 Credential=a/b' } },
      'IncompleteSignature',
    ],
  ]
  test.each(cases)('%s', (_name, request, expected) => expect(verdict(request)).toBe(expected))

  test('is refused once its session has ended', () => {
    const fresh = signed()
    store.expire()
    expect(verdict(fresh)).toBe('RequestExpired')
  })
})
