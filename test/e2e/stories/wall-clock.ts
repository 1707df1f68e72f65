// The wall clock is set three hours ahead or back, between checks and in the middle of one: idle time is what somebody saw.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type onTestFinished, test } from 'vitest'
import { canSetClocks, withClocks } from '../clocks.ts'
import { checkNow, checkOnce, checkWhenDue, makeDue, timePasses } from '../due.ts'
import { fastest, type Machine, quick, type Settings, startMachine } from '../machine.ts'

const slow = { timeout: 60_000 }
const HOUR_MS = 3_600_000

// A power switch that takes ten minutes: what is not sent again is seen.
const lingering = { delays: { hibernateMs: 600_000, stopMs: 600_000 } }

async function start(
  finished: typeof onTestFinished,
  settings: Settings = fastest,
): Promise<{ machine: Machine; step: (hours: number) => void }> {
  const machine = await startMachine({ settings, cloud: lingering })
  finished(() => machine.close())
  const set = withClocks(machine)
  return { machine, step: (hours) => set({ wallMs: hours * HOUR_MS, bootMs: 0 }) }
}

/** Calls by a clock that is hours off: EC2 says so, and they are made by its own. */
const accepted = /^hibernate (RequestExpired|RequestInTheFuture|RequestTimeTooSkewed|accepted)$/

for (const hours of [3, -3]) {
  const by = `${hours > 0 ? '+' : '−'}3 h`

  test
    .skipIf(!canSetClocks)
    .concurrent(`wall clock ${by}: what was due is done, by the same idle clock`, slow, async (context) => {
      const { machine, step } = await start(context.onTestFinished)
      await makeDue(machine)
      step(hours)
      const done = await checkNow(machine)
      expect([done.code, done.check.state, machine.stops().at(-1)]).toEqual([0, 'acting', 'hibernate accepted'])
      for (const stop of machine.stops()) expect(stop).toMatch(accepted)
      expect(done.check.idleSeconds).toBeGreaterThanOrEqual(60)
      expect(done.check.idleSeconds).toBeLessThan(300)
      expect(Math.abs(Date.parse(done.check.at) - Date.now() - hours * HOUR_MS)).toBeLessThan(60_000)
    })

  test
    .skipIf(!canSetClocks)
    .concurrent(`wall clock ${by}: what is not due does not become so`, slow, async (context) => {
      const { machine, step } = await start(context.onTestFinished, { ...quick, hibernate_threshold_minutes: 5 })
      await makeDue(machine)
      // Seen idle for one minute of five.
      step(hours)
      const early = await checkNow(machine)
      expect([early.check.state, early.api.includes('StopInstances')]).toEqual(['idle', false])
      expect(early.check.idleSeconds).toBeLessThan(200)
      const due = Date.parse(early.check.next.at ?? '') - Date.parse(early.check.at)
      expect(due).toBeGreaterThan(60_000)
      expect(due).toBeLessThanOrEqual(300_000)
      timePasses(machine, 5 * 60_000)
      expect([(await checkNow(machine)).code, machine.stops().at(-1)]).toEqual([0, 'hibernate accepted'])
    })

  test
    .skipIf(!canSetClocks)
    .concurrent(
      `wall clock ${by}, and metadata that does not tell of a resume: nothing is sent`,
      slow,
      async (context) => {
        const { machine, step } = await start(context.onTestFinished)
        await makeDue(machine)
        machine.cloud.faults.add({ server: 'metadata', fault: { kind: 'status', status: 500 } })
        step(hours)
        const blind = await checkOnce(machine)
        expect([blind.code, machine.stops()]).toEqual([3, []])
        // Ahead it may have been a pause that no clock counted; back it was none.
        expect(blind.check.state).toBe(hours > 0 ? 'active' : 'held')
        machine.cloud.faults.clear()
        expect([(await checkWhenDue(machine)).code, machine.stops().at(-1)]).toEqual([0, 'hibernate accepted'])
      },
    )

  test
    .skipIf(!canSetClocks)
    .concurrent(`wall clock ${by} while the call is under way: one call, and no other`, slow, async (context) => {
      const { machine, step } = await start(context.onTestFinished)
      await makeDue(machine)
      const fault = { kind: 'delay', ms: 1_000 } as const
      machine.cloud.faults.add({ server: 'api', action: 'StopInstances', times: 1, fault })
      const running = checkOnce(machine)
      while (machine.cloud.requests.list({ action: 'StopInstances' }).length === 0) await sleep(5)
      step(hours)
      const { code, stderr } = await running
      expect([code, stderr, machine.stops()]).toEqual([0, '', ['hibernate accepted']])
      for (const _ of [1, 2]) await checkWhenDue(machine)
      expect([machine.stops(), machine.tags()['IdleAction']]).toEqual([['hibernate accepted'], 'hibernating'])
      expect(machine.intents().at(-1)).toMatchObject({ phase: 'accepted' })
    })
}
