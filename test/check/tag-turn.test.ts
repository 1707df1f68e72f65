/** When tags are written in an account that is too busy: windows that are learned, moments in them, and what neither delays. */
import { describe, expect, it } from 'vitest'
import { checkAndAct } from '../../agent/agent.ts'
import { afterFailure, narrowed, turnIn, withTurn } from '../../agent/check/tag-turn.ts'
import { tellFault } from '../../agent/check/tell-fault.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Host } from '../../agent/host/host.ts'
import { acquireLock } from '../../agent/lock.ts'
import type { TagMirror } from '../../agent/state.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import { HOUR, identity, MINUTE, moment, start } from '../decide/given.ts'
import { Bench, paths } from '../scenarios/bench.ts'

const throttled = new CloudError('text', { code: 'RequestLimitExceeded', retryable: true, throttled: true })
const unanswered = new CloudError('text', { code: 'no-answer', retryable: true })
const forbidden = new CloudError('text', { code: 'UnauthorizedOperation', retryable: false })
const waiting = { id: 'i-1', moment: moment(start), intervalMs: 2 * MINUTE, windowMs: 0 }

/** The next check of a machine whose turn comes a minute after it, and what happens while it waits for that. */
async function checkBefore(bench: Bench, sleep: Host['sleep']): Promise<void> {
  await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs + 3 * MINUTE })
  bench.host.clock.advance(2 * MINUTE)
  const parts = bench.parts()
  await checkAndAct({ ...parts, host: { ...parts.host, sleep } })
}

/** A busy machine whose first write was throttled. */
async function throttledOnce(): Promise<Bench> {
  const bench = new Bench()
  bench.policy = { ...bench.policy, action: 'report' }
  bench.cloud.failing.set('write-tags', 'RequestLimitExceeded')
  await bench.check()
  bench.cloud.failing.clear()
  return bench
}

describe('after failures in a row', () => {
  function told(error: Error, count: number): readonly (readonly [number, number])[] {
    let mirror: TagMirror = { failures: 0 }
    return Array.from({ length: count }, () => {
      mirror = { ...mirror, ...afterFailure(mirror, error, waiting) }
      const wait = (mirror.notBeforeBootMs ?? 0) - start.bootMs
      return [(mirror.spreadMs ?? 0) / MINUTE, wait / MINUTE]
    })
  }

  it('throttled: the window widens up to its widest, and the moment lies in it', () => {
    const found = told(throttled, 5)
    expect(found.map(([window]) => Math.round(window))).toEqual([16, 128, 180, 180, 180])
    expect(found.every(([window, wait]) => wait >= 0 && wait < window)).toBe(true)
  })

  it('unanswered: before the next check, then within 8 min, then about every 18 min; no window is learned', () => {
    const [first, second, ...more] = told(unanswered, 5)
    expect(first?.[1]).toBeLessThan(2)
    expect(second?.[1]).toBeGreaterThan(0)
    expect(second?.[1]).toBeLessThan(8)
    for (const [window, wait] of more) {
      expect(window).toBe(0)
      expect(Math.abs(wait - 18)).toBeLessThanOrEqual(1)
    }
    const others = ['i-1', 'i-2', 'i-3'].map((id) => afterFailure({ failures: 2 }, unanswered, { ...waiting, id }))
    expect(new Set(others.map(({ notBeforeBootMs }) => notBeforeBootMs)).size).toBe(3)
  })

  it.each([
    ['of another boot', { sinceBootMs: start.bootMs - HOUR, bootId: 'other' }],
    ['still to come', { sinceBootMs: start.bootMs + HOUR, bootId: identity.bootId }],
  ])('throttled, in a window whose beginning is %s: it begins now', (_name, before) => {
    expect(afterFailure({ failures: 1, ...before }, throttled, waiting).sinceBootMs).toBe(start.bootMs)
  })

  it('throttled before a stop: tells nothing of the window', () => {
    const before = { failures: 0, spreadMs: HOUR }
    const after = { ...before, ...afterFailure(before, throttled, { ...waiting, urgent: true }) }
    expect(after.spreadMs).toBe(HOUR)
    expect((after.notBeforeBootMs ?? 0) - start.bootMs).toBeLessThan(2 * MINUTE)
  })

  it('throttled after an outage: within 18 min, and tells nothing of the window', () => {
    const next = afterFailure({ failures: 3, bootId: identity.bootId }, throttled, waiting)
    expect(next.spreadMs).toBeUndefined()
    expect((next.notBeforeBootMs ?? 0) - start.bootMs).toBeLessThan(18 * MINUTE)
  })

  it.each([throttled, unanswered])('asked to wait: not before that, and not much after it', ({ code }) => {
    const error = new CloudError('text', {
      code,
      retryable: true,
      throttled: code !== 'no-answer',
      retryAfterMs: 2 * HOUR,
    })
    const wait = (afterFailure({ failures: 0 }, error, waiting).notBeforeBootMs ?? 0) - start.bootMs
    expect(wait).toBeGreaterThan(2 * HOUR)
    expect(wait).toBeLessThan((8 / 7) * 2 * HOUR + MINUTE)
  })

  it('forbidden: ever later, up to an hour', () => {
    expect(told(forbidden, 7).map(([, wait]) => wait)).toEqual([0, 4, 8, 16, 32, 60, 60])
  })

  it.each([throttled, unanswered])('where checks are rare: never longer than a turn is waited for', (error) => {
    for (const failures of [1, 2, 3]) {
      for (let n = 0; n < 20; n += 1) {
        const before = { failures, bootId: identity.bootId }
        const next = { ...before, ...afterFailure(before, error, { ...waiting, id: `i-${n}`, intervalMs: HOUR }) }
        expect(turnIn(next, waiting.moment)).toBe((next.notBeforeBootMs ?? 0) - start.bootMs)
      }
    }
  })

  it('tries again within what is left of the window, and in an eighth of it where nothing is left', () => {
    const before = {
      failures: 1,
      spreadMs: 3 * HOUR,
      sinceBootMs: start.bootMs - (3 * HOUR - 1_000),
      bootId: identity.bootId,
    }
    const next = afterFailure(before, throttled, waiting)
    const wait = (next.notBeforeBootMs ?? 0) - start.bootMs
    expect(wait).toBeGreaterThan(1_000)
    expect(wait).toBeLessThanOrEqual((3 * HOUR) / 8)
  })
})

