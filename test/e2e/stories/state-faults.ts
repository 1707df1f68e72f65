// What the check before left is damaged, newer, or somebody else's: said, its idle time is not believed, and the machine is stopped in the end.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkAfter, checkNow, checkWhenDue, startDueMachine } from '../due.ts'
import type { Machine } from '../machine.ts'

const slow = { timeout: 60_000 }

interface Row {
  readonly name: string
  /** What becomes of the text of state.json. */
  readonly spoil: (text: string) => string | Buffer
  /** Why it cannot be used; not said where it can, and is another machine's. */
  readonly why?: RegExp
  /** What the new run of the machine is put down to. */
  readonly cause?: string
}

const none = 'first check: no earlier state'

const rows: readonly Row[] = [
  { name: 'corrupt', spoil: () => Buffer.from([0, 1, 2, 0xff, 0xfe, 10, 0]), why: /not JSON|JSON/ },
  { name: 'corrupt in one place', spoil: (text) => text.replace('"idleSince":', '"idleSince":"x'), why: /JSON/ },
  { name: 'truncated', spoil: (text) => text.slice(0, text.length / 2), why: /JSON/ },
  { name: 'truncated to nothing', spoil: () => '', why: /JSON/ },
  {
    name: 'from a newer version',
    spoil: (text) => text.replace('idle-agent.state.v1', 'idle-agent.state.v2'),
    why: /its form is idle-agent\.state\.v2, not idle-agent\.state\.v1/,
  },
  {
    name: 'from a newer version that kept the name',
    spoil: (text) => text.replace(/"idleSince":[\d.]+,/, ''),
    why: /idleSince/,
  },
  { name: 'twenty megabytes long', spoil: (text) => text.padEnd(20_000_000), why: /larger than/ },
  {
    name: 'from another instance',
    spoil: (text) => text.replaceAll('i-0a1b2c3d4e5f60718', 'i-0ffffffffffffffff'),
    cause: 'another instance: this disk was cloned',
  },
  {
    name: 'from another boot',
    spoil: (text) => text.replaceAll('11111111-2222-4333-8444-555555555555', '99999999-2222-4333-8444-555555555555'),
    cause: 'booted',
  },
]

function stateOf(machine: Machine): string {
  return join(machine.stateDir, 'state.json')
}

for (const { name, spoil, why, cause = none } of rows) {
  test.concurrent(`state ${name}: not believed, and acted on in the end`, slow, async ({ onTestFinished }) => {
    const machine = await startDueMachine()
    onTestFinished(() => machine.close())
    const spoilt = spoil(readFileSync(stateOf(machine), 'utf8'))
    const first = await checkAfter(machine, () => writeFileSync(stateOf(machine), spoilt))
    expect([first.code, first.stderr, machine.stops()]).toEqual([0, '', []])
    expect(first.check).toMatchObject({ verdict: 'unknown', idleSince: null, covered: { complete: false } })
    expect(first.check.reason).toBe(`first look (${cause}): nothing to compare with yet, so it stays up`)
    if (why === undefined) expect(first.check.notes).toBeUndefined()
    else {
      expect(first.check.notes).toEqual([expect.stringMatching(/state\.json cannot be used .*starting without it$/)])
      expect(first.check.notes?.[0]).toMatch(why)
      expect(readFileSync(`${stateOf(machine)}.corrupt`).equals(Buffer.from(spoilt))).toBe(true)
    }
    const told = (await machine.run('status', ...machine.flags)).stdout
    expect(told).toContain(`(${cause})`)
    const last = await checkWhenDue(machine)
    expect([last.code, last.check.notes, machine.stops()]).toEqual([0, undefined, ['hibernate accepted']])
  })
}

test.concurrent('one sample is of a newer version: that sensor begins anew, the run goes on', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  const text = readFileSync(stateOf(machine), 'utf8')
  const newer = text.replace('"disk":{"version":1', '"disk":{"version":9')
  const first = await checkAfter(machine, () => writeFileSync(stateOf(machine), newer))
  const unknown = first.check.readings.filter(({ kind }) => kind === 'unknown')
  expect(unknown.map(({ sensor }) => sensor)).toEqual(['disk'])
  expect([first.code, machine.stops()]).toEqual([0, []])
  expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})

const another = {
  instanceId: 'i-0ffffffffffffffff',
  bootId: '99999999-2222-4333-8444-555555555555',
  runId: '99999999-2222-4333-8444-555555555555@7',
}

/** A line of the journal, as the check that acts writes it. */
function intent(machine: Machine, change: object): string {
  const { state } = JSON.parse(readFileSync(stateOf(machine), 'utf8')) as Readonly<
    Record<string, Record<string, object>>
  >
  const { identity, last, run } = state ?? {}
  const runId = (run as { id?: string }).id
  const whole = { id: 'other-1', runId, ...identity, method: 'stop', at: last, phase: 'accepted', personSeen: false }
  return `${JSON.stringify({ ...whole, ...change })}\n`
}

for (const { name, text } of [
  { name: 'corrupt', text: () => '\u0000\u0001\u0002{{]\n' },
  { name: 'truncated', text: (machine: Machine) => intent(machine, {}).slice(0, 60) },
  { name: 'of another instance', text: (machine: Machine) => intent(machine, another) },
  {
    name: 'corrupt before the intent of another instance',
    text: (machine: Machine) => `${'x'.repeat(40_000)}\n${intent(machine, another)}`,
  },
] as const) {
  test.concurrent(`a journal that is ${name}: no intent of this machine`, slow, async ({ onTestFinished }) => {
    const machine = await startDueMachine()
    onTestFinished(() => machine.close())
    writeFileSync(join(machine.stateDir, 'intents.jsonl'), text(machine))
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([0, '', ['hibernate accepted']])
    expect(machine.tags()['IdleAction']).toBe('hibernating')
    expect(existsSync(join(machine.stateDir, 'intents.jsonl'))).toBe(true)
  })
}

test.concurrent(
  'a journal with an accepted stop of this run, and no state: not stopped twice',
  slow,
  async (context) => {
    const machine = await startDueMachine()
    context.onTestFinished(() => machine.close())
    writeFileSync(join(machine.stateDir, 'intents.jsonl'), intent(machine, {}))
    writeFileSync(stateOf(machine), '{')
    const first = await checkNow(machine)
    const second = await checkWhenDue(machine)
    expect([first.code, second.code, machine.stops()]).toEqual([0, 0, []])
    expect(second.check).toMatchObject({
      state: 'held',
      reason: expect.stringMatching(/held: a stop was accepted and is/),
    })
  },
)
