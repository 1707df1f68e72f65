/** A cloud in memory that is what a capture says of the machine, and does whatever it is asked: nothing is contacted. */
import { CloudError } from '../errors.ts'
import type { Facts } from '../host/frame.ts'
import type { WantedAction } from '../types.ts'
import type { Cloud } from './cloud.ts'

/** As the drivers have it: where there is none, nothing is stopped. */
const without: ReadonlySet<string> = new Set(['local', 'gcp'])

/** What the machine would do in the cloud of these facts, unless they say so. */
function defaultActionIn({ cloud = null, defaultAction }: Facts): WantedAction {
  return defaultAction ?? (cloud === null || without.has(cloud) ? 'report' : 'hibernate')
}

/** The cloud of these facts, as they are whenever it is asked; `ask` finds who the machine is. */
export function createRecorded(facts: () => Facts, ask: (signal: AbortSignal) => Promise<Facts>): Cloud {
  return {
    get name() {
      return facts().cloud ?? 'local'
    },
    get defaultAction() {
      return defaultActionIn(facts())
    },
    get tellsStart() {
      return facts().tellsStart ?? false
    },
    async identify(signal) {
      const { id, region, startedAt, error } = await ask(signal)
      if (typeof error === 'string') throw new CloudError(error, { code: 'recorded', retryable: true })
      if (typeof id !== 'string')
        throw new CloudError('the recording has no id', { code: 'no-identity', retryable: false })
      return {
        id,
        ...(typeof region === 'string' ? { region } : {}),
        ...(typeof startedAt === 'string' ? { startedAt } : {}),
      }
    },
    operatorTags: async () => ({}),
    canHibernate: async () => facts().canHibernate ?? true,
    writeTags: async () => undefined,
    act: async (method) => ({ result: 'accepted', detail: `in memory: ${method}` }),
  }
}
