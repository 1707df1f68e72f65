/** Odd samples (kernel.md 6), as far as the loop has to deal with them: first, upgraded, corrupt, failing, doubled. */
import { describe, expect, it } from 'vitest'
import { type Checked, checkByHand } from '../../agent/agent.ts'
import { closeIntent, openIntent, recordAccepted, recordIntent } from '../../agent/state-intents.ts'
import { intent, MINUTE, policy } from '../decide/given.ts'
import { Bench, type Fake, paths } from './bench.ts'

const { startedAt: _, ...bareIntent } = intent()

function kinds({ look }: Checked): readonly string[] {
  return look.readings.map(({ sensor, kind }) => `${sensor}: ${kind}`)
}

describe('the first check', () => {
  it('has nothing to compare with: unknown, grace, and never an average since boot', async () => {
    const bench = new Bench()
    bench.policy = policy
    bench.fakes[0] = { name: 'cpu', judge: () => ({ kind: 'active', reason: 'busy since boot' }) }
    const first = await bench.check()
    expect(kinds(first)).toEqual(['cpu: unknown', 'disk: unknown'])
    expect(first.look.readings[0]?.reason).toMatch(/no earlier sample/)
    expect([first.decision.verdict, first.decision.phase, first.look.coveredMs]).toEqual(['unknown', 'grace', 0])
  })

  it('judges at once what needs no comparison', async () => {
    const bench = new Bench()
    bench.vetoes = [{ name: 'lease', read: async () => [{ name: 'lease', reason: 'make train' }] }]
    expect((await bench.check()).look.vetoes).toEqual([{ name: 'lease', reason: 'make train' }])
  })

  it.each(['boot', 'resume', 'pause'])('after a %s compares with nothing either', async (what) => {
    const bench = new Bench()
    await bench.settle(3)
    if (what === 'resume') bench.host.clock.suspend(90_000)
    if (what === 'pause') {
      bench.host.clock.stepWall(90_000)
      bench.cloud.failing.set('identify', 'Timeout')
    }
    if (what === 'boot') {
      const { wallMs } = bench.host.clock.now()
      bench.host.clock.set({ wallMs, bootMs: 9_000, monoMs: 9_000 })
    }
    const next = await bench.check()
    expect(next.decision.interval.kind).toBe(what)
    expect(kinds(next)).toEqual(['cpu: unknown', 'disk: unknown'])
    expect(kinds(await bench.check())).toEqual(['cpu: idle', 'disk: idle'])
  })
})

describe('an upgrade', () => {
  it('with another form of one sample restarts the clock once, and not the run', async () => {
    const bench = new Bench()
    const before = await bench.settle(4)
    bench.fakes[0] = { name: 'cpu', version: 2 }
    const after = await bench.check()
    expect(kinds(after)).toEqual(['cpu: unknown', 'disk: idle'])
    expect(after.decision.state.run.id).toBe(before.decision.state.run.id)
    expect(after.decision.state.idleSince).toBe(after.look.moment.clocks.monoMs)
    expect(kinds(await bench.check())).toEqual(['cpu: idle', 'disk: idle'])
  })

  it('with the same form keeps the clock', async () => {
    const bench = new Bench()
    const before = await bench.settle(3)
    const after = await bench.check()
    expect(after.decision.state.idleSince).toBe(before.decision.state.idleSince)
  })

  it('with a new sensor restarts the clock, without one it runs on', async () => {
    const bench = new Bench()
    await bench.settle(3)
    bench.fakes.push({ name: 'gpu' })
    expect(kinds(await bench.check())).toEqual(['cpu: idle', 'disk: idle', 'gpu: unknown'])
    bench.fakes.pop()
    const { idleSince } = (await bench.check()).decision.state
    expect(idleSince).toBeLessThan(bench.host.clock.now().monoMs)
  })
})

