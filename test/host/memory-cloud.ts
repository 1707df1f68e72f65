/** A cloud in memory, for simulations and commands; the contract suite of the real drivers proves it. */
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { operatorTagNames, tagKey } from '../../agent/clouds/tags.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import type { Method, WantedAction } from '../../agent/types.ts'

export interface MemoryCloudOptions {
  readonly name?: string
  readonly id?: string
  readonly region?: string
  /** Default `hibernate`. */
  readonly defaultAction?: WantedAction
  /** Default true. */
  readonly hibernation?: boolean
  /** The last start; changes whenever the test says so. `undefined` is a cloud that does not tell it. */
  readonly startedAt?: () => string | undefined
  /** Answers an act; accepted unless given. Throw in it to crash in the middle of the call. */
  readonly onAct?: (method: Method) => Outcome
}

/** Calls that reached the cloud. */
export type MemoryCall =
  | { readonly kind: 'identify' | 'operator-tags' | 'can-hibernate' }
  | { readonly kind: 'write-tags'; readonly tags: Readonly<Record<string, string>> }
  | { readonly kind: 'act'; readonly method: Method }

export interface MemoryCloud extends Cloud {
  /** All tags of the instance, an operator's among them. */
  readonly tags: Map<string, string>
  readonly calls: MemoryCall[]
  /** Switch: calls of these kinds fail with the code given, before they do anything; an act is refused. */
  readonly failing: Map<MemoryCall['kind'], string>
}

/** A cloud with one instance. */
export function createMemoryCloud(options: MemoryCloudOptions = {}): MemoryCloud {
  const { name = 'memory', id = 'i-00000000000000001', region = 'eu-west-1', defaultAction = 'hibernate' } = options
  const tags = new Map<string, string>()
  const calls: MemoryCall[] = []
  const failing = new Map<MemoryCall['kind'], string>()

  function arrive(call: MemoryCall, signal: AbortSignal): void {
    if (signal.aborted) throw new CloudError('stopped before anything was sent', { code: 'aborted', retryable: true })
    calls.push(call)
    const code = failing.get(call.kind)
    if (code === undefined) return
    throw new CloudError(`ordered: ${code}`, { code, retryable: true, throttled: code === 'RequestLimitExceeded' })
  }

  return {
    name,
    defaultAction,
    tellsStart: options.startedAt !== undefined,
    tags,
    calls,
    failing,
    async identify(signal) {
      arrive({ kind: 'identify' }, signal)
      const startedAt = options.startedAt?.()
      return { id, region, ...(startedAt === undefined ? {} : { startedAt }) }
    },
    async operatorTags(prefix, signal) {
      arrive({ kind: 'operator-tags' }, signal)
      const found = operatorTagNames.map((tag) => [tag, tags.get(tagKey(prefix, tag))] as const)
      return Object.fromEntries(found.filter(([, value]) => value !== undefined))
    },
    async canHibernate(signal) {
      arrive({ kind: 'can-hibernate' }, signal)
      return options.hibernation ?? true
    },
    async writeTags(written, signal) {
      arrive({ kind: 'write-tags', tags: { ...written } }, signal)
      for (const [key, value] of Object.entries(written)) tags.set(key, value)
    },
    async act(method, signal): Promise<Outcome> {
      try {
        arrive({ kind: 'act', method }, signal)
      } catch (error) {
        if (!(error instanceof CloudError)) throw error
        return { result: 'refused', why: 'unreachable', code: error.code, message: error.message }
      }
      return options.onAct?.(method) ?? { result: 'accepted', detail: `in memory: ${method}` }
    },
  }
}
