/** Starts a loopback Azure and a driver that talks to it, for the tests of that driver. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createAzure } from '../../agent/clouds/azure.ts'
import type { AzureOptions as DriverOptions } from '../../agent/clouds/azure-parts.ts'
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { type AzureCloud, type AzureOptions, startAzure } from '../clouds/azure.ts'
import { createLoopbackHost } from '../host/loopback.ts'
import type { MemoryHost, MemoryOptions } from '../host/memory.ts'

export interface Started {
  readonly azure: AzureCloud
  readonly cloud: Cloud
  readonly host: MemoryHost
  readonly signal: AbortSignal
  /** Calls of an operation that reached Resource Manager. */
  sent(action: string): number
  [Symbol.asyncDispose](): Promise<void>
}

export interface StartOptions {
  readonly azure?: AzureOptions
  readonly driver?: Partial<DriverOptions>
  readonly host?: Omit<MemoryOptions, 'http' | 'clocks'>
}

/** This process trusts the cloud's certificate from now on, as a child does by NODE_EXTRA_CA_CERTS. */
export function trust({ caCert }: AzureCloud): void {
  setDefaultCACertificates([...getCACertificates('default'), caCert])
}

/** One VM, `workstation-1` in westeurope, and its driver; `await using` closes it. */
export async function startDriver(options: StartOptions = {}): Promise<Started> {
  const azure = await startAzure(options.azure)
  trust(azure)
  const host = createLoopbackHost(options.host)
  host.files.makeDir('/var/lib/idle-agent')
  const { metadataUrl, apiUrl } = azure
  const cloud = createAzure(host, { metadataUrl, apiUrl, stateDir: '/var/lib/idle-agent', ...options.driver })
  const { signal } = new AbortController()
  const sent = (action: string): number => azure.requests.list({ server: 'api', action }).length
  return { azure, cloud, host, signal, sent, [Symbol.asyncDispose]: () => azure.close() }
}
