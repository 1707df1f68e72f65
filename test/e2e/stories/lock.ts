// Another check in the way: one that hangs is told, and one that waits, whose verdict was lost, is answered for.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parseCheck } from '../check-object.ts'
import { fastest, type Machine, startMachine } from '../machine.ts'

const slow = { timeout: 60_000 }

function entries(machine: Machine): readonly string[] {
  const folder = join(machine.stateDir, 'lock')
  return existsSync(folder) ? readdirSync(folder) : []
}

test.concurrent(
  '4 beside a check that hangs: said each time, recorded once, over when it ends',
  slow,
  async (context) => {
    const machine = await startMachine()
    context.onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'metadata', fault: { kind: 'delay', ms: 800 }, times: 2 })
    const first = machine.start('check', '--act', '--json', ...machine.flags)
    while (entries(machine).length === 0) await sleep(10)
    first.child.kill('SIGSTOP')
    const entry = join(machine.stateDir, 'lock', entries(machine)[0] ?? '')
    writeFileSync(entry, String(Number(readFileSync(entry, 'utf8')) - 25 * 60_000))
    for (const _ of [1, 2]) {
      const beside = await machine.run('check', '--act', '--json', ...machine.flags)
      expect([beside.code, beside.stdout]).toEqual([4, ''])
      expect(beside.stderr).toMatch(
        new RegExp(`another check \\(pid ${first.child.pid}\\) has held the lock for 25 min and hangs.*kill -9 `),
      )
    }
    const told = machine.audit().filter(({ action }) => action === 'lock')
    expect(told).toMatchObject([{ result: 'failed', detail: expect.stringContaining('hangs') }])
    expect(machine.status()).toMatchObject({ fault: { kind: 'check', reason: expect.stringContaining('hangs') } })
    expect(machine.tags()['IdleReason']).toMatch(/^fault: another check .* hangs/)
    first.child.kill('SIGKILL')
    await first.done
    await machine.check()
    expect(entries(machine)).toEqual([])
    expect([machine.status()['fault'], machine.tags()['IdleReason']]).toEqual([undefined, ''])
  },
)

test.concurrent('0 and a look by hand while another check waits and its status was lost', slow, async (context) => {
  const settings = { ...fastest, hibernate_threshold_minutes: 0.17, check_interval_minutes: 0.12 }
  const machine = await startMachine({ settings })
  context.onTestFinished(() => machine.close())
  await machine.check()
  await sleep(4_500)
  const first = machine.start('check', '--act', '--json', ...machine.flags)
  while (!entries(machine).some((name) => name.endsWith('.waiting'))) await sleep(50)
  rmSync(join(machine.stateDir, 'run/status.json'))
  const second = await machine.run('check', '--act', '--json', ...machine.flags)
  const third = await machine.run('check', '--act', ...machine.flags)
  expect(first.child.exitCode).toBeNull()
  expect([second.code, second.stderr, third.code]).toEqual([0, '', 0])
  const looked = parseCheck(second)
  expect(looked).toMatchObject({ verdict: 'idle', actions: [] })
  expect(looked.notes).toEqual(['not recorded: another check waits for its due time'])
  expect(third.stdout).toMatch(/^idle(?: \(\w+\))?: nothing needed[\s\S]*note: not recorded: another check waits/)
  expect((await first.done).code).toBe(0)
  expect(machine.stops()).toEqual(['hibernate accepted'])
})
