/** A refusal is waited for, whatever the clocks do while the call is under way. */
import { describe, expect, it } from 'vitest'
import { type Checked, checkAndAct } from '../../agent/agent.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Refusal } from '../../agent/types/outcome.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench, paths } from '../scenarios/bench.ts'
import { startAzureRow } from './azure-row-machine.ts'

/** A machine whose first call is refused after `meanwhile`; checked until it was sent. */
async function refusedAfter(meanwhile: (bench: Bench) => void, why: Refusal = 'owned'): Promise<Bench> {
  const bench = new Bench()
  bench.answers = [
    () => {
      meanwhile(bench)
      return { result: 'refused', why, code: 'Code', message: 'text' }
    },
  ]
  while (bench.acts === 0) await bench.check()
  return bench
}

describe('a call that is refused', () => {
  it.each([
    ['ahead', 90_000],
    ['back', -3 * 60 * MINUTE],
    ['hardly', 100],
  ])('while the wall clock jumps %s is sent again after its wait, not before', async (_name, ms) => {
    const bench = await refusedAfter(({ host }) => host.clock.stepWall(ms))
    const held = await bench.settle(5)
    expect([bench.acts, held.decision.phase, bench.cloud.tags.get('T:IdleAction')]).toEqual([1, 'held', ''])
    expect(held.decision.reason).toContain('Code (owned)')
    await bench.settle(26)
    expect(bench.acts).toBe(2)
  })

  it('while the machine slept is forgotten with the run that it was made in', async () => {
    const bench = await refusedAfter((one) => {
      one.host.clock.suspend(14 * 60 * MINUTE)
      one.startedAt = '2026-01-01T16:00:00Z'
    })
    const next = await bench.check()
    expect([next.decision.interval.kind, next.decision.state.attempt.refusals]).toEqual(['resume', 0])
    await bench.settle(4)
    expect(bench.acts).toBe(1)
    await bench.settle(2)
    expect(bench.acts).toBe(2)
  })

  it('as unsupported while the machine slept is not followed by another call', async () => {
    const bench = await refusedAfter((one) => one.host.clock.suspend(14 * 60 * MINUTE), 'unsupported')
    expect(bench.acts).toBe(1)
    expect((await refusedAfter(() => undefined, 'unsupported')).acts).toBe(2)
  })

  it('late is waited for from then on', async () => {
    const bench = await refusedAfter(({ host }) => host.clock.advance(12_000))
    const { retryAt = 0 } = (await bench.stored()).state.attempt
    expect(retryAt - bench.host.clock.now().monoMs).toBe(60 * MINUTE)
  })

  it('as a stop, in place of a hibernation that cannot be, is not sent a third time', async () => {
    const bench = await refusedAfter(({ answers }) => {
      answers.push(() => ({ result: 'refused', why: 'protected', code: 'Code', message: 'text' }))
    }, 'unsupported')
    expect(bench.cloud.calls.filter(({ kind }) => kind === 'act')).toMatchObject([
      { method: 'hibernate' },
      { method: 'stop' },
    ])
  })

  it('with a time to wait is tried once when that is over, not before, and nothing is said of it meanwhile', async () => {
    await using machine = await startAzureRow()
    const fault = { kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 1200 } as const
    machine.azure.faults.add({ server: 'api', action: 'VirtualMachines_Deallocate', fault, times: 1 })
    await machine.due()
    const began = machine.host.clock.now().monoMs
    const sent = machine.azure.requests.counts().api
    while (machine.stops().length < 2) await machine.check()
    const minutes = (machine.host.clock.now().monoMs - began) / MINUTE
    expect(minutes).toBeGreaterThan(20)
    expect(minutes).toBeLessThan(23)
    expect(machine.stops()).toEqual(['hibernate TooManyRequests', 'hibernate accepted'])
    // Tags once before the call, and nothing before that.
    expect(machine.azure.requests.counts().api - sent).toBe(2)
    expect(machine.audit().filter(({ action }) => action === 'hibernate')).toHaveLength(2)
  })
})

const overtaken: readonly (readonly [string, (bench: Bench) => void])[] = [
  ['slept', ({ host }) => host.clock.suspend(60 * MINUTE)],
  ['stood still', ({ host }) => host.clock.advance(10 * MINUTE)],
]

