// What is waited for although nobody is there: inhibitors, jobs that are due, a shutdown that somebody planned; and a disk at work.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { line, use } from '../../sensors/disk-machine.ts'
import { acted, type Checked, fastest, type Machine, startMachine } from '../machine.ts'

const slow = { timeout: 90_000 }

function isHeld({ check }: Checked): boolean {
  return check.state === 'held'
}

/** A minute that begins in so many minutes, or less. */
function soon(minutes: number): Date {
  return new Date(Math.floor(Date.now() / 60_000 + minutes) * 60_000)
}

interface Wait {
  readonly name: string
  readonly path: string
  /** Text of the file, and when it ends, where it does by itself. */
  begin(): { readonly text: string; readonly endsMs?: number }
  readonly veto: string
  readonly reason: RegExp
}

const waits: readonly Wait[] = [
  {
    name: 'an inhibitor of root',
    path: '/run/systemd/inhibit/4',
    begin: () => ({
      text: '# This is private data. Do not parse.\nWHAT=sleep\nMODE=block\nUID=0\nPID=1\nWHO=backup\nWHY=s3cret\n',
    }),
    veto: 'inhibitor',
    reason: /^systemd inhibitor of systemd \(pid 1\) against sleep, until root gives it back$/,
  },
  {
    name: 'a cron job',
    path: '/var/spool/cron/crontabs/ann',
    begin() {
      const at = soon(5)
      return {
        text: `${at.getUTCMinutes()} ${at.getUTCHours()} * * * backup --key=s3cret\n`,
        endsMs: at.getTime() + 60_000,
      }
    },
    veto: 'cron',
    reason: /^a cron job of (root|uid \d+) is due at .*\d\d:\d\d UTC; it is waited for until .*\d\d:\d\d UTC$/,
  },
  {
    name: 'a shutdown that somebody scheduled',
    path: '/run/systemd/shutdown/scheduled',
    begin() {
      const at = soon(5)
      return { text: `USEC=${at.getTime() * 1000}\nWARN_WALL=1\nMODE=reboot\n`, endsMs: at.getTime() + 120_000 }
    },
    veto: 'shutdown',
    reason: /^a reboot is scheduled; it is waited for until .*\d\d:\d\d UTC$/,
  },
]

for (const { name, path, begin, veto, reason } of waits) {
  test.concurrent(`waited for: ${name}`, slow, async ({ onTestFinished }) => {
    const machine = await startMachine({ settings: fastest })
    onTestFinished(() => machine.close())
    const { text, endsMs } = begin()
    machine.write('/proc/1/comm', 'systemd\n')
    machine.write(path, text)
    const held = await lastHeld(machine)
    expect(held.check.vetoes).toEqual([{ name: veto, reason: expect.stringMatching(reason) }])
    const next = held.check.next.at
    if (endsMs === undefined) expect(next).toBeNull()
    else expect(Math.abs(Date.parse(next ?? '') - endsMs)).toBeLessThan(100)
    expect([held.code, held.tags['IdleStatus'], held.tags['IdleAction']]).toEqual([0, 'idle', ''])
    // Held from the first look on: no second look, no call, nobody told that it is about to happen.
    expect(held.check.actions.map(({ action }) => action)).not.toContain('hibernate')
    expect(machine.stops()).toEqual([])
    expect(`${held.stdout}${JSON.stringify(machine.status())}`).not.toContain('s3cret')
    rmSync(join(machine.root, path))
    await machine.until(acted)
  })
}

async function lastHeld(machine: Machine): Promise<Checked> {
  const last = (await machine.until(isHeld)).at(-1)
  if (last === undefined) throw new Error('no check')
  return last
}

test.concurrent('a job that always runs is not waited for', slow, async ({ onTestFinished }) => {
  const machine = await startMachine({ settings: fastest })
  onTestFinished(() => machine.close())
  machine.write('/var/spool/cron/crontabs/ann', '* * * * * poll\n*/5 * * * * poll\n@reboot serve\n')
  await machine.until(acted)
})

test.concurrent('a disk that is read is in use, and idle when it stops', slow, async ({ onTestFinished }) => {
  const machine = await startMachine({ settings: fastest })
  onTestFinished(() => machine.close())

  let read = 0
  for (let count = 0; count < 5; count += 1) {
    read += 100_000_000
    use(machine, { read })
    const { check } = await machine.check()
    if (count > 0)
      expect(check).toMatchObject({
        verdict: 'active',
        reason: expect.stringMatching(/^in use: nvme0n1: .* MB\/s read/),
      })
  }
  expect(machine.stops()).toEqual([])
  machine.write('/proc/diskstats', line('nvme0n1', { read: 1, id: '259 0' }))
  const back = await machine.check()
  expect(back.check).toMatchObject({
    verdict: 'unknown',
    reason: expect.stringMatching(/bytes read from nvme0n1 went down/),
  })
  await machine.until(acted)
})
