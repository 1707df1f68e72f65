/** The veto of cron jobs: whose are waited for, which are housekeeping, and what a user can do with a crontab. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { cronVeto } from '../../agent/vetoes/cron.ts'
import { createMachine, HOUR, MINUTE, MONO, minutes, NOON, read } from './machine.ts'

const spool = '/var/spool/cron/crontabs'

describe('a job that is due', () => {
  it.each<[string, string, string, string]>([
    ['of a user on Debian', `${spool}/ann`, '8 12 * * * backup --key=s3cret', 'a cron job of uid 1000'],
    ['of a user on Red Hat', '/var/spool/cron/ann', '8 12 * * * backup', 'a cron job of uid 1000'],
    ['of a user on SUSE', '/var/spool/cron/tabs/ann', '8 12 * * * backup', 'a cron job of uid 1000'],
    ['of the system crontab', '/etc/crontab', '8 12 * * * root backup', 'a job of /etc/crontab'],
    ['of a file of the operator', '/etc/cron.d/nightly', '8 12 * * * root backup', 'a job of /etc/cron.d/nightly'],
  ])('%s', async (_, path, line, what) => {
    const host = createMachine()
    host.files.write(path, `${line}\n`, { uid: 1000 })
    expect(await read(cronVeto, host)).toEqual([
      { name: 'cron', reason: `${what} is due at 12:08 UTC; it is waited for until 12:09 UTC`, until: minutes(9) },
    ])
  })

  it('is found beside the crontab of a user who is called as a folder is elsewhere', async () => {
    const host = createHost({ root: mkdtempSync(join(tmpdir(), 'cron-')), env: {} })
    onTestFinished(() => rmSync(host.root, { recursive: true }))
    mkdirSync(join(host.root, 'var/spool/cron'), { recursive: true })
    writeFileSync(join(host.root, 'var/spool/cron/tabs'), '8 12 * * * backup\n')
    const now = { wallMs: NOON, bootMs: MONO, monoMs: MONO }
    const context = {
      now,
      leaseDir: '/none',
      keepCeilingMs: 24 * HOUR,
      horizonMs: 15 * MINUTE,
      intervalMs: 2 * MINUTE,
      protected: false,
    }
    expect(await cronVeto.read(host, context, new AbortController().signal)).toHaveLength(1)
  })

  it("is root's by name, and nobody else's", async () => {
    const host = createMachine()
    host.files.write(`${spool}/root`, '8 12 * * * backup\n', { uid: 0 })
    expect(await read(cronVeto, host)).toMatchObject([{ reason: expect.stringMatching(/^a cron job of root is due/) }])
  })

  it('is waited for until it has run for a minute', async () => {
    const host = createMachine()
    host.files.write(`${spool}/ann`, '8 12 * * * backup\n')
    const held: number[] = []
    for (let second = -16 * 60; second < 12 * 60; second += 10) {
      host.clock.set({ wallMs: NOON + second * 1000, bootMs: MONO + second * 1000, monoMs: MONO + second * 1000 })
      if ((await read(cronVeto, host)).length > 0) held.push(second)
    }
    expect([held[0], held.at(-1), held.length]).toEqual([-7 * 60, 9 * 60 - 10, 16 * 6])
  })

  it.each([
    [2, 20],
    [5, 20],
    [10, 20],
    [10, 30],
    [15, 30],
    [60, 60],
    [7, 25],
  ])('leaves a check free between its runs: a check every %d min, a job every %d', async (check, job) => {
    const host = createMachine()
    host.files.write(`${spool}/ann`, `*/${job} * * * * poll\n`)
    let held = 0
    const checks = 24 * (60 / Math.min(check, 60))
    for (let count = 0; count < checks; count += 1) {
      // Like cron, each a second late.
      const at = count * check * MINUTE + 1000
      host.clock.set({ wallMs: NOON + at, bootMs: MONO + at, monoMs: MONO + at })
      const vetoes = await read(cronVeto, host, { intervalMs: check * MINUTE, idleSince: MONO + at - HOUR })
      held = vetoes.length === 0 ? 0 : held + 1
      expect(held * check, `min held at a stretch, check ${count}`).toBeLessThanOrEqual(15 + 1 + check)
    }
  })

  it("goes by the machine's time zone, or the crontab's", async () => {
    const host = createMachine()
    host.files.link('/etc/localtime', '/usr/share/zoneinfo/Europe/Berlin')
    host.files.write(
      `${spool}/ann`,
      '8 13 * * * in Berlin\n8 12 * * * not now\nCRON_TZ=Asia/Tokyo\n9 21 * * * in Tokyo\n',
    )
    expect((await read(cronVeto, host)).map(({ until }) => until)).toEqual([minutes(10), minutes(9)])
  })

  it('is waited for as far ahead as the operator says', async () => {
    const host = createMachine()
    host.files.write(`${spool}/ann`, '0 15 * * * backup\n')
    expect(await read(cronVeto, host)).toEqual([])
    expect(await read(cronVeto, host, { horizonMs: 3 * HOUR })).toMatchObject([{ until: minutes(181) }])
    expect(await read(cronVeto, host, { horizonMs: 0 })).toEqual([])
    host.files.write(`${spool}/ann`, '0 12 * * * now\n* * * * * always\n')
    expect(await read(cronVeto, host, { horizonMs: 0 })).toEqual([])
    expect(await read(cronVeto, host, { horizonMs: MINUTE / 2 })).toMatchObject([{ until: minutes(1) }])
  })
})

describe('a job that comes again and again leaves room for a check', () => {
  it.each<[number, string]>([
    [2, '*/18 * * * *'],
    [2, '*/20 * * * *'],
    [5, '*/20 * * * *'],
    [10, '*/20 * * * *'],
    [15, '*/30 * * * *'],
    [60, '@hourly'],
    [60, '30 */2 * * *'],
  ])('every %d minutes beside %s', async (interval, when) => {
    const host = createMachine()
    host.files.write(`${spool}/ann`, `${when} poll\n`)
    const change = { intervalMs: interval * MINUTE, keepCeilingMs: 720 * HOUR }
    let longest = 0
    // Whenever the checks fall.
    for (let first = 0; first < interval; first += interval / 4) {
      let held = 0
      for (let ms = first * MINUTE; ms < 6 * HOUR; ms += interval * MINUTE) {
        host.clock.set({ wallMs: NOON + ms, bootMs: MONO + ms, monoMs: MONO + ms })
        held = (await read(cronVeto, host, change)).length === 0 ? 0 : held + 1
        longest = Math.max(longest, held)
      }
    }
    // From the horizon before a run to a minute after it.
    expect(longest).toBeLessThanOrEqual(Math.ceil(16 / interval))
  })
})

describe('what is not waited for', () => {
  it.each<[string, string, string]>([
    ['a job that always runs', `${spool}/ann`, '* * * * * poll'],
    ['one as often as the horizon', `${spool}/ann`, '*/15 * * * * poll'],
    ['one that would be waited for again as soon as it ran', `${spool}/ann`, '8,24,40,56 * * * * poll'],
    ['one at the next boot', `${spool}/ann`, '@reboot serve'],
    ['one in the afternoon', `${spool}/ann`, '0 15 * * * report'],
    ['this agent itself', '/etc/cron.d/idle-agent', '8 12 * * * root idle-agent check --act'],
    ["a package's", '/etc/cron.d/e2scrub_all', '8 12 * * * root e2scrub'],
    ['what a package left', '/etc/cron.d/nightly.dpkg-old', '8 12 * * * root x'],
    ['what an editor left', '/etc/cron.d/nightly~', '8 12 * * * root x'],
    ['what is hidden', '/etc/cron.d/.placeholder', '8 12 * * * root x'],
    ['what crontab(1) is just writing', `${spool}/tmp.aBcDeF`, '8 12 * * * x'],
    ['at jobs', '/var/spool/cron/atjobs/x', '8 12 * * * x'],
  ])('%s', async (_, path, line) => {
    const host = createMachine()
    host.files.write(path, `${line}\n`)
    expect(await read(cronVeto, host)).toEqual([])
  })

  it('the daily scripts of the distribution; but those of anybody else', async () => {
    const host = createMachine()
    host.files.write(
      '/etc/crontab',
      '8 12 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n',
    )
    expect(await read(cronVeto, host)).toEqual([])
    for (const name of ['logrotate', 'dpkg', '.placeholder', 'notes.txt'])
      host.files.write(`/etc/cron.daily/${name}`, '')
    expect(await read(cronVeto, host)).toEqual([])
    host.files.write('/etc/cron.daily/backup', '')
    expect(await read(cronVeto, host)).toMatchObject([
      { reason: expect.stringMatching(/^a job of \/etc\/crontab is due/) },
    ])
  })
})

describe('what a user can do with a crontab', () => {
  it('many jobs in turn hold to the ceiling after the last use, and no longer', async () => {
    const host = createMachine()
    host.files.write(
      `${spool}/ann`,
      ['0 * * * * a', '14 * * * * b', '28 * * * * c', '42 * * * * d', '56 * * * * e'].join('\n'),
    )
    const free: number[] = []
    for (let minute = 0; minute < 30 * 60; minute += 2) {
      if ((await read(cronVeto, host)).length === 0) free.push(minute)
      host.clock.advance(2 * MINUTE)
    }
    expect(free).toEqual(Array.from({ length: 7 * 30 }, (_, index) => 23 * 60 + 2 * index))
  })

  const doubt = { name: 'cron', until: MONO + 23 * HOUR }
  it.each<[string, string, string]>([
    ['garbage', '\0\0\0\u001b[31m\n', 'its crontab is not understood'],
    ['words of another cron', '0~30 5 * * * x', 'its crontab is not understood'],
    ['an unknown time zone', 'CRON_TZ=Mars\n8 12 * * * x', 'its crontab is not understood'],
    ['a crontab of a megabyte', '# \n'.repeat(400_000), 'there is more than is read'],
  ])('holds, and not for ever: %s', async (_, text, why) => {
    const host = createMachine()
    host.files.write(`${spool}/ann`, text, { uid: 1000 })
    const reason = `a cron job of uid 1000 may be due: ${why}; it holds until 2026-11-23 11:00 UTC at the latest`
    expect(await read(cronVeto, host)).toEqual([{ ...doubt, reason }])
    host.clock.advance(24 * HOUR)
    expect(await read(cronVeto, host)).toEqual([])
  })

  it('a thousand crontabs are read in a moment, as far as they are read', async () => {
    const host = createMachine()
    for (let user = 0; user < 1000; user += 1) host.files.write(`${spool}/u${user}`, '0 5 * * * x\n'.repeat(10_000))
    const began = performance.now()
    const found = await read(cronVeto, host)
    expect(found).toHaveLength(8)
    expect(found[0]).toMatchObject({ reason: expect.stringContaining('there is more than is read') })
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  it('thousands of time zones, in capitals or not: none is looked up beyond the first, and others are waited for as ever', async () => {
    const host = createMachine()
    const zone = (index: number): string =>
      [...'kwajalein'].map((letter, bit) => ((index >> bit) & 1 ? letter.toUpperCase() : letter)).join('')
    const lines = Array.from({ length: 512 }, (_, index) => `CRON_TZ=${zone(index)}\n0 0 1 1 * x\n`)
    host.files.write(`${spool}/ann`, lines.join(''), { uid: 1000 })
    host.files.write(`${spool}/bob`, '8 12 * * * backup\n', { uid: 1001 })
    const began = performance.now()
    expect((await read(cronVeto, host, { horizonMs: 8 * HOUR })).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^a cron job of uid 1000 may be due: its crontab is not understood/),
      expect.stringMatching(/^a cron job of uid 1001 is due at 12:08 UTC/),
    ])
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  it('a link is followed to a file, and to nothing else', async () => {
    const root = mkdtempSync(join(tmpdir(), 'cron-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    mkdirSync(join(root, spool), { recursive: true })
    for (const [name, target] of [
      ['loop', 'loop'],
      ['zero', '/dev/zero'],
      ['gone', '/none'],
      ['folder', '/tmp'],
    ] as const)
      symlinkSync(target, join(root, spool, name))
    writeFileSync(join(root, spool, 'ann'), '8 12 * * * x\n')
    const context = {
      now: { wallMs: NOON, bootMs: MONO, monoMs: MONO },
      leaseDir: '',
      keepCeilingMs: 24 * HOUR,
      horizonMs: 15 * MINUTE,
      intervalMs: 2 * MINUTE,
      protected: false,
    }
    const host = createHost({ root, env: {} })
    const reading = cronVeto.read(host, context, new AbortController().signal)
    await expect(reading).rejects.toThrow('links go in circles')
    rmSync(join(root, spool, 'loop'))
    expect(await cronVeto.read(host, context, new AbortController().signal)).toHaveLength(1)
  })
})

it('cannot be told where a crontab cannot be read', async () => {
  const host = createMachine()
  host.files.write(`${spool}/ann`, '')
  host.files.failing.set(`${spool}/ann`, 'input/output error')
  await expect(read(cronVeto, host)).rejects.toThrow('input/output error')
})

it('stops when it is told to', async () => {
  const context = {
    now: createMachine().clocks(),
    leaseDir: '',
    keepCeilingMs: 1,
    horizonMs: 1,
    intervalMs: 120_000,
    protected: false,
  }
  await expect(cronVeto.read(createMachine(), context, AbortSignal.abort(new Error('enough')))).rejects.toThrow(
    'enough',
  )
})
