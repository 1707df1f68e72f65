// The simulated transport beside the real driver with its SDK: as many requests, and the same said of what came of them.
import { beforeAll, expect, it } from 'vitest'
import type { Cloud } from '../../../agent/clouds/cloud.ts'
import { CloudError } from '../../../agent/errors.ts'
import { startDriver } from '../../clouds-drivers/start-aws.ts'
import { createRandom } from '../../scenarios/random.ts'
import { Account, type Action, sum } from './account.ts'
import { HOUR, MINUTE } from './life.ts'
import { Timeline } from './timeline.ts'
import { createFleetCloud } from './transport.ts'

beforeAll(async () => void (await import('../../../agent/clouds/aws-sdk.ts')))

type Call = (cloud: Cloud, signal: AbortSignal) => Promise<unknown>

const calls: Readonly<Record<string, { readonly action: Action; readonly call: Call }>> = {
  tags: { action: 'CreateTags', call: (cloud, signal) => cloud.writeTags({ 'T:IdleStatus': 'idle' }, signal) },
  'a stop': { action: 'StopInstances', call: (cloud, signal) => cloud.act('stop', signal) },
  'the operator’s tags': { action: 'DescribeTags', call: (cloud, signal) => cloud.operatorTags('T', signal) },
}

/** What the loop goes by. */
async function told(cloud: Cloud, call: Call, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await call(cloud, signal)
    if (typeof answer !== 'object' || answer === null) return 'done'
    return { result: Reflect.get(answer, 'result'), why: Reflect.get(answer, 'why'), code: Reflect.get(answer, 'code') }
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    return { code: error.code, retryable: error.retryable, throttled: error.throttled }
  }
}

async function simulated(name: string, down: boolean): Promise<{ told: unknown; sent: number }> {
  const timeline = new Timeline()
  const outage = down ? { outage: { fromMs: 0, untilMs: HOUR } } : {}
  const account = new Account({ timeline, endMs: HOUR, share: 0, ...outage })
  const instance = {
    id: 'i-1',
    startedAt: '',
    metadata: 'answers',
    metadataTags: false,
    tagged: () => undefined,
    stopped: () => undefined,
  } as const
  // Each draw says: an error, not silence.
  const random = { ...createRandom(1), chance: () => true }
  const cloud = createFleetCloud(instance, { account, random, sleep: (ms) => timeline.sleep(ms) })
  const wanted = calls[name]
  if (wanted === undefined) throw new Error(`test: ${name}`)
  let found: unknown
  timeline.at(0, () =>
    timeline.start(async () => {
      found = await told(cloud, wanted.call, new AbortController().signal)
    }),
  )
  await timeline.until(MINUTE)
  const { throttled, down: unanswered } = account.calls[wanted.action]
  return { told: found, sent: sum(throttled) + sum(unanswered) }
}

async function real(name: string, code: string): Promise<{ told: unknown; sent: number }> {
  await using it = await startDriver({ aws: { instances: [{ metadataTags: false }] } })
  it.aws.faults.add({ server: 'api', fault: { kind: 'api-error', code } })
  const wanted = calls[name]
  if (wanted === undefined) throw new Error(`test: ${name}`)
  return { told: await told(it.cloud, wanted.call, it.signal), sent: it.sent(wanted.action) }
}

it.each(
  Object.keys(calls).flatMap((name) => [
    [name, 'RequestLimitExceeded', false] as const,
    [name, 'Unavailable', true] as const,
  ]),
)('%s, answered %s', async (name, code, down) => {
  expect(await simulated(name, down)).toEqual(await real(name, code))
})
