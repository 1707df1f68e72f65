/** What the parts of the EC2 driver share: where it looks, and how long it waits. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Imds, Patience } from './imds.ts'

export interface AwsOptions {
  /** Absent: metadata must not be asked, and so nothing can be done. */
  readonly metadataUrl?: string
  /** Absent: the vendor's own address for the region. */
  readonly apiUrl?: string
  /** Longest stop, tag or describe call with all that leads up to it, in milliseconds. */
  readonly callMs?: number
}

/** The driver's parts, for what it loads only to send. */
export interface Parts {
  readonly host: Host
  readonly options: AwsOptions
  readonly imds: Imds | undefined
}

/** Longest read from metadata, in milliseconds. */
const METADATA_MS = 2500

/** How long metadata is waited for from now on. */
export function patience(host: Host, signal: AbortSignal): Patience {
  return { signal, until: host.clocks().monoMs + METADATA_MS }
}

/** The metadata of this instance. Throws CloudError where it must not be asked. */
export function metadata({ imds }: Parts): Imds {
  if (imds !== undefined) return imds
  throw new CloudError('metadata is not asked below --root; set AWS_EC2_METADATA_SERVICE_ENDPOINT', {
    code: 'not-asked',
    retryable: false,
  })
}