describe('a state that cannot be used', () => {
  const wrong: readonly (readonly [string, (text: string) => string])[] = [
    ['half a file', (text) => text.slice(0, text.length / 2)],
    ['an empty file', () => ''],
    ['no JSON', () => 'idle since yesterday'],
    ['a list', () => '[]'],
    ['another schema', (text) => text.replace('state.v1', 'state.v9')],
    ['a text for a number', (text) => text.replace(/"idleSince":\d+(\.\d+)?/, '"idleSince":"0"')],
    ['no number', (text) => text.replace(/"idleSince":\d+(\.\d+)?/, '"idleSince":null')],
    ['an idle time that begins in a million years', (text) => text.replace(/"idleSince":\d+/, '"idleSince":3e16')],
    ['a grace that never ends', (text) => text.replace(/"graceUntil":\d+/, '"graceUntil":1e300')],
    ['a refusal to wait for for ever', (text) => text.replace('"attempt":{', '"attempt":{"retryAt":1e300,')],
    ['a phase that does not exist', (text) => text.replace('"IdleStatus":"active"', '"IdleStatus":"sleepy"')],
  ]

  it.each(wrong)('%s is moved aside and said, and it begins anew', async (_name, spoil) => {
    const bench = new Bench()
    await bench.settle(2)
    const spoilt = spoil(bench.host.files.read(paths.state) ?? '')
    bench.host.files.write(paths.state, spoilt)
    const next = await bench.check()
    expect(next.decision.interval.kind).toBe('first')
    expect(next.notes).toHaveLength(1)
    expect(bench.host.files.read(`${paths.state}.corrupt`)).toBe(spoilt)
    expect((await bench.check()).notes).toEqual([])
  })

  it('does not lose the accepted stop: the journal still tells that it hibernated', async () => {
    const bench = new Bench()
    await bench.settle(6)
    expect(bench.acts).toBe(1)
    bench.host.files.write(paths.state, '{')
    bench.startedAt = '2026-01-01T14:00:00Z'
    const next = await bench.check()
    expect(next.decision.outcome?.result).toBe('hibernated')
    expect(bench.cloud.tags.get('T:IdleAction')).toBe('hibernated')
    expect(await openIntent(bench.host, paths.intents, 'read-only')).toBeUndefined()
  })

  it('does not stop again while the accepted stop is still to happen', async () => {
    const bench = new Bench()
    bench.policy = { ...bench.policy, idleThresholdMs: 2 * MINUTE, hibernateThresholdMs: 4 * MINUTE }
    await bench.settle(3)
    expect(bench.acts).toBe(1)
    bench.host.files.remove(paths.state)
    const waiting = await bench.settle(3)
    expect([waiting.decision.phase, bench.acts]).toEqual(['held', 1])
    const failed = await bench.check()
    expect([failed.decision.outcome?.result, bench.acts]).toEqual(['failed', 2])
  })
})

describe('the journal', () => {
  it('is read over torn, foreign and empty lines', async () => {
    const bench = new Bench()
    await bench.check()
    const lines = ['{"id":"intent-1","ru', '', '[]', 'x', '{"id":7}', '{"at":{}}', '{"id":"other","phase":"closed"}']
    await recordIntent(bench.host, paths.intents, { ...bareIntent, id: 'mine' })
    for (const line of lines) await bench.host.store.append(paths.intents, line, 0o600)
    expect(await openIntent(bench.host, paths.intents)).toMatchObject({ id: 'mine', phase: 'intended' })
    await recordAccepted(bench.host, paths.intents, 'mine')
    expect(await openIntent(bench.host, paths.intents)).toMatchObject({ id: 'mine', phase: 'accepted' })
  })

  it('stays small over years of intents, and keeps the one that is open', async () => {
    const bench = new Bench()
    await bench.check()
    const size = (): number => bench.host.files.read(paths.intents)?.length ?? 0
    let largest = 0
    for (let number = 0; number < 1000; number += 1) {
      await recordIntent(bench.host, paths.intents, { ...bareIntent, id: `intent-${number}` })
      await recordAccepted(bench.host, paths.intents, `intent-${number}`)
      if (number < 999) await closeIntent(bench.host, paths.intents, { id: `intent-${number}`, result: 'stopped' })
      const open = await openIntent(bench.host, paths.intents)
      expect(open?.id).toBe(number < 999 ? undefined : 'intent-999')
      largest = Math.max(largest, size())
    }
    expect([largest > 30_000, largest < 34_000]).toEqual([true, true])
  })

  it('keeps who the machine was', async () => {
    const bench = new Bench()
    await bench.check()
    const known = intent({ resumeStamp: '1795000000|1795000001' })
    await recordIntent(bench.host, paths.intents, known)
    expect(await openIntent(bench.host, paths.intents)).toEqual(known)
  })
})

