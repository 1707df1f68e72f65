// Debian looks after itself in the background: that is nobody's work, and the same done by somebody is.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FileServer, startFileServer } from './file-server.ts'
import { cloudInitResult, type Guest } from './guest.ts'
import { bootNspawn } from './nspawn.ts'
import { updatesDaily, writeArchive } from './package-lists.ts'
import { guestsSkipped, installing, type Observer, observe, seconds, type Told } from './story.ts'

/** Stands for the index of an archive as large as Debian's own. */
const index = 'timeout 2 sh -c "while :; do :; done"'
const indexes = { 'etc/systemd/system/apt-daily.service.d/index.conf': `[Service]\nExecStartPost=-${index}\n` }

const settings = {
  ...seconds,
  action: 'report',
  hibernate_threshold_minutes: 60,
  boot_grace_minutes: 0,
}

describe.skipIf(guestsSkipped('housekeeping in a guest'))(
  'a guest that updates its package lists',
  { timeout: 120_000 },
  () => {
    let guest: Guest
    let server: FileServer
    let observer: Observer

    beforeAll(async () => {
      guest = await bootNspawn({
        name: 'nspawn-housekeeping',
        userData: installing(settings),
        timers: true,
        files: { ...updatesDaily, ...indexes },
      })
      const archive = join(guest.run.scratch, 'archive')
      writeArchive(archive, 2)
      server = await startFileServer(guest.network, archive)
      observer = observe(guest)
      await cloudInitResult(guest, 60_000)
      await later(2)
    }, 300_000)
    afterAll(async () => {
      await server?.close()
      await guest?.close()
    }, 60_000)

    /** Runs a command in the guest, and returns what the checks said up to one that covers nothing of it any more. */
    async function during(command: string): Promise<readonly Told[]> {
      await guest.ask('rm -rf /var/lib/apt/periodic/* /var/lib/apt/lists/* /var/cache/apt/*.bin')
      const before = observer.seen.length
      observer.note(`--- ${command}`)
      await guest.ask(command, 60_000)
      observer.note('--- done')
      await later(2)
      return observer.seen.slice(before)
    }

    /** Waits for so many checks from now on. */
    async function later(checks: number): Promise<void> {
      let at = new Date().toISOString()
      for (let count = 0; count < checks; count += 1) {
        at = (await observer.see((told) => told.at > at, 40_000, 'another check')).at
      }
    }

    test('by its own timer: it stays idle, and nothing is done meanwhile', async () => {
      const seen = await during('systemctl start apt-daily.service')
      expect(await guest.ask('ls /var/lib/apt/lists')).toContain('Packages')
      const used = await guest.ask('systemctl show --value --property=CPUUsageNSec apt-daily.service')
      expect(Number(used) / 1e9, 'seconds of CPU time: enough to be told from nothing').toBeGreaterThan(1)
      expect(seen.filter(({ verdict }) => verdict !== 'idle')).toEqual([])
      const network = seen
        .flatMap(({ readings }) => readings)
        .filter(({ sensor, kind }) => sensor === 'network' && kind === 'hold')
      expect(network.length).toBeGreaterThan(0)
      for (const { reason } of network) expect(reason).toMatch(/received .*, while apt-daily ran$/)
    })

    test('by somebody: it is in use', async () => {
      const seen = await during(`systemd-run -q --wait --unit somebody sh -c 'apt-get update; ${index}; true'`)
      const active = seen.flatMap(({ readings }) => readings).filter(({ kind }) => kind === 'active')
      expect(new Set(active.map(({ sensor }) => sensor))).toEqual(new Set(['cpu', 'network']))
    })
  },
)
