// What one stretch of a simulation comes to.
import { type Account, type Action, type Answer, actions, sum } from './account.ts'
import { MINUTE } from './life.ts'

/** Calls of one action. */
export type Calls = Readonly<Record<Answer, number>>

/** Median, 95 %, 99 % and largest, in seconds; none of nothing. */
export interface Quantiles {
  readonly count: number
  readonly seconds: readonly number[]
}

export interface Stretch {
  readonly name: string
  readonly calls: Readonly<Record<Action, Calls>>
  /** Calls that were sent for one that was accepted. */
  readonly perSuccess: number
  /** Calls in each of so many minutes, from the beginning of the stretch. */
  readonly binMinutes: number
  readonly bins: Readonly<Record<Action, Readonly<Record<Answer, readonly number[]>>>>
}

const shares = [0.5, 0.95, 0.99, 1]

export function quantiles(ms: readonly number[]): Quantiles {
  const sorted = ms.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 100) / 10
  return { count: ms.length, seconds: ms.length === 0 ? [] : shares.map(at) }
}

/** The calls between two moments, which lie on whole minutes. */
export function stretch(
  account: Account,
  name: string,
  { fromMs, untilMs, binMinutes }: { fromMs: number; untilMs: number; binMinutes: number },
): Stretch {
  const [from, until] = [fromMs / MINUTE, Math.ceil(untilMs / MINUTE)]
  const callsOf = (action: Action): Calls => {
    const { accepted, throttled, down } = account.calls[action]
    return {
      accepted: sum(accepted, from, until),
      throttled: sum(throttled, from, until),
      down: sum(down, from, until),
    }
  }
  const binsOf = (minutes: Uint32Array): readonly number[] =>
    Array.from({ length: Math.ceil((until - from) / binMinutes) }, (_, bin) => {
      const begin = from + bin * binMinutes
      return sum(minutes, begin, Math.min(until, begin + binMinutes))
    })
  const allBins = (action: Action) => {
    const { accepted, throttled, down } = account.calls[action]
    return { accepted: binsOf(accepted), throttled: binsOf(throttled), down: binsOf(down) }
  }
  const calls = byAction(callsOf)
  const totals = actions.map((action) => calls[action])
  const accepted = totals.reduce((all, one) => all + one.accepted, 0)
  const sent = totals.reduce((all, one) => all + one.accepted + one.throttled + one.down, 0)
  return { name, calls, perSuccess: sent / accepted, binMinutes, bins: byAction(allBins) }
}

function byAction<T>(of: (action: Action) => T): Readonly<Record<Action, T>> {
  return {
    CreateTags: of('CreateTags'),
    StopInstances: of('StopInstances'),
    DescribeTags: of('DescribeTags'),
    DescribeInstances: of('DescribeInstances'),
  }
}
