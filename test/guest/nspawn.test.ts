// On a real Debian that its own cloud-init set up: a person holds it, leaves, it stops itself, and is started again.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cloudInitResult } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { guestsSkipped, installing, observe, seconds, waitForPower, waitForTag } from './story.ts'

describe.skipIf(guestsSkipped('nspawn guests'))('a guest in a container', () => {
  test('timer: installed by user data, held by a person, stopped, started again', { timeout: 240_000 }, async () => {
    const guest = await bootNspawn({ name: 'nspawn-timer', userData: installing(seconds) })
    try {
      const { see, note } = observe(guest)
      expect(await cloudInitResult(guest, 40_000)).toMatch(/"datasource": "DataSourceEc2"(.|\n)*"errors": \[\]/)
      note('cloud-init is done')
      expect(await guest.ask('systemctl is-active idle-agent.timer')).toBe('active\n')
      const person = guest.ssh()
      await until(() => person.text().includes('$ '), 15_000, 'a prompt over ssh')
      note('a person has logged in')
      await see(({ state }) => state === 'grace', 15_000, 'grace')
      // Grace is 9 s and the threshold 15 s: without the person it would be stopped by now.
      const typed = Date.now() + 32_000
      while (Date.now() < typed) {
        person.type(' ')
        await sleep(700)
        await see(() => true, 2_000, 'a status').catch(() => undefined)
      }
      expect(await guest.cloud.stops()).toEqual([])
      const held = await see(({ state }) => state === 'active', 10_000, 'held by a person')
      expect(held.readings.find(({ sensor }) => sensor === 'sessions')).toMatchObject({ kind: 'active' })
      expect(await guest.ask('cat /var/lib/idle-agent/state.json')).toContain('"of":"container"')
      await person.close()
      note('the person has left')
      await see(({ state }) => state === 'idle', 25_000, 'idle')
      await waitForPower(guest, 'stopped', 45_000)
      note('the guest is off')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      expect(await guest.cloud.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: 'stopping' })
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 15_000)
      note('started again by its owner')
      const back = await see(({ state }) => state === 'grace', 20_000, 'grace after the start')
      expect(back.idleSince).toBeNull()
      await waitForTag(guest, 'IdleAction', 'stopped', 10_000)
      const again = await see(({ state }) => state === 'counting', 25_000, 'counting anew')
      expect(Date.parse(again.idleSince ?? '')).toBeGreaterThanOrEqual(Date.parse(back.at) + 8_000)
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
    } finally {
      await guest.close()
    }
  })
})
