// One account in one region: the vendor's token buckets, an outage, and a count of every call in every minute.
import { createThrottle, type Throttle } from '../../clouds/aws/throttle.ts'
import type { Timeline } from './timeline.ts'

export const actions = ['CreateTags', 'StopInstances', 'DescribeTags', 'DescribeInstances'] as const
export type Action = (typeof actions)[number]
export type Answer = 'accepted' | 'throttled' | 'down'

/** Calls of one action, by minute. */
export type Minutes = Readonly<Record<Answer, Uint32Array>>

export interface Outage {
  readonly fromMs: number
  readonly untilMs: number
}

export interface AccountOptions {
  readonly timeline: Timeline
  readonly endMs: number
  readonly outage?: Outage | undefined
  /** Others use up what may be tagged. */
  readonly noTags?: boolean | undefined
  /** The part of the buckets that is this fleet's; all unless given. */
  readonly share?: number | undefined
}

export class Account {
  readonly calls: Readonly<Record<Action, Minutes>>
  readonly #throttle: Throttle
  readonly #options: AccountOptions

  constructor(options: AccountOptions) {
    this.#options = options
    this.#throttle = createThrottle({ now: () => options.timeline.now }, true, options.share)
    const length = Math.ceil(options.endMs / 60_000) + 1
    const empty = (): Minutes => ({
      accepted: new Uint32Array(length),
      throttled: new Uint32Array(length),
      down: new Uint32Array(length),
    })
    this.calls = { CreateTags: empty(), StopInstances: empty(), DescribeTags: empty(), DescribeInstances: empty() }
  }

  /** One request reaches the API, or what should be there. */
  call(action: Action): Answer {
    const answer = this.#answer(action)
    const minutes = this.calls[action][answer]
    const minute = Math.floor(this.#options.timeline.now / 60_000)
    minutes[minute] = (minutes[minute] ?? 0) + 1
    return answer
  }

  #answer(action: Action): Answer {
    const { timeline, outage, noTags } = this.#options
    if (outage !== undefined && timeline.now >= outage.fromMs && timeline.now < outage.untilMs) return 'down'
    if (noTags === true && action === 'CreateTags') return 'throttled'
    return this.#throttle.admit({ action, narrowed: true, instances: 1 }) ? 'accepted' : 'throttled'
  }
}

/** Calls with this answer from one minute on, up to another. */
export function sum(minutes: Uint32Array, from = 0, until = minutes.length): number {
  return minutes.subarray(from, until).reduce((all, one) => all + one, 0)
}
