/** What is known of the cloud's tags when a write did not end as it should, whom nothing is written for, and how long a write may take. */
import { describe, expect, it } from 'vitest'
import { checkAndAct } from '../../agent/agent.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Host } from '../../agent/host/host.ts'
import { HOUR, MINUTE } from '../decide/given.ts'
import { Crash } from '../host/memory.ts'
import { Bench, paths } from '../scenarios/bench.ts'

/** A check, and how long its writes of tags were given, in milliseconds. */
async function limitsOf(bench: Bench, sleep?: Host['sleep']): Promise<readonly number[]> {
  const limits: number[] = []
  bench.host.clock.advance(2 * MINUTE)
  const parts = bench.parts()
  const deadline: Host['deadline'] = (ms, what) => {
    if (what === 'tags') limits.push(ms)
    return parts.host.deadline(ms, what)
  }
  await checkAndAct({ ...parts, host: { ...parts.host, deadline, ...(sleep && { sleep }) } })
  return limits
}

describe('a write', () => {
  it.each([
    ['has eight seconds', 0, 8_000],
    ['has what a slow look leaves it of nine', 4_000, 5_000],
    ['has a second after the slowest', 20_000, 1_000],
  ])('%s', async (_name, lookMs, expected) => {
    const bench = new Bench()
    bench.fakes = [{ name: 'cpu', read: () => bench.host.clock.advance(lookMs) }]
    expect(await limitsOf(bench)).toEqual([expected])
  })

  it('has four seconds before a stop', async () => {
    const bench = new Bench()
    await bench.settle(5)
    expect(await limitsOf(bench)).toEqual([4_000])
    expect(bench.acts).toBe(1)
  })

  it('has eight seconds after a wait for its turn', async () => {
    const bench = new Bench()
    bench.cloud.failing.set('write-tags', 'RequestLimitExceeded')
    await bench.check()
    bench.cloud.failing.clear()
    await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs + 3 * MINUTE })
    expect(await limitsOf(bench, async (ms) => bench.host.clock.advance(ms))).toEqual([8_000])
  })
})

describe('what the cloud shows is not known', () => {
  it.each<[string, (bench: Bench) => () => void]>([
    [
      'after a write whose answer was lost',
      ({ cloud }) => {
        const { writeTags } = cloud
        cloud.writeTags = async (...asked) => {
          await writeTags(...asked)
          throw new CloudError('text', { code: 'no-answer', retryable: true })
        }
        return () => Object.assign(cloud, { writeTags })
      },
    ],
    [
      'after a write that a crash follows',
      ({ cloud, host: { files } }) => {
        files.onMutation = ({ path }) => {
          if (path === paths.state && cloud.tags.get('T:IdleStatus') === 'idle') throw new Crash()
        }
        return () => {
          files.onMutation = undefined
        }
      },
    ],
  ])('%s: what was there before is written again', async (_name, begin) => {
    const bench = new Bench()
    let busy = false
    bench.fakes = [{ name: 'cpu', judge: () => ({ kind: busy ? 'active' : 'idle', reason: 'text' }) }]
    bench.policy = { ...bench.policy, action: 'report' }
    await bench.settle(2)
    const end = begin(bench)
    while (bench.cloud.tags.get('T:IdleStatus') === 'active') await bench.check().catch(() => undefined)
    end()
    busy = true
    await bench.check()
    expect(bench.cloud.tags.get('T:IdleStatus')).toBe('active')
  })
})

it('nothing is written where it is switched off', async () => {
  const bench = new Bench()
  bench.policy = { ...bench.policy, enabled: false }
  await bench.settle(8)
  expect([bench.writes, bench.acts]).toEqual([0, 0])
})

it('what kept a stop from being sent is written in its turn, as nothing was said of a stop', async () => {
  const bench = new Bench()
  const refusal = { result: 'refused', why: 'owned', code: 'Code', message: 'text' } as const
  bench.cloud.ownership = async () => ({ stopOnly: false, refusal })
  await bench.settle(4)
  await bench.changeMirror({ spreadMs: 3 * HOUR })
  const before = bench.writes
  while ((await bench.stored()).state.attempt.refusals === 0) await bench.check()
  expect((await bench.stored()).state.tags.IdleReason).toBe('refused: Code (owned)')
  expect(bench.writes).toBe(before)
})

it('tags that failed beside a stop that nobody answered are not left for good where something holds the stop', async () => {
  const bench = new Bench()
  bench.answers = [() => ({ result: 'unknown', message: 'text' })]
  await bench.settle(5)
  bench.cloud.failing.set('write-tags', 'no-answer')
  await bench.check()
  expect(bench.acts).toBe(1)
  bench.cloud.failing.clear()
  bench.vetoes = [{ name: 'lease', read: async () => [{ name: 'lease', reason: 'make train' }] }]
  await bench.settle(2)
  expect(bench.cloud.tags.get('T:IdleReason')).toBe('held: make train')
})
