// The default schedule on a real Debian: the entry of cron fires, and the verdict is the same as under a timer.
import { describe, expect, test } from 'vitest'
import { cloudInitResult } from './guest.ts'
import { bootNspawn } from './nspawn.ts'
import { guestsSkipped, installing, observe, seconds, waitForPower, waitForTag } from './story.ts'

describe.skipIf(guestsSkipped('the guest with cron'))('a guest with cron', () => {
  // Cron knows no less than a minute, so this takes about four.
  test('left alone, it is stopped; started again, it is not', { timeout: 480_000 }, async () => {
    const settings = {
      ...seconds,
      check_interval_minutes: 1,
      idle_threshold_minutes: 0.5,
      hibernate_threshold_minutes: 1,
    }
    const guest = await bootNspawn({ name: 'nspawn-cron', userData: installing(settings, { schedule: 'cron' }) })
    try {
      const { see, note, seen } = observe(guest)
      await cloudInitResult(guest, 40_000)
      note('cloud-init is done')
      const first = await see(() => true, 75_000, 'the first check by cron')
      expect(first.state).toBe('grace')
      await see(({ verdict }) => verdict === 'idle', 75_000, 'the second check')
      await waitForPower(guest, 'stopped', 180_000)
      note('the guest is off')
      // Cron's own session and children, and the check itself, are nobody's work.
      expect(seen.filter(({ verdict }) => verdict === 'active')).toEqual([])
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 15_000)
      const back = await see(({ state }) => state === 'grace', 90_000, 'grace after the start')
      note('started again')
      expect(back.idleSince).toBeNull()
      await waitForTag(guest, 'IdleAction', 'stopped', 90_000)
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
    } finally {
      await guest.close()
    }
  })
})
