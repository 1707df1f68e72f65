// Many checks at once, and checks that are killed at any moment: the state stays readable, and the end stays right.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seeded } from '../crash/cases.ts'
import { expectTidy } from '../crash/right-end.ts'
import { fastest, type Machine, type Ran, startMachine } from '../machine.ts'

const slow = { timeout: 120_000 }

async function together(machine: Machine, count: number): Promise<readonly Ran[]> {
  return Promise.all(Array.from({ length: count }, () => machine.run('check', '--act', '--json', ...machine.flags)))
}

for (const count of [2, 10]) {
  test.concurrent(
    `${count} checks at once: one works, the others say so, one call is made`,
    slow,
    async ({ onTestFinished }) => {
      const machine = await startMachine({
        settings: fastest,
        cloud: { delays: { hibernateMs: 60_000, stopMs: 60_000 } },
      })
      onTestFinished(() => machine.close())
      let worked = 0
      for (let round = 0; round < 4; round += 1) {
        const all = await together(machine, count)
        for (const { code, stdout, stderr } of all) {
          expect([0, 4]).toContain(code)
          expect([stdout === '', /another check .* holds the lock/.test(stderr)]).toEqual([code === 4, code === 4])
        }
        expect(all.some(({ code }) => code === 0)).toBe(true)
        worked += all.filter(({ code }) => code === 0).length
        expect(machine.status()).toMatchObject({ schema: 'idle-agent.status.v1' })
        expectTidy(machine)
        await sleep(1_800)
      }
      expect(worked).toBeGreaterThanOrEqual(4)
      expect(machine.stops()).toEqual(['hibernate accepted'])
      expect(new Set(machine.intents().map(({ id }) => id)).size).toBe(1)
    },
  )
}

/** Checks that are killed within 2.2 s, most of them within the time of a steady check. Returns how many were. */
async function killed(machine: Machine, random: () => number, count: number): Promise<number> {
  let kills = 0
  for (let index = 0; index < count; index += 1) {
    const delayMs = random() < 0.6 ? random() * 300 : 1_200 + random() * 1_000
    const check = machine.start('check', '--act', '--json', ...machine.flags)
    const timer = setTimeout(() => check.child.kill('SIGKILL'), delayMs)
    if ((await check.done).code === -1) kills += 1
    clearTimeout(timer)
    await sleep(random() * 1_200)
  }
  return kills
}

/** Distinct intents and the calls of one run of the machine. */
function expectOneStop(machine: Machine, before: { readonly calls: number; readonly intents: number }): void {
  const calls = machine.stops().slice(before.calls)
  const opened = machine
    .intents()
    .slice(before.intents)
    .filter(({ phase }) => phase === 'intended')
  // A kill between the call and its record leaves the outcome unknown; then the same call, of the same intent, is sent again.
  expect(new Set(opened.map(({ id }) => id)).size).toBe(1)
  expect(new Set(calls)).toEqual(new Set(['hibernate accepted']))
  expect(calls.length).toBeLessThanOrEqual(opened.length)
}

for (const seed of [1, 2, 3, 4, 5]) {
  test.concurrent(
    `ten checks killed at any moment, seed ${seed}: the right end, one stop a run`,
    slow,
    async ({ onTestFinished }) => {
      const machine = await startMachine({
        settings: fastest,
        cloud: { delays: { hibernateMs: 600_000, stopMs: 600_000 } },
      })
      onTestFinished(() => machine.close())
      const random = seeded(seed)
      expect(await killed(machine, random, 10)).toBeGreaterThan(0)
      for (let count = 0; count < 12 && machine.intents().at(-1)?.['phase'] !== 'accepted'; count += 1) {
        const notes = (await machine.check()).check.notes ?? []
        expect(notes.filter((note) => !note.startsWith('not recorded'))).toEqual([])
      }
      // Killed or not, an accepted stop is not followed by another one in this run, while the machine lingers.
      await killed(machine, random, 2)
      const lingering = await machine.check()
      expect(lingering.tags).toMatchObject({ IdleAction: 'hibernating' })
      expectOneStop(machine, { calls: 0, intents: 0 })
      expectTidy(machine)

      const before = { calls: machine.stops().length, intents: machine.intents().length }
      machine.startAgain({ newBootId: false })
      const back = await machine.check()
      expect([back.check.verdict, back.tags['IdleAction']]).toEqual(['unknown', 'hibernated'])
      expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: 'hibernated' })
      expect(machine.stops().length).toBe(before.calls)
    },
  )
}

test.concurrent(
  'frozen before its second look, woken in another run of the machine: nothing is sent',
  slow,
  async ({ onTestFinished }) => {
    const machine = await startMachine({ settings: fastest })
    onTestFinished(() => machine.close())
    await machine.check()
    const asked = machine.cloud.requests.counts().metadata
    const frozen = machine.check()
    // The first check has asked for it, too; this one does right before its second look.
    await machine.cloud.requests.waitFor(
      ({ number, path, server }) => server === 'metadata' && path.endsWith('/hibernation/configured') && number > asked,
      20_000,
    )
    const pid = Number(/-(\d+)-/.exec(readdirSync(join(machine.stateDir, 'lock'))[0]?.slice(36) ?? '')?.[1])
    process.kill(pid, 'SIGSTOP')
    machine.cloud.power.stop(machine.cloud.instance(), { hibernate: true })
    await machine.cloud.waitForState('stopped')
    machine.startAgain({ newBootId: false })
    await machine.cloud.waitForState('running')
    process.kill(pid, 'SIGCONT')
    const woken = await frozen
    expect(woken.check).toMatchObject({ verdict: 'unknown', state: 'active' })
    expect(woken.check.actions).toContainEqual({
      action: 'hibernate',
      result: 'refused',
      detail: expect.stringContaining('cancelled by the second look'),
    })
    expect([machine.stops(), machine.intents(), machine.cloud.instance().state]).toEqual([[], [], 'running'])
    expect(machine.tags()).toMatchObject({ IdleStatus: 'active', IdleAction: '' })
  },
)