describe('a check in whose call the machine', () => {
  it.each(overtaken)('%s saves nothing of what it saw: the next one finds out', async (_name, meanwhile) => {
    const bench = new Bench()
    bench.answers = [
      () => {
        meanwhile(bench)
        return { result: 'accepted', detail: 'text' }
      },
    ]
    await bench.settle(5)
    const { sampledAt } = await bench.stored()
    await bench.check()
    expect([bench.acts, (await bench.stored()).sampledAt]).toEqual([1, sampledAt])
  })
})

describe('a check in whose write before the call the machine', () => {
  it.each(overtaken)('%s sends nothing and claims nothing', async (_name, meanwhile) => {
    const bench = new Bench()
    await bench.settle(5)
    const { writeTags } = bench.cloud
    bench.cloud.writeTags = async (...asked) => {
      await writeTags(...asked)
      meanwhile(bench)
    }
    const { deeds } = await bench.check()
    expect([bench.acts, deeds.map(({ action }) => action)]).toEqual([0, ['tag']])
  })
})

describe('a call that is not answered', () => {
  it('is not waited for with the reason of the refusal before it', async () => {
    const bench = await refusedAfter(() => undefined, 'throttled')
    const lost = () => {
      throw new Error('no answer within 15 s')
    }
    bench.answers = [lost, lost]
    while (bench.acts < 3) await bench.check()
    const { decision } = await bench.check()
    expect([bench.acts, bench.cloud.tags.get('T:IdleReason'), decision.reason, decision.cause.reason]).toEqual([
      3,
      '',
      expect.stringContaining('held: the cloud does not answer, again at'),
      'no answer',
    ])
    expect(bench.host.files.read(paths.status)).not.toContain('next check')
  })
})

describe("what an operator's tag forbids", () => {
  const unread = 'DescribeTags failed: UnauthorizedOperation'
  it.each<[string, string, (bench: Bench) => void]>([
    ['Protected', 'the tag T:Protected is set', ({ cloud }) => cloud.tags.set('T:Protected', 'yes')],
    [
      'KeepAwakeUntil',
      'the tag T:KeepAwakeUntil says 12:00 UTC',
      ({ cloud }) => cloud.tags.set('T:KeepAwakeUntil', '2026-01-01T12:00:00Z'),
    ],
    [
      'one that may not be read',
      `the operator's tags cannot be read: ${unread}`,
      ({ cloud }) => {
        cloud.operatorTags = async () => {
          throw new CloudError(unread, { code: 'UnauthorizedOperation', retryable: false })
        }
      },
    ],
  ])('%s: is said once, whether it is asked again or waited for', async (_name, reason, order) => {
    const bench = new Bench()
    order(bench)
    const settings = { ...bench.parts().settings, operatorTags: 'required' } as const
    const check = async (): Promise<Checked> => {
      bench.host.clock.advance(2 * MINUTE)
      return checkAndAct({ ...bench.parts(), settings })
    }
    while (bench.cloud.tags.get('T:IdleReason') !== `held: ${reason}`) await check()
    const written = bench.cloud.calls.length
    const told = new Set<string>()
    for (let count = 0; count < 30; count += 1) {
      const { decision } = await check()
      told.add(decision.reason.replace(/^.*?; held: /, '').replace(/, again at .*$/, ''))
    }
    expect([...told]).toEqual([reason])
    expect(bench.cloud.calls.slice(written).filter(({ kind }) => kind === 'write-tags')).toEqual([])
    expect(bench.acts).toBe(0)
  })

  it('is said as soon as a lease that only the second look met is over', async () => {
    const bench = new Bench()
    bench.cloud.tags.set('T:Protected', 'yes')
    let last = 0
    const read = async () => {
      const { monoMs } = bench.host.clock.now()
      const isSecond = monoMs - last < MINUTE && bench.cloud.tags.get('T:IdleReason') === ''
      last = monoMs
      return isSecond ? [{ name: 'lease', reason: 'make train' }] : []
    }
    bench.vetoes = [{ name: 'lease', read }]
    while (bench.cloud.tags.get('T:IdleReason') !== 'held: make train') await bench.check()
    await bench.check()
    expect(bench.cloud.tags.get('T:IdleReason')).toBe('refused: the tag T:Protected is set')
  })
})
