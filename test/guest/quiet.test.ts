// A machine that nobody uses, with what Debian does on its own by day and by night: idle from the end of grace on.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type FileServer, startFileServer } from './file-server.ts'
import { cloudInitResult } from './guest.ts'
import { updatesDaily, writeArchive } from './package-lists.ts'
import { bootQemu, type QemuGuest } from './qemu.ts'
import { apiOnly, guestsSkipped, installing, type Observer, observe, type Told } from './story.ts'

/** Everything as shipped but for the grace, since the half hour is to be counted; nobody acts, so that it lasts. */
const settings = { action: 'report', boot_grace_minutes: 2 }

const minutes = 30

/** What Debian's own cloud images have beside the packages of every guest. */
const packages = ['unattended-upgrades', 'man-db', 'systemd-timesyncd', 'rsyslog']

/** A lease is renewed at half its time: every five minutes here, every thirty at home. */
const renewals =
  'supersede dhcp-lease-time 600;\nsupersede dhcp-renewal-time 300;\nsupersede dhcp-rebinding-time 500;\n'

/** What timers start at other hours, by the minute after grace at which it is started here. */
const nights: Readonly<Record<number, readonly string[]>> = {
  5: ['apt-daily', 'apt-daily-upgrade'],
  13: ['logrotate', 'dpkg-db-backup', 'man-db'],
  20: ['fstrim', 'e2scrub_all', 'e2scrub_reap', 'systemd-tmpfiles-clean'],
}

/** What may be weak evidence meanwhile, and why; nothing may be more than that. */
const holds: readonly { readonly reason: RegExp; readonly units: readonly string[]; readonly because: string }[] = [
  {
    reason: /^eth0 received .*, while (\S+) ran$/,
    units: ['apt-daily', 'apt-daily-upgrade'],
    because: 'they fetch, and whose bytes they were cannot be told',
  },
  {
    reason: /^vda: .*, while (\S+) ran$/,
    units: Object.values(nights).flat(),
    because: 'their processes have ended, and what they read and wrote cannot be told from the rest',
  },
]

function isJustified(reason: string): boolean {
  return holds.some((one) => one.units.includes(one.reason.exec(reason)?.[1] ?? ''))
}

describe.skipIf(guestsSkipped('the quiet guest'))('a guest that is left alone', () => {
  test('is idle from the end of grace on, whatever Debian does', { timeout: (minutes + 20) * 60_000 }, async () => {
    const files = { 'etc/dhcp/dhclient.conf': renewals, ...updatesDaily }
    const userData = (): string => installing(settings, { schedule: 'cron', variables: apiOnly })
    const guest = await bootQemu({ name: 'qemu-quiet', userData, timers: true, packages, files })
    let server: FileServer | undefined
    try {
      const archive = join(guest.run.scratch, 'archive')
      writeArchive(archive, 6)
      server = await startFileServer(guest.network, archive)
      const observer = observe(guest)
      await cloudInitResult(guest, 240_000)
      observer.note(`cloud-init is done\n${await guest.ask('systemctl list-timers --no-pager --no-legend', 30_000)}`)
      const first = await observer.see(({ state }) => state === 'counting', 600_000, 'the end of grace')
      await leaveAlone(guest, observer)
      observer.note(`the guest's own account:\n${await guest.ask(account, 60_000)}`)
      judge(observer.seen.slice(observer.seen.indexOf(first)))
      await expectNights(guest)
    } finally {
      await server?.close()
      await guest.close()
    }
  })
})

/** A look is one small program a minute: less than a thousandth of a processor. */
async function leaveAlone(guest: QemuGuest, { look, note }: Observer): Promise<void> {
  const began = Date.now()
  const due = Object.entries(nights).map(([minute, units]) => ({ at: began + Number(minute) * 60_000, units }))
  while (Date.now() < began + minutes * 60_000) {
    await sleep(55_000)
    await look()
    const next = due[0]
    if (next === undefined || next.at > Date.now()) continue
    due.shift()
    note(`--- as at night: ${next.units.join(', ')}`)
    const units = next.units.map((unit) => `${unit}.service`).join(' ')
    await guest.ask(`systemctl start --no-block ${units}`, 30_000)
  }
}

const account = "journalctl --no-pager -o short-precise | grep -E 'Consumed|DHCPACK|Finished|Starting' | tail -n 60"

function judge(checks: readonly Told[]): void {
  expect(checks.filter(({ verdict }) => verdict !== 'idle')).toEqual([])
  // The clock never started again: it shows the same moment, give or take how clocks are read.
  const since = checks.map(({ idleSince }) => Date.parse(idleSince ?? ''))
  expect(Math.max(...since) - Math.min(...since)).toBeLessThan(2_000)
  const weak = checks.flatMap(({ readings }) => readings).filter(({ kind }) => kind !== 'idle' && kind !== 'absent')
  expect(weak.filter(({ kind, reason }) => kind !== 'hold' || !isJustified(reason))).toEqual([])
  expect(checks.length).toBeGreaterThanOrEqual(minutes / 2 - 1)
}

/** Everything that was to happen did, and some of it was work by its figures. */
async function expectNights(guest: QemuGuest): Promise<void> {
  const units = Object.values(nights).flat()
  for (const unit of units) {
    const shown = `systemctl show --value --property=InactiveEnterTimestampMonotonic ${unit}.service`
    expect(Number(await guest.ask(shown, 30_000)), `${unit} ended`).toBeGreaterThan(0)
  }
  expect(await guest.ask('ls /var/lib/apt/lists', 30_000)).toContain('Packages')
  const renewed = readFileSync(join(guest.run.evidence, 'dnsmasq.log'), 'utf8').match(/DHCPACK/g)?.length ?? 0
  expect(renewed).toBeGreaterThan(4)
}
