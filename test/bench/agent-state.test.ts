// Dating the stored state back: what changes, what stays, and what is refused.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { activeTags, rewriteHistory } from './agent-state.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-state-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const stored = {
  schema: 'idle-agent.state.v1',
  samples: { cpu: { version: 1, sample: { busy: 3 } } },
  sampledAt: { wallMs: 0, bootMs: 0, monoMs: 0 },
  mirror: { failures: 2, instanceId: 'i-1' },
  segment: { key: 'idle', from: 1, until: 2, checks: 3 },
  state: { identity: { bootId: 'b' }, run: { id: 'r', ended: true, later: 1 }, tags: activeTags, unknownSince: 5 },
}

function rewritten(history: Parameters<typeof rewriteHistory>[1]): unknown {
  writeFileSync(join(folder, 'state.json'), JSON.stringify(stored))
  rewriteHistory(folder, history)
  return JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
}

test('keeps samples, identity and whatever it does not know', () => {
  const { schema, samples } = stored
  expect(rewritten({ checkedMs: 1000, idleMs: 5000 })).toMatchObject({
    schema,
    samples,
    state: { identity: { bootId: 'b' }, run: { id: 'r', later: 1, ended: false } },
    mirror: { instanceId: 'i-1', failures: 0, written: activeTags },
  })
})

test('dates the check and the idle period back on the clock of this machine', () => {
  const now = Number(process.hrtime.bigint()) / 1e6
  const near = (ms: number) => expect.closeTo(now - ms, -3)
  const found = rewritten({ checkedMs: 120_000, idleMs: 180_000 })
  expect(found).toMatchObject({
    sampledAt: { monoMs: near(120_000) },
    segment: { from: 1, until: expect.closeTo(Date.now() - 120_000, -3), checks: 3 },
    state: { last: { monoMs: near(120_000) }, idleSince: near(180_000), run: { graceUntil: near(180_000) } },
  })
  expect(found).not.toHaveProperty('state.unknownSince')
})

test('lets wanted and written tags differ', () => {
  const idle = { ...activeTags, IdleStatus: 'idle' }
  expect(rewritten({ checkedMs: 1, idleMs: 1, tags: activeTags, written: idle })).toMatchObject({
    state: { tags: activeTags },
    mirror: { written: idle },
  })
})

test('forgets intents, so that an accepted stop of the run before does not begin a new run', () => {
  writeFileSync(join(folder, 'intents.jsonl'), '{}\n')
  rewritten({ checkedMs: 1, idleMs: 1 })
  expect(existsSync(join(folder, 'intents.jsonl'))).toBe(false)
})

test.each([
  ['no state', undefined],
  ['no JSON', '{'],
  ['another form', '{"state":{},"mirror":{}}'],
])('refuses %s', (_, text) => {
  if (text !== undefined) writeFileSync(join(folder, 'state.json'), text)
  expect(() => rewriteHistory(folder, { checkedMs: 1, idleMs: 1 })).toThrow()
})
