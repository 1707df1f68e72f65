/** Jobs of anacron: the operator's are waited for, before it starts and while it waits; the distribution's are not. */
import { describe, expect, it } from 'vitest'
import { anacronVeto, parseAnacrontab } from '../../agent/vetoes/anacron.ts'
import { cronVeto } from '../../agent/vetoes/cron.ts'
import { timersVeto } from '../../agent/vetoes/timers.ts'
import type { MemoryHost } from '../host/memory.ts'
import { createMachine, HOUR, MONO, minutes, read } from './machine.ts'

// SOURCE: the tables that Debian 12's anacron and Red Hat's cronie-anacron install, written after anacrontab(5).
const stock = [
  'SHELL=/bin/sh',
  'HOME=/root',
  '# period  delay  job-identifier  command',
  '1\t5\tcron.daily\trun-parts --report /etc/cron.daily',
  '7\t10\tcron.weekly\trun-parts --report /etc/cron.weekly',
  '@monthly\t15\tcron.monthly\trun-parts --report /etc/cron.monthly',
  '',
].join('\n')
const own = `${stock}1 20 backup /usr/local/bin/backup\n`

describe('a table', () => {
  it('is read without its variables', () => {
    expect(parseAnacrontab(own).map(({ days, id }) => [days, id])).toEqual([
      [1, 'cron.daily'],
      [7, 'cron.weekly'],
      [28, 'cron.monthly'],
      [1, 'backup'],
    ])
  })

  it('has a job every day in a line that is not understood', () => {
    expect(parseAnacrontab('soon backup\n')).toEqual([{ days: 1, id: '', command: '' }])
  })
})

interface Given {
  readonly table?: string
  readonly stamps?: Readonly<Record<string, string>>
  readonly scripts?: readonly string[]
  readonly uid?: number
  readonly comm?: string
}

/** A machine on which anacron has run for ten minutes. */
function machine({ table = own, stamps = {}, scripts = ['logrotate'], uid = 0, comm = 'anacron' }: Given): MemoryHost {
  const run = () => ({
    status: 0,
    stdout:
      'Unit=anacron.service\nNextElapseUSecRealtime=Sun 2026-11-22 12:10:00 UTC\nNextElapseUSecMonotonic=infinity\nLastTriggerUSec=\nId=anacron.timer\n',
    stderr: '',
  })
  const host = createMachine({ run })
  host.files.write('/etc/anacrontab', table)
  for (const name of scripts) host.files.write(`/etc/cron.daily/${name}`, '')
  for (const [id, day] of Object.entries(stamps)) host.files.write(`/var/spool/anacron/${id}`, `${day}\n`)
  const start = (MONO - HOUR / 6) / 10
  host.files.write('/proc/77/stat', `77 (${comm}) S 1 77 77 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 ${start} 0 0\n`)
  host.files.write('/proc/77/status', `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  host.files.makeDir('/run/systemd/system')
  host.files.write('/etc/cron.hourly/0anacron', '')
  host.files.write('/etc/cron.d/0hourly', '01 * * * * root run-parts /etc/cron.hourly\n')
  return host
}

const today = { backup: '20261122' }

describe('while anacron runs', () => {
  it.each<[string, Given, boolean]>([
    ['a job of the operator that has never run', {}, true],
    ['one that ran yesterday', { stamps: { backup: '20261121' } }, true],
    ['one that ran today', { stamps: today }, false],
    ["only the distribution's", { table: stock }, false],
    ["a script of the operator's among the distribution's", { table: stock, scripts: ['logrotate', 'backup'] }, true],
    ['a stamp that is none', { stamps: { backup: 'soon' } }, true],
    ['a user’s process that is called so', { uid: 1000 }, false],
    ['none', { comm: 'anacron2' }, false],
    ['a weekly one in its week', { table: '7 5 weekly x\n', stamps: { weekly: '20261118' } }, false],
    ['a weekly one after it', { table: '7 5 weekly x\n', stamps: { weekly: '20261115' } }, true],
  ])('%s', async (_, given, held) => {
    expect(await read(anacronVeto, machine(given))).toHaveLength(held ? 1 : 0)
  })

  it('is told, with its end', async () => {
    const [veto] = await read(anacronVeto, machine({}))
    expect(veto).toEqual({
      name: 'anacron',
      reason: 'anacron is to run a job of /etc/anacrontab; it is waited for until 2026-11-23 11:00 UTC at the latest',
      until: MONO + 23 * HOUR,
    })
  })

  it("goes by the machine's own day", async () => {
    const host = machine({ stamps: today })
    host.files.link('/etc/localtime', '/usr/share/zoneinfo/Pacific/Kiritimati') // where it is Monday
    expect(await read(anacronVeto, host)).toHaveLength(1)
  })

  it('is waited for in doubt, where its table cannot be read', async () => {
    const host = machine({ table: stock })
    host.files.failing.set('/etc/anacrontab', 'permission denied')
    expect(await read(anacronVeto, host)).toHaveLength(1)
    host.files.remove('/proc/77/stat')
    expect(await read(anacronVeto, host)).toEqual([])
  })

  it.each(['stat', 'status'])(
    'throws, for the loop to hold, where its %s cannot be read while it is there',
    async (file) => {
      const host = machine({})
      host.files.failing.set(`/proc/77/${file}`, 'permission denied')
      await expect(read(anacronVeto, host)).rejects.toThrow('permission denied')
    },
  )

  it('is nothing on a machine without anacron', async () => {
    expect(await read(anacronVeto, createMachine())).toEqual([])
  })
})

describe('before it starts', () => {
  it.each<[string, Given, number]>([
    ['with a job to run', {}, 1],
    ['without one', { stamps: today }, 0],
  ])('its timer is waited for %s', async (_, given, count) => {
    expect(await read(timersVeto, machine(given))).toHaveLength(count)
  })

  it.each<[string, Given, number]>([
    ['with a job to run', {}, 1],
    ['without one', { stamps: today }, 0],
  ])("Red Hat's hourly job is waited for %s", async (_, given, count) => {
    expect(await read(cronVeto, machine(given))).toHaveLength(count)
  })

  it("an operator's own hourly script is waited for on Red Hat, too", async () => {
    const host = machine({ table: stock })
    host.files.write('/etc/cron.hourly/report', '')
    expect(await read(cronVeto, host)).toEqual([
      {
        name: 'cron',
        reason: 'a job of /etc/cron.d/0hourly is due at 12:01 UTC; it is waited for until 12:02 UTC',
        until: minutes(2),
      },
    ])
  })
})

it.each([
  ['the service', 'anacron.service'],
  ['the timer', 'anacron.timer'],
])('a timer that the operator counts to housekeeping by %s is not waited for', async (_, name) => {
  expect(await read(timersVeto, machine({}), { ignoredUnits: [name] })).toEqual([])
})
