// The EC2 API's token buckets, per account and region, with the vendor's published sizes.

import type { CloudClock } from '../clock.ts'

interface BucketSize {
  readonly burst: number
  readonly perSecond: number
}

const sizes = {
  filteredDescribe: { burst: 100, perSecond: 20 },
  unfilteredDescribe: { burst: 50, perSecond: 10 },
  CreateTags: { burst: 100, perSecond: 10 },
  mutating: { burst: 50, perSecond: 5 },
  StartInstances: { burst: 5, perSecond: 2 },
  stopResources: { burst: 1000, perSecond: 20 },
  startResources: { burst: 1000, perSecond: 2 },
} as const satisfies Readonly<Record<string, BucketSize>>

type BucketName = keyof typeof sizes

export interface ThrottledCall {
  readonly action: string
  /** Whether a describe is filtered, by ids too, or paged. */
  readonly narrowed: boolean
  readonly instances: number
}

export interface Throttle {
  enabled: boolean
  /** Takes what the call costs; false when a bucket is short, then nothing is taken. */
  admit(call: ThrottledCall): boolean
}

/** Creates full buckets; `share` is the part of them that these callers have. */
export function createThrottle(clock: Pick<CloudClock, 'now'>, enabled: boolean, share = 1): Throttle {
  const levels = new Map<BucketName, { level: number; at: number }>()

  function level(name: BucketName): number {
    const { burst, perSecond } = sizes[name]
    const last = levels.get(name) ?? { level: burst * share, at: clock.now() }
    return Math.min(burst * share, last.level + ((clock.now() - last.at) / 1000) * perSecond * share)
  }

  function admit(call: ThrottledCall): boolean {
    if (!throttle.enabled) return true
    const costs = costsOf(call)
    if (costs.some(([name, cost]) => level(name) < cost)) return false
    for (const [name, cost] of costs) levels.set(name, { level: level(name) - cost, at: clock.now() })
    return true
  }

  const throttle: Throttle = { enabled, admit }
  return throttle
}

// Only these Describe actions have the small bucket when nothing narrows them.
const smallWhenUnfiltered: readonly string[] = ['DescribeInstances', 'DescribeInstanceStatus']

function costsOf({ action, narrowed, instances }: ThrottledCall): readonly (readonly [BucketName, number])[] {
  if (action.startsWith('Describe')) {
    return [[!narrowed && smallWhenUnfiltered.includes(action) ? 'unfilteredDescribe' : 'filteredDescribe', 1]]
  }
  if (action === 'CreateTags') return [['CreateTags', 1]]
  if (action === 'StartInstances') {
    return [
      ['StartInstances', 1],
      ['startResources', instances],
    ]
  }
  if (action === 'StopInstances') {
    return [
      ['mutating', 1],
      ['stopResources', instances],
    ]
  }
  return [['mutating', 1]]
}
