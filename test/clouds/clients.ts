// Clients that tests hold against the simulated cloud: raw metadata requests and the official SDK, loopback only.

import { EC2Client } from '@aws-sdk/client-ec2'
import { vi } from 'vitest'
import type { AwsCloud } from './aws.ts'

export interface Raw {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

/** One HTTP request, answered whatever its status. */
export async function raw(url: string, init: RequestInit = {}): Promise<Raw> {
  const response = await fetch(url, { ...init, signal: init.signal ?? AbortSignal.timeout(5000) })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** A fresh IMDSv2 token. */
export async function token(metadataUrl: string, ttl = '60'): Promise<string> {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': ttl }
  return (await raw(`${metadataUrl}/latest/api/token`, { method: 'PUT', headers })).text
}

/** GETs a path with a fresh token. */
export async function metadata(metadataUrl: string, path: string): Promise<Raw> {
  const headers = { 'X-aws-ec2-metadata-token': await token(metadataUrl) }
  return raw(`${metadataUrl}${path}`, { headers })
}

/** Keeps every vendor client off the machine's own configuration and off the real metadata address. */
export const sealedEnv: Readonly<Record<string, string>> = {
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_PAGER: '',
  NO_PROXY: '*',
}

/** The official client as it would be on the first instance: credentials from its metadata service. */
export function instanceClient(cloud: AwsCloud, maxAttempts = 1): EC2Client {
  for (const [name, value] of Object.entries({ ...sealedEnv, ...cloud.env })) vi.stubEnv(name, value)
  vi.stubEnv('AWS_EC2_METADATA_V1_DISABLED', 'true')
  for (const name of [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_PROFILE',
    'AWS_ENDPOINT_URL',
  ]) {
    vi.stubEnv(name, undefined)
  }
  return new EC2Client({ region: cloud.region, maxAttempts })
}

/** The official client with the operator's key. */
export function operatorClient(cloud: AwsCloud, maxAttempts = 1): EC2Client {
  const { accessKeyId, secretAccessKey } = cloud.credentials.operator
  return new EC2Client({
    region: cloud.region,
    endpoint: cloud.apiUrl,
    maxAttempts,
    credentials: { accessKeyId, secretAccessKey },
  })
}

/** The code of the error that a call ends in; `undefined` when it does not. */
export async function errorCode(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
}
