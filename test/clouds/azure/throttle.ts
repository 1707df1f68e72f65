// What calls cost on Azure: buckets by principal in ARM, by VM in the compute provider and in the metadata service.

import type { CloudClock } from '../clock.ts'
import { type Bucket, type BucketSize, createBucket } from './buckets.ts'
import { ArmError } from './errors.ts'
import type { MetadataRates } from './imds.ts'

export type RequestKind = 'reads' | 'writes' | 'deletes'
export type ComputePolicy = 'UpdateVM' | 'DeleteVM' | 'LowCostGetVM' | 'GetOperation'

/** By principal and subscription (ARM's published limits). */
const armSizes: Readonly<Record<RequestKind, BucketSize>> = {
  reads: { burst: 250, refill: 25, everyMs: 1000, punishes: true },
  writes: { burst: 200, refill: 10, everyMs: 1000, punishes: true },
  deletes: { burst: 200, refill: 10, everyMs: 1000, punishes: true },
}

/** All principals together have so many times one's. */
const globalFactor = 15

/** By VM (Microsoft Compute's published limits); a deallocation is in the policy for deletions. */
const computeSizes: Readonly<Record<ComputePolicy, BucketSize>> = {
  UpdateVM: { burst: 12, refill: 4, everyMs: 60_000, punishes: true },
  DeleteVM: { burst: 12, refill: 4, everyMs: 60_000, punishes: true },
  LowCostGetVM: { burst: 36, refill: 12, everyMs: 60_000, punishes: true },
  GetOperation: { burst: 45, refill: 15, everyMs: 60_000, punishes: true },
}

const metadataSizes = {
  requests: { burst: 5, refill: 5, everyMs: 1000, punishes: false },
  identity: { burst: 20, refill: 20, everyMs: 1000, punishes: false },
} as const

export interface Throttle {
  enabled: boolean
  /** The rates of one VM's metadata service. */
  metadataOf(vmId: string): MetadataRates
  /** Headers for an answer of ARM; throws the refusal where the principal has no token left. */
  admit(caller: Caller): Readonly<Record<string, string>>
  /** Headers for an answer of the compute provider; throws its refusal where the VM has no token left. */
  admitCompute(vmId: string, policy: ComputePolicy): Readonly<Record<string, string>>
}

export interface Caller {
  readonly kind: RequestKind
  readonly objectId: string
  readonly subscriptionId: string
}

/** Creates full buckets. */
export function createThrottle(clock: CloudClock, enabled: boolean): Throttle {
  const buckets = new Map<string, Bucket>()

  function bucket(key: string, size: BucketSize): Bucket {
    const existing = buckets.get(key)
    if (existing) return existing
    const fresh = createBucket(clock, size, () => throttle.enabled)
    buckets.set(key, fresh)
    return fresh
  }

  function admit({ kind, objectId, subscriptionId }: Caller): Readonly<Record<string, string>> {
    const own = bucket(`${kind} ${objectId}`, armSizes[kind])
    const seconds = own.take()
    if (seconds !== undefined) {
      const text = `Number of '${kind.slice(0, -1)}' requests for subscription '${subscriptionId}' actor '${objectId}' exceeded.`
      throw throttled(
        seconds,
        'SubscriptionRequestsThrottled',
        `${text} Please try again after '${String(seconds)}' seconds.`,
      )
    }
    const left = Math.floor(own.left())
    const others = (globalFactor - 1) * armSizes[kind].burst
    return {
      [`x-ms-ratelimit-remaining-subscription-${kind}`]: String(left),
      [`x-ms-ratelimit-remaining-subscription-global-${kind}`]: String(left + others),
    }
  }

  function admitCompute(vmId: string, policy: ComputePolicy): Readonly<Record<string, string>> {
    const own = bucket(`${policy} ${vmId}`, computeSizes[policy])
    const seconds = own.take()
    const header = { 'x-ms-ratelimit-remaining-resource': `Microsoft.Compute/${policy};${String(own.left())}` }
    if (seconds === undefined) return header
    throw computeThrottled(policy, seconds, header)
  }

  const throttle: Throttle = {
    enabled,
    metadataOf: (vmId) => ({
      requests: bucket(`metadata ${vmId}`, metadataSizes.requests),
      identity: bucket(`identity ${vmId}`, metadataSizes.identity),
    }),
    admit,
    admitCompute,
  }
  return throttle
}

function throttled(seconds: number, code: string, message: string): ArmError {
  return new ArmError(code, message, { status: 429, headers: { 'Retry-After': String(seconds) } })
}

// The compute provider says OperationNotAllowed here, as it does for what is not allowed; only the status differs.
function computeThrottled(policy: ComputePolicy, seconds: number, header: Readonly<Record<string, string>>): ArmError {
  const message = 'The server rejected the request because too many requests have been received for this subscription.'
  const detail = { operationGroup: policy, allowedRequestCount: computeSizes[policy].burst }
  return new ArmError('OperationNotAllowed', message, {
    status: 429,
    headers: { 'Retry-After': String(seconds), ...header },
    details: [{ code: 'TooManyRequests', target: policy, message: JSON.stringify(detail) }],
  })
}
