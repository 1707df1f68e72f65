/** What the parts of the Azure driver share: where it looks, and how long it waits. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { AzureImds } from './azure-imds.ts'
import type { Patience } from './imds.ts'

export interface AzureOptions {
  /** Absent: metadata must not be asked, and so nothing can be done. */
  readonly metadataUrl?: string
  /** Absent: the vendor's own address for the cloud that the VM is in. */
  readonly apiUrl?: string
  /** The agent's state folder. */
  readonly stateDir: string
  /** Longest deallocation, tag or read call with all that leads up to it, in milliseconds. */
  readonly callMs?: number
}

/** The driver's parts, for what it loads only to send. */
export interface Parts {
  readonly host: Host
  readonly options: AzureOptions
  readonly imds: AzureImds | undefined
}

/** Longest read from metadata, in milliseconds. */
const METADATA_MS = 2500
/** How long metadata is waited for from now on. */
export function patience(host: Host, signal: AbortSignal): Patience {
  return { signal, until: host.clocks().monoMs + METADATA_MS }
}

/** The metadata of this VM. Throws CloudError where it must not be asked. */
export function metadata({ imds }: Parts): AzureImds {
  if (imds !== undefined) return imds
  throw new CloudError('metadata is not asked below --root; set AZURE_POD_IDENTITY_AUTHORITY_HOST', {
    code: 'not-asked',
    retryable: false,
  })
}
