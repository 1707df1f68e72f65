// EC2 accepted the stop and the machine runs on: not asked again while it may still happen, then told, and tried again.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkNow, checkWhenDue, startDueMachine } from '../due.ts'
import type { Machine } from '../machine.ts'

const slow = { timeout: 60_000 }
const SIX_MINUTES_MS = 6 * 60_000

/** The stop was accepted longer ago. */
function acceptedEarlier(machine: Machine): void {
  const path = join(machine.stateDir, 'intents.jsonl')
  const earlier = (_: string, name: string, ms: string): string => `"${name}":${Number(ms) - SIX_MINUTES_MS}`
  const text = readFileSync(path, 'utf8')
  const moved = text.replace(/"at":\{[^}]*\}/, (at) => at.replace(/"(wallMs|bootMs|monoMs)":([\d.]+)/g, earlier))
  if (moved === text) throw new Error('there is no intent in the journal')
  writeFileSync(path, moved)
}

test.concurrent('accepted but still running: held, then failed, said, and tried again', slow, async (context) => {
  const machine = await startDueMachine({ cloud: { delays: { hibernateMs: 600_000, stopMs: 600_000 } } })
  context.onTestFinished(() => machine.close())
  expect([(await checkNow(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
  for (const _ of [1, 2, 3]) {
    const pending = await checkWhenDue(machine)
    expect([pending.code, machine.stops().length, machine.tags()['IdleAction']]).toEqual([0, 1, 'hibernating'])
  }
  const told = (await machine.run('status', ...machine.flags)).stdout
  expect(told).toMatch(/^idle \(held\): .*held: a stop was accepted and is still to happen$/m)
  expect(told).toMatch(/^ {2}call +hibernating: the cloud has accepted it$/m)

  acceptedEarlier(machine)
  const failed = await checkWhenDue(machine)
  const deeds = machine.audit().filter(({ action }) => action === 'reconcile' || action === 'alert')
  expect(deeds).toMatchObject([
    {
      action: 'alert',
      detail: expect.stringMatching(/^still running .* after a stop that was accepted; see its state/),
    },
    { action: 'reconcile', result: 'failed', detail: 'failed' },
  ])
  // The cloud has not done what it accepted; the same check acts again, by a new intent.
  expect([failed.code, machine.stops()]).toEqual([3, ['hibernate accepted', 'hibernate accepted']])
  const opened = machine.intents().filter(({ phase }) => phase === 'intended')
  expect(new Set(opened.map(({ id }) => id)).size).toBe(2)
  expect(machine.tags()).toMatchObject({ IdleAction: 'hibernating' })
})
