// On a machine with a kernel, firmware, clock and sleep of its own: hibernated and resumed, paused, rebooted, stopped by its button.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cloudInitResult } from './guest.ts'
import { until } from './host.ts'
import { bootQemu, type QemuGuest } from './qemu.ts'
import { apiOnly, emulated, guestsSkipped, installing, observe, waitForPower, waitForTag } from './story.ts'

function userData(action: 'hibernate' | 'stop'): () => string {
  return () => installing({ ...emulated, action }, { variables: apiOnly })
}

function bootId(guest: QemuGuest): Promise<string> {
  return guest.ask('cat /proc/sys/kernel/random/boot_id', 3_000)
}

/** The guest answers again, after a boot or a resume. */
function awake(guest: QemuGuest): Promise<string> {
  return until(() => bootId(guest), 150_000, 'the guest answers', 1_000)
}

/** Every metadata answer but a refusal was given for a token. */
async function expectTokensOnly({ cloud }: QemuGuest): Promise<void> {
  const { requests } = await cloud.requests()
  const without = requests.filter(
    ({ server, params, status }) => server === 'metadata' && params['token'] === 'none' && status !== 401,
  )
  expect(without).toEqual([])
  expect(
    requests.some(({ server, method, status }) => server === 'metadata' && method === 'PUT' && status === 200),
  ).toBe(true)
}

describe.skipIf(guestsSkipped('qemu guests'))('a guest in an emulated machine', () => {
  test('hibernated to disk and resumed minutes later; paused', { timeout: 900_000 }, async () => {
    const guest = await bootQemu({ name: 'qemu-hibernate', userData: userData('hibernate') })
    try {
      const { see, note } = observe(guest)
      expect(await cloudInitResult(guest, 180_000)).toMatch(/"datasource": "DataSourceEc2Local"(.|\n)*"errors": \[\]/)
      note('cloud-init is done')
      await expectTokensOnly(guest)
      const before = await awake(guest)
      await see(({ state }) => state === 'grace', 60_000, 'grace')
      await waitForPower(guest, 'stopped', 300_000)
      note('asleep on disk')
      expect(await guest.cloud.stops()).toEqual(['hibernate accepted'])
      expect(await guest.cloud.tags()).toMatchObject({ IdleAction: 'hibernating' })
      await sleep(100_000)
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 30_000)
      expect(await awake(guest)).toBe(before)
      note('awake, the same boot')
      const woke = Date.now()
      const back = await see(
        ({ at, state }) => state === 'grace' && Date.parse(at) > woke - 5_000,
        60_000,
        'grace after waking',
      )
      expect(back.idleSince).toBeNull()
      await waitForTag(guest, 'IdleAction', 'hibernated', 90_000)
      await see(({ state }) => state === 'counting', 90_000, 'counting anew')
      expect(await guest.cloud.stops()).toEqual(['hibernate accepted'])
      await pausedAndStepped(guest, note)
      const stepped = Date.now()
      const after = await see(({ at }) => Date.parse(at) > stepped - 5_000, 60_000, 'a check after the pause')
      note(`first check after the step: ${after.state}`)
      await sleep(Math.max(0, stepped + 25_000 - Date.now()))
      expect(await guest.cloud.stops()).toEqual(['hibernate accepted'])
    } finally {
      await guest.close()
    }
  })

  test('rebooted while counting; stopped by its power button; started again', { timeout: 900_000 }, async () => {
    const guest = await bootQemu({ name: 'qemu-stop', userData: userData('stop') })
    try {
      const { see, note } = observe(guest)
      await cloudInitResult(guest, 180_000)
      note('cloud-init is done')
      const before = await awake(guest)
      await see(({ state }) => state === 'counting', 120_000, 'counting')
      await guest.exec('systemctl reboot --no-block')
      await until(async () => (await bootId(guest)) !== before, 180_000, 'a new boot', 1_000)
      note('rebooted by itself')
      const fresh = await see(({ state }) => state === 'grace', 120_000, 'grace after the reboot')
      expect(fresh.idleSince).toBeNull()
      const again = await see(({ state }) => state === 'counting', 120_000, 'counting anew')
      expect(Date.parse(again.idleSince ?? '')).toBeGreaterThan(Date.parse(fresh.at) + 25_000)
      await waitForPower(guest, 'stopped', 240_000)
      note('off at its button')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 30_000)
      const second = await awake(guest)
      expect(second).not.toBe(before)
      note('started again')
      await see(({ state }) => state === 'grace', 120_000, 'grace after the start')
      await waitForTag(guest, 'IdleAction', 'stopped', 90_000)
      await see(({ state }) => state === 'counting', 120_000, 'counting after the start')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
    } finally {
      await guest.close()
    }
  })
})

/** Stands still for longer than the threshold (60 s, 80 s after a stop that was undone), and then hears from its clock chip how late it is. */
async function pausedAndStepped(guest: QemuGuest, note: (text: string) => void): Promise<void> {
  await guest.pause()
  note('paused')
  await sleep(95_000)
  await guest.resume()
  await guest.ask('hwclock --hctosys --utc', 30_000)
  note('goes on, and its clock stepped forward')
}
