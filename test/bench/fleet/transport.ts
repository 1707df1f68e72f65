// The EC2 driver over a simulated transport: its own errors and meanings, its SDK's own retries, the account's buckets.
import { errorOf, outcomeOf, readFailure } from '../../../agent/clouds/aws-errors.ts'
import type { Sent } from '../../../agent/clouds/aws-send.ts'
import type { Cloud } from '../../../agent/clouds/cloud.ts'
import { CloudError } from '../../../agent/errors.ts'
import type { Random } from '../../scenarios/random.ts'
import type { Account, Action } from './account.ts'

/** What a call is made with. */
export interface Line {
  readonly account: Account
  readonly random: Random
  sleep(ms: number): Promise<void>
}

/** How the SDK repeats a call. */
export interface Retry {
  readonly attempts: number
  /** Of a call that was throttled, too. */
  readonly throttled: boolean
  /** Milliseconds before the first repetition, at most; it doubles. */
  readonly afterThrottleMs: number
  readonly afterFaultMs: number
}

/** @smithy/core 3, StandardRetryStrategy: a random part of 50 ms after a fault, of 1 s after throttling. */
const sdk = { afterThrottleMs: 1_000, afterFaultMs: 50 }
/** As agent/clouds/aws-calls.ts has them. */
const tagging: Retry = { ...sdk, attempts: 2, throttled: false }
const asking: Retry = { ...sdk, attempts: 2, throttled: true }
const stopping: Retry = { ...sdk, attempts: 1, throttled: true }
/** AWS CLI 2, standard mode: three attempts (botocore/retries/standard.py). */
export const cli: Retry = { attempts: 3, throttled: true, afterThrottleMs: 1_000, afterFaultMs: 1_000 }

/** No answer comes: the SDK's own time for one that may be sent again, and the driver's for one that may not. */
const SILENT_MS = { again: 3_000, once: 10_000 }

/** As the SDK throws it. */
function thrown(code: string, message: string): Error {
  return Object.assign(new Error(message), { name: code, Code: code, $metadata: { httpStatusCode: 503 } })
}

async function attempt(line: Line, action: Action, once: boolean): Promise<Error | undefined> {
  const answer = line.account.call(action)
  if (answer === 'accepted') {
    await line.sleep(100 + 200 * line.random.next())
    return undefined
  }
  if (answer === 'throttled') {
    await line.sleep(30)
    return thrown('RequestLimitExceeded', 'Request limit exceeded.')
  }
  // In an outage one half of the requests gets an error, the other half gets nothing.
  if (line.random.chance(0.5)) {
    await line.sleep(50)
    return thrown('Unavailable', 'The service is unavailable.')
  }
  await line.sleep(once ? SILENT_MS.once : SILENT_MS.again)
  return new Error('no answer')
}

/** One call with its repetitions; the error of the last one. */
export async function callWith(line: Line, action: Action, retry: Retry): Promise<Error | undefined> {
  for (let n = 1; ; n += 1) {
    const error = await attempt(line, action, retry.attempts === 1)
    if (error === undefined || n >= retry.attempts) return error
    const throttled = error.name === 'RequestLimitExceeded'
    if (throttled && !retry.throttled) return error
    const base = throttled ? retry.afterThrottleMs : retry.afterFaultMs
    await line.sleep(line.random.next() * Math.min(base * 2 ** (n - 1), 20_000))
  }
}

async function send(line: Line, action: Action, retry: Retry): Promise<Sent<true>> {
  const error = await callWith(line, action, retry)
  return error === undefined ? { answer: true } : { failure: readFailure(error, true) }
}

/** The machine that the calls are about. */
export interface Instance {
  readonly id: string
  readonly startedAt: string
  readonly metadata: 'answers' | 'broken'
  /** Does metadata show tags? Else the operator's are asked of the API. */
  readonly metadataTags: boolean
  tagged(tags: Readonly<Record<string, string>>): void
  stopped(): void
}

/** The driver of one instance. */
export function createFleetCloud(instance: Instance, line: Line): Cloud {
  const broken = () => new CloudError('metadata cannot be reached', { code: 'unreachable', retryable: true })
  return {
    name: 'aws',
    defaultAction: 'hibernate',
    tellsStart: true,
    async identify() {
      if (instance.metadata === 'broken') throw broken()
      return { id: instance.id, region: 'eu-west-1', startedAt: instance.startedAt }
    },
    async operatorTags() {
      if (instance.metadataTags) return {}
      const sent = await send(line, 'DescribeTags', asking)
      if ('failure' in sent) throw errorOf(sent.failure, 'DescribeTags')
      return {}
    },
    canHibernate: async () => true,
    async writeTags(tags) {
      if (instance.metadata === 'broken') throw broken()
      const sent = await send(line, 'CreateTags', tagging)
      if ('failure' in sent) throw errorOf(sent.failure, 'CreateTags')
      instance.tagged(tags)
    },
    async act(method) {
      const sent = await send(line, 'StopInstances', stopping)
      if ('failure' in sent) return outcomeOf(sent.failure, method)
      instance.stopped()
      return { result: 'accepted', detail: 'stopping' }
    },
  }
}
