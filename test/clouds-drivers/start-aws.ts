/** Starts a loopback EC2 and a driver that talks to it, for the tests of that driver. */
import { createAws } from '../../agent/clouds/aws.ts'
import type { AwsOptions as DriverOptions } from '../../agent/clouds/aws-parts.ts'
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { type AwsCloud, type AwsOptions, startAws } from '../clouds/aws.ts'
import { createLoopbackHost } from '../host/loopback.ts'
import type { MemoryHost, MemoryOptions } from '../host/memory.ts'

export interface Started {
  readonly aws: AwsCloud
  readonly cloud: Cloud
  readonly host: MemoryHost
  readonly signal: AbortSignal
  /** Calls of an action that reached the API. */
  sent(action: string): number
  [Symbol.asyncDispose](): Promise<void>
}

export interface StartOptions {
  readonly aws?: AwsOptions
  readonly driver?: Partial<DriverOptions>
  readonly host?: Omit<MemoryOptions, 'http' | 'clocks'>
}

/** One instance, `i-0a1b2c3d4e5f60718` in eu-west-1, and its driver; `await using` closes it. */
export async function startDriver(options: StartOptions = {}): Promise<Started> {
  const aws = await startAws(options.aws)
  const host = createLoopbackHost(options.host)
  const cloud = createAws(host, { metadataUrl: aws.metadataUrl, apiUrl: aws.apiUrl, ...options.driver })
  const { signal } = new AbortController()
  const sent = (action: string): number => aws.requests.list({ server: 'api', action }).length
  return { aws, cloud, host, signal, sent, [Symbol.asyncDispose]: () => aws.close() }
}

/** What a call came to, and how long it took in milliseconds. */
export async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const began = performance.now()
  return { value: await work, ms: performance.now() - began }
}