describe('a sensor that fails', () => {
  const broken: readonly (readonly [string, Partial<Fake>, RegExp])[] = [
    ['to read', { read: () => failing('nvidia-smi: no such device') }, /no such device/],
    ['to judge', { judge: () => failing('counter went back') }, /counter went back/],
    ['with a text full of control characters', { judge: () => failing('a\u001b[2Jb\nc\u202ed') }, /^a\?\[2Jb\?c\?d$/],
    ['with a very long text', { read: () => failing('x'.repeat(5_000)) }, /^x{199}…$/],
  ]

  it.each(broken)('%s is unknown, with the reason, and blocks', async (_name, fake, reason) => {
    const bench = new Bench()
    await bench.settle(4)
    bench.fakes[0] = { name: 'cpu', ...fake }
    const last = await bench.settle(8)
    expect(last.decision.verdict).toBe('unknown')
    expect(last.look.readings[0]).toMatchObject({ sensor: 'cpu', kind: 'unknown' })
    expect(last.look.readings[0]?.reason).toMatch(reason)
    expect(bench.acts).toBe(0)
  })

  /** Counts up; judged by how much, over how long. */
  const spans: [number, number][] = []
  const counting = (bench: Bench): Fake => ({
    name: 'cpu',
    read: () => bench.host.clock.now().monoMs,
    judge: (now, before, { span }) => {
      spans.push([Number(now) - Number(before), span.ms])
      return { kind: 'idle', reason: 'no work' }
    },
  })

  it('once costs one interval: the next reading covers both, from the sample before', async () => {
    const bench = new Bench()
    bench.fakes[0] = counting(bench)
    await bench.settle(3)
    bench.fakes[0] = { name: 'cpu', read: () => failing('hangs') }
    const blind = await bench.check()
    bench.fakes[0] = counting(bench)
    const next = await bench.check()
    expect([kinds(blind)[0], kinds(next)[0]]).toEqual(['cpu: unknown', 'cpu: idle'])
    expect(spans.at(-1)).toEqual([4 * MINUTE, 4 * MINUTE])
    expect(next.decision.state.idleSince).toBe(blind.look.moment.clocks.monoMs)
    await bench.check()
    expect(spans.at(-1)).toEqual([2 * MINUTE, 2 * MINUTE])
  })

  it('twice leaves a sample that is too old to compare with: nobody looked for so long', async () => {
    const bench = new Bench()
    await bench.settle(3)
    bench.fakes[0] = { name: 'cpu', read: () => failing('hangs') }
    await bench.settle(2)
    bench.fakes[0] = { name: 'cpu' }
    const next = await bench.check()
    expect(next.look.readings[0]?.reason).toMatch(/no earlier sample/)
    expect((await bench.check()).decision.state.idleSince).toBe(next.look.moment.clocks.monoMs)
  })

  it.each(['boot', 'upgrade'])('and a %s in between: nothing to compare with', async (what) => {
    const bench = new Bench()
    await bench.settle(3)
    bench.fakes[0] = { name: 'cpu', read: () => failing('hangs') }
    await bench.check()
    if (what === 'boot') bench.host.clock.set({ ...bench.host.clock.now(), bootMs: 9_000, monoMs: 9_000 })
    bench.fakes[0] = { name: 'cpu', version: what === 'upgrade' ? 2 : 1 }
    expect((await bench.check()).look.readings[0]?.reason).toMatch(/no earlier sample/)
  })

  it('keeps its own account in the sample that is kept: only what was warned is taken in', async () => {
    const bench = new Bench()
    const settled: unknown[] = []
    bench.fakes[0] = {
      name: 'cpu',
      settle: (sample, deeds) => {
        settled.push(deeds.cpuMs)
        return sample
      },
    }
    await bench.settle(2)
    bench.fakes[0] = { ...bench.fakes[0], read: () => failing('hangs') }
    await bench.check()
    expect(settled).toEqual([0, 0, undefined])
  })
})

it('a veto that cannot be read is one', async () => {
  const bench = new Bench()
  await bench.settle(3)
  bench.vetoes = [{ name: 'dpkg', read: async () => failing('lock busy') }]
  const last = await bench.settle(6)
  expect(last.look.vetoes).toEqual([{ name: 'dpkg', reason: 'dpkg cannot be read: lock busy' }])
  expect([last.decision.phase, bench.acts]).toEqual(['held', 0])
})

describe('a check at once after another', () => {
  it('stores nothing: the older sample stays the base', async () => {
    const bench = new Bench()
    await bench.settle(3)
    const before = bench.host.files.read(paths.state)
    const second = await bench.check(1_000)
    expect(second.decision.interval.kind).toBe('merge')
    expect(bench.host.files.read(paths.state)).toBe(before)
    expect((await bench.check()).decision.interval.ms).toBe(2 * MINUTE + 1_000)
  })

  it('by hand leaves no trace, whatever it finds', async () => {
    const bench = new Bench()
    await bench.settle(3)
    const files = [paths.state, paths.intents, paths.status, paths.audit]
    const before = files.map((path) => bench.host.files.read(path))
    const calls = bench.cloud.calls.length
    bench.host.clock.advance(20 * MINUTE)
    bench.host.files.write(paths.intents, '')
    await checkByHand(bench.parts(), 2_000)
    expect(files.map((path) => bench.host.files.read(path) ?? '')).toEqual(before.map((text) => text ?? ''))
    expect(bench.cloud.calls.slice(calls).map(({ kind }) => kind)).toEqual(['identify'])
  })
})

function failing(text: string): never {
  throw new Error(text)
}
