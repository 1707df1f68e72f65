// On a real Debian that its own cloud-init set up: a person holds it, leaves, it stops itself, and is started again.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cloudInitResult, type Guest } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import {
  guestsSkipped,
  installing,
  type Observer,
  observe,
  seconds,
  type Told,
  waitForPower,
  waitForTag,
} from './story.ts'

/** One line at a login with a terminal, and nothing on a connection that copies files; the person stays for a check. */
async function readsWhy(guest: Guest, { see }: Observer): Promise<void> {
  const owner = guest.ssh()
  await until(() => owner.text().includes('$ '), 15_000, 'a prompt over ssh')
  expect(
    owner
      .text()
      .split('\r\n')
      .filter((line) => line.includes('idle-agent')),
  ).toEqual([
    expect.stringMatching(
      /^idle-agent stopped it for \d+ s, because nothing had needed it since 20\d\d-\d\d-\d\d \d\d:\d\d UTC; "idle-agent keep" prevents it$/,
    ),
  ])
  const met = ({ readings }: Told): boolean =>
    readings.some(({ sensor, kind }) => sensor === 'sessions' && kind === 'active')
  owner.type(' ')
  await see(met, 10_000, 'the owner met by a check')
  await owner.close()
  const copy = guest.ssh({ tty: false, command: 'true' })
  await until(() => copy.child.exitCode === 0, 10_000, 'a command over ssh')
  expect(copy.text()).toBe('')
}

describe.skipIf(guestsSkipped('nspawn guests'))('a guest in a container', () => {
  test('timer: installed by user data, held by a person, stopped, started again', { timeout: 240_000 }, async () => {
    const guest = await bootNspawn({ name: 'nspawn-timer', userData: installing(seconds) })
    try {
      const observer = observe(guest)
      const { see, note } = observer
      expect(await cloudInitResult(guest, 40_000)).toMatch(/"datasource": "DataSourceEc2"(.|\n)*"errors": \[\]/)
      note('cloud-init is done')
      expect(await guest.ask('systemctl is-active idle-agent.timer')).toBe('active\n')
      const person = guest.ssh()
      await until(() => person.text().includes('$ '), 15_000, 'a prompt over ssh')
      expect(person.text()).not.toContain('idle-agent')
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
      // Mounted at the boot, before anybody could make a lease.
      expect(await guest.ask('findmnt -no FSTYPE,OPTIONS /run/idle-agent/leases')).toMatch(
        /^tmpfs .*nr_inodes=10000,mode=1733/,
      )
      await waitForTag(guest, 'IdleAction', 'stopped', 10_000)
      await readsWhy(guest, observer)
      note('the owner has read why, and left')
      const again = await see(({ state }) => state === 'counting', 25_000, 'counting anew')
      expect(Date.parse(again.idleSince ?? '')).toBeGreaterThanOrEqual(Date.parse(back.at) + 8_000)
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      // Grace is over, and somebody has been there: the line goes with the check that says so.
      await until(async () => (await guest.ask('ls /etc/motd.d')) === '', 6_000, 'the line taken away')
    } finally {
      await guest.close()
    }
  })
})
