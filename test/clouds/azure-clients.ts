// Clients that tests hold against the simulated Azure: raw metadata requests, and raw calls of Resource Manager over TLS.

import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { type AzureCloud, resourceIdOf } from './azure.ts'
import { type Raw, raw } from './clients.ts'

/** GETs a path of the metadata service with the header that it wants. */
export function imds(cloud: AzureCloud, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Raw> {
  return raw(`${cloud.metadataUrl}${path}`, { headers: { Metadata: 'true', ...headers } })
}

/** A token of the first VM's identity, asked for as the vendor's library does. */
export async function identityToken(cloud: AzureCloud, resource = 'https://management.azure.com/'): Promise<string> {
  const query = new URLSearchParams({ resource, 'api-version': '2018-02-01' })
  const answer = await imds(cloud, `/metadata/identity/oauth2/token/?${String(query)}`)
  const { access_token: token } = JSON.parse(answer.text) as { readonly access_token: string }
  return token
}

export interface ArmCall {
  readonly method?: string
  /** Below the first VM's id, or a whole path when it begins with `/subscriptions`. */
  readonly path?: string
  readonly version?: string
  readonly query?: string
  /** `null` sends none; the operator's unless given. */
  readonly token?: string | null
  readonly body?: unknown
}

export interface ArmAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The parsed body; `undefined` where there is none. */
  readonly value: unknown
  readonly error: { readonly code: string; readonly message: string; readonly details?: unknown } | undefined
}

/** One call of ARM, answered whatever its status; rejects where TLS fails. */
export function arm(cloud: AzureCloud, call: ArmCall = {}): Promise<ArmAnswer> {
  const { method = 'GET', path = '', version = '2024-07-01', query = '', body } = call
  const token = call.token === undefined ? cloud.tokens.operatorToken() : call.token
  const target = path.startsWith('/subscriptions') ? path : `${resourceIdOf(cloud.instance())}${path}`
  const url = `${cloud.apiUrl}${target}?${version === '' ? '' : `api-version=${version}`}${query}`
  return send(url, { method, token, body, ca: cloud.caCert })
}

interface Sent {
  readonly method: string
  readonly token: string | null
  readonly body: unknown
  readonly ca: string
}

function send(url: string, { method, token, body, ca }: Sent): Promise<ArmAnswer> {
  const content = body === undefined ? '' : JSON.stringify(body)
  const sentHeaders = {
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(content)),
  }
  return new Promise((resolve, reject) => {
    // No agent: a pooled connection would outlive the cloud.
    const sent = request(url, { method, headers: sentHeaders, ca, agent: false, timeout: 5000 }, (response) => {
      const { statusCode = 0, headers } = response
      text(response)
        .then((answered) => parsed(statusCode, headers, answered))
        .then(resolve, reject)
    })
    sent.once('timeout', () => sent.destroy(new Error('no answer within 5 s')))
    sent.once('error', reject)
    sent.end(content)
  })
}

function parsed(status: number, headers: IncomingHttpHeaders, answered: string): ArmAnswer {
  const value: unknown = answered === '' ? undefined : JSON.parse(answered)
  const { error } = (value ?? {}) as Partial<Pick<ArmAnswer, 'error'>>
  return { status, headers, value, error }
}

const tagsPath = '/providers/Microsoft.Resources/tags/default'

/** A change of the first VM's tags. */
export function patchTags(
  cloud: AzureCloud,
  operation: string,
  tags: unknown,
  token?: string | null,
): Promise<ArmAnswer> {
  const body = { operation, properties: { tags } }
  return arm(cloud, { method: 'PATCH', path: tagsPath, body, ...(token === undefined ? {} : { token }) })
}
