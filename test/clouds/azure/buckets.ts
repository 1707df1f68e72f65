// A token bucket as Azure has them: filled in steps, by the second or by the minute.

import type { CloudClock } from '../clock.ts'

export interface BucketSize {
  readonly burst: number
  /** Tokens that come back with each step. */
  readonly refill: number
  readonly everyMs: number
  /** Whether a caller that was refused and comes back too early waits anew, as ARM has it. */
  readonly punishes: boolean
}

export interface Bucket {
  readonly enabled: boolean
  /** Takes one token; where there is none, nothing is taken and the answer is how many seconds to wait. */
  take(): number | undefined
  /** What is left. */
  left(): number
}

/** Creates a full bucket; `enabled` is asked at each call. */
export function createBucket(clock: CloudClock, size: BucketSize, enabled: () => boolean): Bucket {
  let level = size.burst
  let filledAt = clock.now()
  /** Until then, whoever was refused is refused again. */
  let shutUntil = 0

  function fill(): void {
    const steps = Math.floor((clock.now() - filledAt) / size.everyMs)
    level = Math.min(size.burst, level + steps * size.refill)
    filledAt += steps * size.everyMs
  }

  function take(): number | undefined {
    if (!enabled()) return undefined
    fill()
    const shut = size.punishes && clock.now() < shutUntil
    if (!shut && level >= 1) {
      level -= 1
      return undefined
    }
    const seconds = Math.max(1, Math.ceil(size.everyMs / 1000))
    shutUntil = clock.now() + seconds * 1000
    return seconds
  }

  return {
    get enabled() {
      return enabled()
    },
    take,
    left() {
      fill()
      return level
    },
  }
}
