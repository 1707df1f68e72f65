/** A check that waits for its turn to write tags: what it uses meanwhile is its own. */
import { describe, expect, it } from 'vitest'
import { checkAndAct } from '../../agent/agent.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench } from '../scenarios/bench.ts'

const STEADY_MS = 80
const WRITTEN_MS = 500

/** A machine whose next check waits for its turn, uses CPU time to write, and what is stored of that after `meanwhile`. */
async function ownAfter(meanwhile: (bench: Bench) => Promise<unknown>): Promise<unknown> {
  const bench = new Bench()
  bench.policy = { ...bench.policy, action: 'report' }
  bench.fakes = [{ name: 'cpu', settle: (_, { cpuMs }) => ({ cpuMs }) }]
  bench.cloud.failing.set('write-tags', 'RequestLimitExceeded')
  await bench.check()
  bench.cloud.failing.clear()
  await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs + 3 * MINUTE })
  bench.host.clock.advance(2 * MINUTE)
  const parts = bench.parts()
  let cpuMs = STEADY_MS
  const sleep = async (ms: number) => {
    bench.host.clock.advance(ms)
    await meanwhile(bench)
    cpuMs = WRITTEN_MS
  }
  const host = { ...parts.host, sleep, self: { ...parts.host.self, cpuMs: () => cpuMs } }
  await checkAndAct({ ...parts, host })
  expect(bench.cloud.tags.get('T:IdleStatus')).toBe('active')
  return (await bench.stored()).samples['cpu']?.sample
}

describe('the CPU time of a write in its turn', () => {
  it('is taken into the samples of its own check, so that the next one does not take it for work', async () => {
    expect(await ownAfter(async () => undefined)).toEqual({ cpuMs: WRITTEN_MS })
  })

  it('is no part of the samples that another check took meanwhile', async () => {
    const other = async (bench: Bench) => {
      const parts = bench.parts()
      const failing = async () => Promise.reject(new Error('no answer'))
      await checkAndAct({ ...parts, cloud: { ...parts.cloud, writeTags: failing } })
    }
    expect(await ownAfter(other)).toEqual({ cpuMs: 0 })
  })
})
