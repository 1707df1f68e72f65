/** An intent whose call may have been accepted stays open until it is known what became of it. */
import { expect, it } from 'vitest'
import { openIntent } from '../../agent/state-intents.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import type { Reading } from '../../agent/types.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench, paths } from '../scenarios/bench.ts'

const rate: Reading = { kind: 'active', reason: 'a program works' }
const quiet: Reading = { kind: 'idle', reason: 'no work' }
const typing = (at: number): Reading => ({ kind: 'active', reason: 'somebody types', at, person: true })

function lost(): Outcome {
  throw new Error('no answer within 15 s')
}

function open(bench: Bench) {
  return openIntent(bench.host, paths.intents, 'read-only')
}

/** A machine whose first call was sent, and whose answer was lost. */
async function unanswered(): Promise<Bench> {
  const bench = new Bench()
  bench.answers = [lost]
  while (bench.acts === 0) await bench.check()
  return bench
}

/** The number of a look in an attempt: the third is the last. One from which the check goes on to wait does not count. */
async function attemptLooks(bench: Bench): Promise<() => number> {
  const { retryAt = 0 } = (await bench.stored()).state.attempt
  let looks = 0
  return () => {
    if (bench.host.clock.now().monoMs >= retryAt) looks += 1
    return looks
  }
}

/** The reading of the last look only. */
async function atLastLook(bench: Bench, reading: () => Reading): Promise<void> {
  const look = await attemptLooks(bench)
  bench.fakes[0] = { name: 'cpu', judge: () => (look() === 3 ? reading() : quiet) }
}

/** Resumes 14 hours later. */
function resume(bench: Bench): void {
  bench.host.clock.suspend(14 * 60 * MINUTE)
  bench.startedAt = '2026-01-01T16:00:00Z'
}

it('postponed by the last look, it is told at the next start', async () => {
  const bench = await unanswered()
  await atLastLook(bench, () => rate)
  const postponed = await bench.check()
  expect(postponed.deeds.map(({ detail }) => detail)).toContainEqual(expect.stringContaining('postponed right before'))
  expect([await open(bench), bench.acts]).toMatchObject([{ phase: 'intended' }, 1])
  expect(bench.cloud.tags.get('T:IdleAction')).toBe('hibernating')
  resume(bench)
  expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
})

it('cancelled by the last look because somebody types, it is withdrawn, and told at the next start', async () => {
  const bench = await unanswered()
  await atLastLook(bench, () => typing(bench.host.clock.now().monoMs))
  await bench.check()
  expect([await open(bench), bench.cloud.tags.get('T:IdleAction')]).toMatchObject([{ phase: 'withdrawn' }, ''])
  resume(bench)
  expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
})

it('overtaken right before the call, it is told at the next check', async () => {
  const bench = await unanswered()
  const look = await attemptLooks(bench)
  bench.fakes[0] = {
    name: 'cpu',
    read: () => {
      if (look() === 3) resume(bench)
      return { count: 1 }
    },
  }
  await bench.check()
  expect([await open(bench), bench.acts]).toMatchObject([{ phase: 'intended' }, 1])
  expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
})

it.each([
  ['postponed', () => rate],
  ['cancelled', () => typing(0)],
])('never sent and %s by the last look, it is closed', async (_name, reading) => {
  const bench = new Bench()
  await bench.settle(5)
  await atLastLook(bench, reading)
  await bench.check()
  expect([await open(bench), bench.acts, bench.cloud.tags.get('T:IdleAction')]).toEqual([undefined, 0, ''])
  expect(bench.host.files.read(paths.intents)).toContain('abandoned')
})

const wrongState: Outcome = { result: 'refused', why: 'wrong-state', code: 'IncorrectInstanceState', message: 'x' }

it('sent again and in a wrong state for it, it was accepted the first time', async () => {
  const bench = await unanswered()
  bench.answers = [() => wrongState]
  const again = await bench.check()
  expect(again.deeds).toContainEqual(expect.objectContaining({ action: 'hibernate', result: 'done' }))
  expect([await open(bench), bench.cloud.tags.get('T:IdleAction')]).toMatchObject([
    { phase: 'accepted' },
    'hibernating',
  ])
  await bench.settle(2)
  expect(bench.acts).toBe(2)
  resume(bench)
  expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
})