describe('a window', () => {
  it('gives each machine its own moment, the same whenever it is asked, and another one for another change', () => {
    const mirror = { failures: 0, spreadMs: HOUR }
    const at = (id: string, ms: number) =>
      withTurn(mirror, { ...waiting, id, moment: moment({ ...start, wallMs: start.wallMs + ms }) }).notBeforeBootMs
    const found = [at('i-1', 0), at('i-2', 0), at('i-1', 1), at('i-1', 0)]
    expect(new Set(found).size).toBe(3)
    expect(found[3]).toBe(found[0])
  })

  it('spreads a thousand machines evenly', () => {
    const tenths = Array.from({ length: 10 }, () => 0)
    for (let n = 0; n < 1_000; n += 1) {
      const { notBeforeBootMs = 0 } = withTurn({ failures: 0, spreadMs: HOUR }, { ...waiting, id: `i-${n}` })
      const tenth = Math.floor((notBeforeBootMs - start.bootMs) / (HOUR / 10))
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    expect(Math.min(...tenths)).toBeGreaterThan(70)
    expect(Math.max(...tenths)).toBeLessThan(130)
  })

  it('that is configured is as wide as one that was learned, and the wider one holds', () => {
    const at = (spreadMs: number, windowMs: number) =>
      withTurn({ failures: 0, spreadMs }, { ...waiting, windowMs }).notBeforeBootMs
    expect(at(10 * MINUTE, HOUR)).toBe(at(HOUR, 0))
    expect(at(HOUR, 10 * MINUTE)).toBe(at(HOUR, 0))
    const { spreadMs } = afterFailure({ failures: 0 }, throttled, { ...waiting, windowMs: 20 * MINUTE })
    expect(spreadMs).toBe(160 * MINUTE)
  })

  it('is not waited for beyond the longest, nor by another boot', () => {
    const known = { failures: 0, spreadMs: 1e15, notBeforeBootMs: start.bootMs + HOUR, bootId: identity.bootId }
    expect([withTurn(known, waiting), turnIn(known, waiting.moment)]).toEqual([known, HOUR])
    const other = { ...known, bootId: 'other' }
    const { notBeforeBootMs = 0, bootId } = withTurn(other, waiting)
    expect([bootId, turnIn(other, waiting.moment)]).toEqual([identity.bootId, 0])
    expect(notBeforeBootMs - start.bootMs).toBeLessThan(3 * HOUR)
  })

  it('is forgotten when it has become shorter than an interval', () => {
    expect(narrowed({ failures: 0, spreadMs: 2 * HOUR }, 2 * MINUTE)).toEqual({ spreadMs: 1.96 * HOUR })
    expect(narrowed({ failures: 0, spreadMs: 1e15 }, 2 * MINUTE)).toEqual({ spreadMs: 2.94 * HOUR })
    expect(narrowed({ failures: 0, spreadMs: HOUR }, 2 * MINUTE)).toEqual({ spreadMs: 0.9 * HOUR })
    expect(narrowed({ failures: 0, spreadMs: 2 * MINUTE }, 2 * MINUTE)).toEqual({})
  })
})

describe('a check', () => {
  it('in a window that is set writes in it, and at once when it is set no more', async () => {
    const bench = new Bench()
    bench.policy = { ...bench.policy, action: 'report' }
    const check = async () => {
      const parts = bench.parts()
      bench.host.clock.advance(2 * MINUTE)
      await checkAndAct({ ...parts, settings: { ...parts.settings, tagWindowMs: HOUR } })
    }
    await check()
    const { notBeforeBootMs = 0, sinceBootMs = 0 } = await bench.mirror()
    expect([bench.writes, notBeforeBootMs > sinceBootMs, notBeforeBootMs < sinceBootMs + HOUR]).toEqual([0, true, true])
    for (let n = 0; n < 32; n += 1) await check()
    expect(bench.writes).toBe(1)
    bench.fakes[0] = { name: 'cpu', judge: () => ({ kind: 'active', reason: 'a program works' }) }
    await bench.check()
    expect(bench.writes).toBe(2)
  })

  it('that is the first of all waits for a turn that comes before the next one', async () => {
    const bench = new Bench()
    const began = bench.host.clock.now().bootMs
    const parts = bench.parts()
    await checkAndAct({ ...parts, settings: { ...parts.settings, tagWindowMs: MINUTE } })
    const waited = bench.host.clock.now().bootMs - began
    expect([bench.writes, waited > 0, waited < MINUTE]).toEqual([1, true, true])
  })

  it('whose write was throttled writes at its moment, between the checks if it lies there, and once', async () => {
    const bench = await throttledOnce()
    const { notBeforeBootMs = 0, spreadMs } = await bench.mirror()
    expect(spreadMs).toBe(16 * MINUTE)
    while (bench.writes < 2) await bench.check()
    const wroteMs = bench.host.clock.now().bootMs
    expect(Math.abs(wroteMs - notBeforeBootMs)).toBeLessThan(2 * MINUTE)
    expect(bench.cloud.tags.get('T:IdleStatus')).toBe('idle')
    expect(await bench.mirror()).toMatchObject({ failures: 0, spreadMs })
    await bench.check()
    expect(bench.writes).toBe(2)
  })

  it('has told everybody on the machine before it waits for that moment', async () => {
    const bench = await throttledOnce()
    let told = ''
    const began = bench.host.clock.now().bootMs
    await checkBefore(bench, async (ms) => {
      told = bench.host.files.read(paths.status) ?? ''
      bench.host.clock.advance(ms)
    })
    expect(JSON.parse(told).at).toBe(new Date(bench.host.clock.now().wallMs - 52_500).toISOString())
    expect(bench.host.clock.now().bootMs - began).toBe(2 * MINUTE + 52_500)
    expect(bench.cloud.tags.get('T:IdleStatus')).toBe('active')
    expect(bench.host.files.names(paths.lockDir)).toEqual([])
  })

  it('that has taken most of its interval leaves the write to the next one, which must find the lock free', async () => {
    const bench = await throttledOnce()
    await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs + 4 * MINUTE })
    bench.fakes = [{ name: 'cpu', read: () => bench.host.clock.advance(109_000) }]
    const { clock } = bench.host
    const began = clock.now().bootMs + 2 * MINUTE
    await bench.check()
    expect(clock.now().bootMs - began).toBeLessThan(110_000)
    expect(bench.writes).toBe(1)
    bench.fakes = [{ name: 'cpu' }]
    await bench.check(12_000)
    expect(bench.writes).toBe(2)
  })

  it('by hand, between two of the schedule, does not wait', async () => {
    const bench = await throttledOnce()
    await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs + 2 * MINUTE })
    const began = bench.host.clock.now().bootMs
    await bench.check(MINUTE)
    expect(bench.host.clock.now().bootMs - began).toBeLessThan(1.1 * MINUTE)
    expect(bench.writes).toBe(1)
  })

  it('waits without the lock: another one goes on meanwhile, and then there is nothing left to write', async () => {
    const bench = await throttledOnce()
    let during = 0
    await checkBefore(bench, async (ms) => {
      bench.host.clock.advance(ms)
      await bench.changeMirror({ notBeforeBootMs: bench.host.clock.now().bootMs })
      await checkAndAct(bench.parts())
      during = bench.writes
    })
    expect([during, bench.writes]).toEqual([2, 2])
  })

  it('on a machine that is a copy of another waits for nothing that bound that one', async () => {
    const bench = await throttledOnce()
    const { identify } = bench.cloud
    bench.cloud.identify = async (signal) => ({ ...(await identify(signal)), id: 'i-copy' })
    await bench.changeMirror({ spreadMs: 3 * HOUR })
    await bench.check()
    expect(bench.writes).toBe(2)
    expect((await bench.mirror()).spreadMs).toBeUndefined()
  })

  it('is not held up by a moment that nobody can have drawn', async () => {
    const bench = await throttledOnce()
    await bench.changeMirror({ notBeforeBootMs: 1e15, spreadMs: 1e15 })
    await bench.check()
    expect(bench.writes).toBe(2)
  })

  it('that slept while it waited writes nothing: the next one knows what is to be shown', async () => {
    const bench = await throttledOnce()
    await checkBefore(bench, async () => bench.host.clock.suspend(HOUR))
    expect(bench.writes).toBe(1)
  })

  it('that waits while another one is refused writes nothing before the moment that this one has found', async () => {
    const bench = await throttledOnce()
    await checkBefore(bench, async (ms) => {
      bench.host.clock.advance(ms)
      await bench.changeMirror({ failures: 2, notBeforeBootMs: bench.host.clock.now().bootMs + HOUR })
    })
    expect(bench.writes).toBe(1)
  })

  it.each([1, 3])('that waits to try again is not made earlier by it than the cloud wants: %i', async (second) => {
    const bench = new Bench()
    bench.policy = { ...bench.policy, action: 'report', checkIntervalMs: 10 * MINUTE }
    bench.host.clock.advance(second * 1_000)
    const parts = bench.parts()
    const at: number[] = []
    const writeTags = async () => {
      at.push(bench.host.clock.now().bootMs)
      if (at.length === 1) throw new CloudError('text', { code: '429', retryable: true, retryAfterMs: 5 * MINUTE })
    }
    await checkAndAct({ ...parts, cloud: { ...parts.cloud, writeTags } })
    const [first = 0, again = 0] = at
    expect(again - first).toBeGreaterThanOrEqual(5 * MINUTE)
  })

  it('that waits while another one tells a fault leaves the tag that says so', async () => {
    const bench = await throttledOnce()
    await checkBefore(bench, async (ms) => {
      bench.host.clock.advance(ms)
      await tellFault(bench.parts(), 'config', 'no such option')
    })
    expect(bench.cloud.tags.get('T:IdleReason')).toBe('fault: no such option')
    await bench.check(MINUTE)
    expect(bench.cloud.tags.get('T:IdleReason')).toBe('')
  })

  it('that finds the lock taken, or all of it uninstalled, when its turn has come writes nothing', async () => {
    const bench = await throttledOnce()
    await checkBefore(bench, async () => void (await acquireLock(bench.parts().host, paths.lockDir)))
    expect(bench.writes).toBe(1)
    const gone = await throttledOnce()
    await checkBefore(gone, async () => gone.host.files.remove(paths.stateDir))
    expect(gone.writes).toBe(1)
    expect(gone.host.files.names(paths.stateDir)).toBeUndefined()
  })

  it('waits for nothing where it is switched off', async () => {
    const bench = await throttledOnce()
    bench.policy = { ...bench.policy, enabled: false }
    const began = bench.host.clock.now().bootMs
    await checkBefore(bench, async (ms) => bench.host.clock.advance(ms))
    expect(bench.host.clock.now().bootMs - began).toBe(2 * MINUTE)
  })

  it('whose call was overtaken waits for nothing afterwards', async () => {
    const bench = new Bench()
    bench.answers = [
      () => {
        bench.host.clock.stepWall(90_000)
        return { result: 'refused', why: 'protected', code: 'Code', message: 'text' }
      },
    ]
    await bench.settle(5)
    bench.cloud.failing.set('write-tags', 'no-answer')
    const before = bench.writes
    await bench.check()
    expect([bench.acts, bench.writes - before]).toEqual([1, 1])
  })

  it('writes at once before a stop, whatever the window', async () => {
    const bench = new Bench()
    await bench.check()
    await bench.changeMirror({ spreadMs: 3 * HOUR })
    while (bench.acts === 0) await bench.check()
    expect(bench.cloud.tags.get('T:IdleAction')).toBe('hibernating')
    expect((await bench.mirror()).spreadMs).toBe(3 * HOUR)
  })

  it('takes back at once that it is being stopped, where that was refused, whatever the window', async () => {
    const bench = new Bench()
    bench.answers = [1, 2].map(() => () => ({ result: 'refused', why: 'protected', code: 'Code', message: 'text' }))
    await bench.check()
    await bench.changeMirror({ spreadMs: 3 * HOUR })
    while (bench.acts === 0) await bench.check()
    expect(bench.cloud.tags.get('T:IdleAction')).toBe('')
    expect(bench.cloud.tags.get('T:IdleReason')).toBe('refused: Code (protected)')
    const before = bench.writes
    while (bench.acts === 1) await bench.check()
    expect(bench.writes - before).toBe(2)
    expect((await bench.mirror()).spreadMs).toBe(3 * HOUR)
  })

  it.each<[string, Outcome]>([
    ['not answered', { result: 'unknown', message: 'text' }],
    ['accepted', { result: 'accepted', detail: 'text' }],
  ])('tries the tags of a stop once, where they fail and it is %s', async (_name, outcome) => {
    const bench = new Bench()
    bench.answers = [() => outcome]
    await bench.settle(5)
    bench.cloud.failing.set('write-tags', 'no-answer')
    let before = 0
    while (bench.acts === 0) {
      before = bench.writes
      await bench.check()
    }
    expect(bench.writes - before).toBe(1)
  })

  it('of a machine that is used again tells it, whatever moment its stop waited for', async () => {
    const bench = new Bench()
    bench.answers = [1, 2, 3].map(() => () => ({ result: 'unknown', message: 'text' }))
    await bench.settle(5)
    bench.cloud.failing.set('write-tags', 'no-answer')
    while (bench.acts < 3) await bench.check()
    bench.cloud.failing.clear()
    await bench.changeMirror({ notBeforeBootMs: 0 })
    const before = bench.writes
    await bench.check()
    expect(bench.writes).toBe(before)
    bench.fakes[0] = { name: 'cpu', judge: () => ({ kind: 'active', reason: 'a program works' }) }
    await bench.check()
    expect([bench.writes, bench.cloud.tags.get('T:IdleStatus')]).toEqual([before + 1, 'active'])
  })

  it('writes nothing of a change that is gone before its moment', async () => {
    const bench = new Bench()
    let busy = true
    bench.fakes = [{ name: 'cpu', judge: () => ({ kind: busy ? 'active' : 'idle', reason: 'x' }) }]
    bench.policy = { ...bench.policy, action: 'report' }
    await bench.settle(3)
    await bench.changeMirror({ spreadMs: 3 * HOUR })
    const before = bench.writes
    busy = false
    while ((await bench.check()).decision.phase !== 'idle') expect(bench.writes).toBe(before)
    expect((await bench.mirror()).notBeforeBootMs).toBeGreaterThan(0)
    busy = true
    await bench.check()
    expect(await bench.mirror()).not.toHaveProperty('notBeforeBootMs')
    expect(bench.writes).toBe(before)
  })
})