it('in a wrong state at the first call, somebody else is stopping it: a refusal, and nothing is claimed', async () => {
  const bench = new Bench()
  bench.answers = [() => wrongState]
  while (bench.acts === 0) await bench.check()
  expect([await open(bench), bench.cloud.tags.get('T:IdleAction')]).toEqual([undefined, ''])
  resume(bench)
  expect((await bench.check()).decision.outcome).toBeUndefined()
})

it.each(['forbidden', 'credentials', 'throttled', 'unreachable', 'protected', 'owned', 'other'] as const)(
  'sent again and refused as %s, which says nothing of the first call: still open, tried again with back-off',
  async (why) => {
    const bench = await unanswered()
    bench.answers = [() => ({ result: 'refused', why, code: 'Code', message: 'text' })]
    const refused = await bench.check()
    expect(refused.decision.state.attempt.refusals).toBe(1)
    expect([await open(bench), bench.cloud.tags.get('T:IdleAction')]).toMatchObject([
      { phase: 'intended' },
      'hibernating',
    ])
    resume(bench)
    expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
  },
)

it.each(['unsupported', 'not-ready'] as const)(
  'sent again and refused as %s, which EC2 says of running instances only: closed',
  async (why) => {
    const bench = await unanswered()
    bench.answers = [() => ({ result: 'refused', why, code: 'Code', message: 'text' })]
    await bench.check()
    expect(bench.host.files.read(paths.intents)).toContain('"result":"refused"')
  },
)

it('withdrawn and still there after minutes, it is closed; the machine is acted on anew when it is idle again', async () => {
  const bench = await unanswered()
  bench.fakes[0] = { name: 'cpu', judge: () => rate }
  await bench.check()
  bench.fakes[0] = { name: 'cpu' }
  const first = await open(bench)
  await bench.settle(3)
  expect(await open(bench)).toBeUndefined()
  await bench.settle(2)
  expect([bench.acts, (await open(bench))?.id === first?.id]).toEqual([2, false])
})

it('sent, and nothing happens while something else holds: known to have failed after minutes', async () => {
  const bench = await unanswered()
  bench.vetoes = [{ name: 'lease', read: async () => [{ name: 'lease', reason: 'make train' }] }]
  await bench.settle(3)
  expect([await open(bench), bench.cloud.tags.get('T:IdleAction')]).toMatchObject([
    { phase: 'intended' },
    'hibernating',
  ])
  const late = await bench.check()
  expect([late.decision.outcome?.result, bench.cloud.tags.get('T:IdleAction')]).toEqual(['failed', ''])
  bench.vetoes = []
  await bench.check()
  expect([bench.acts, await open(bench)]).toMatchObject([2, { phase: 'accepted' }])
})

it('sent again while it comes to count as failed: the call is of an intent of its own, and is not closed with the other', async () => {
  const bench = await unanswered()
  const first = await open(bench)
  bench.vetoes = [{ name: 'lease', read: async () => [{ name: 'lease', reason: 'make train' }] }]
  await bench.settle(3)
  bench.vetoes = []
  // The first look comes before that moment, the second one six seconds later.
  const failsAt = (first?.at.monoMs ?? 0) + 7 * MINUTE
  const { decision } = await bench.check(failsAt - 3_000 - bench.host.clock.now().monoMs)
  expect([decision.outcome?.result, decision.outcome?.intentId]).toEqual(['failed', first?.id])
  const sent = await open(bench)
  expect([bench.acts, sent?.phase, sent?.id === first?.id]).toEqual([2, 'accepted', false])
  expect((await bench.check()).decision.reason).toContain('running after a stop that was accepted')
  expect((await bench.check()).decision.reason).toContain('a stop was accepted and is still to happen')
  resume(bench)
  expect((await bench.check()).decision.outcome?.result).toBe('hibernated')
})
