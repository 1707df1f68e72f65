// The package-manager veto: real /proc/locks lines, a real lock held by a real process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { packageManagerVeto, parseLocks } from '../../agent/vetoes/package-manager.ts'
import type { VetoContext } from '../../agent/vetoes/veto.ts'

const HOUR = 3_600_000
/** Noon; the machine runs for 100 hours, of which it slept 10. */
const clocks = { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 100 * HOUR, monoMs: 90 * HOUR }
const context = {
  now: clocks,
  leaseDir: '/none',
  keepCeilingMs: 24 * HOUR,
  horizonMs: 0,
  intervalMs: 0,
  protected: false,
}

describe('parseLocks', () => {
  it('reads held locks and passes over waiting ones', () => {
    const text = [
      '1: POSIX  ADVISORY  WRITE 812 08:01:131 0 EOF',
      '1: -> POSIX  ADVISORY  WRITE 813 08:01:131 0 EOF',
      '2: OFDLCK ADVISORY  READ -1 00:1a:77 0 0',
      '3: FLOCK  ADVISORY  WRITE 9 fe:00:5 0 EOF',
      '4: LEASE  ACTIVE    READ 10 <none>:0 0 EOF',
      '',
    ].join('\n')
    const held = [
      { pid: 812, major: 8, minor: 1, inode: 131 },
      { pid: -1, major: 0, minor: 26, inode: 77 },
      { pid: 9, major: 254, minor: 0, inode: 5 },
    ]
    expect(parseLocks(text)).toEqual({ held, strange: 0 })
  })

  it('passes over a lock on no file', () => {
    const text = '1: POSIX  ADVISORY  WRITE 812 <none>:0 0 EOF\n2: POSIX  ADVISORY  WRITE 9 08:01:131 0 EOF\n'
    expect(parseLocks(text)).toEqual({ held: [{ pid: 9, major: 8, minor: 1, inode: 131 }], strange: 0 })
  })

  it.each(['nonsense', '1: POSIX ADVISORY WRITE', '1: POSIX  ADVISORY  WRITE x 08:01:131 0 EOF', '\0\0'])(
    'does not understand %j, and reads on',
    (text) => {
      const locks = parseLocks(`${text}\n1: POSIX  ADVISORY  WRITE 9 08:01:131 0 EOF\n`)
      expect(locks).toEqual({ held: [{ pid: 9, major: 8, minor: 1, inode: 131 }], strange: 1 })
    },
  )
})

describe('the veto', () => {
  /** A root whose dpkg lock is a real file; /proc is that of this machine, copied in where it is needed. */
  function root(locks: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'locks-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const name of ['var/lib/dpkg', 'proc/812']) mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'var/lib/dpkg/lock-frontend'), '')
    writeFileSync(join(folder, 'proc/812/comm'), 'apt-get\n')
    writeFileSync(join(folder, 'proc/812/status'), 'Name:\tapt-get\nUid:\t0\t0\t0\t0\n')
    began(folder, 812, 1)
    const { ino } = statSync(join(folder, 'var/lib/dpkg/lock-frontend'))
    writeFileSync(join(folder, 'proc/locks'), locks.replaceAll('INODE', String(ino)))
    return folder
  }

  /** A process that began so many hours ago. */
  function began(folder: string, pid: number, hours: number): void {
    const ticks = (clocks.bootMs - hours * HOUR) / 10
    mkdirSync(join(folder, `proc/${pid}`), { recursive: true })
    writeFileSync(join(folder, `proc/${pid}/stat`), `${pid} (a) b (c) S${' 0'.repeat(18)} ${ticks} 0\n`)
  }

  const read = (folder: string, given: VetoContext = context) =>
    packageManagerVeto.read(createHost({ root: folder, env: {} }), given, new AbortController().signal)

  const within = '; it holds until 2026-11-23 11:00 UTC at the latest'

  it.each<[string, string, string | undefined]>([
    ['held', '1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n', `dpkg lock held by pid 812 (apt-get)${within}`],
    ['lying there', '', undefined],
    ['waited for', '1: -> POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n', undefined],
    ['another file of that inode elsewhere', '1: POSIX  ADVISORY  WRITE 7 00:00:INODE 0 EOF\n', undefined],
    ['another file', '1: POSIX  ADVISORY  WRITE 812 00:00:1 0 EOF\n', undefined],
  ])('%s', async (_what, locks, reason) => {
    expect((await read(root(locks))).map((veto) => veto.reason)).toEqual(reason === undefined ? [] : [reason])
  })

  it.each<[string, number, number, number | undefined]>([
    ['an hour ago', 1, 0, 23],
    ['an hour ago, on a machine that was last used before', 1, 5, 19],
    ['yesterday, and waits at a prompt that nobody sees', 23.9, 0, 0.1],
    ['the day before', 24, 0, undefined],
    ['in a boot before', 1000, 0, undefined],
    ['in the future', -1, 0, 24],
  ])('of a holder that began %s', async (_what, hours, idleHours, left) => {
    const folder = root('1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n')
    began(folder, 812, hours)
    const [veto] = await read(folder, { ...context, idleSince: clocks.monoMs - idleHours * HOUR })
    expect(veto?.until).toBe(left === undefined ? undefined : clocks.monoMs + left * HOUR)
    expect(veto === undefined).toBe(left === undefined)
  })

  it('goes by the holder that began last', async () => {
    const folder = root('1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n')
    writeFileSync(join(folder, 'var/lib/dpkg/lock'), '')
    const { ino } = statSync(join(folder, 'var/lib/dpkg/lock'))
    writeFileSync(
      join(folder, 'proc/locks'),
      `${readFileSync(join(folder, 'proc/locks'), 'utf8')}2: POSIX  ADVISORY  WRITE 900 00:00:${ino} 0 EOF\n`,
    )
    began(folder, 812, 30)
    began(folder, 900, 2)
    writeFileSync(join(folder, 'proc/900/comm'), 'dpkg\n')
    writeFileSync(join(folder, 'proc/900/status'), 'Name:\tdpkg\nUid:\t0\t0\t0\t0\n')
    expect(await read(folder)).toEqual([
      {
        name: 'package-manager',
        reason: 'dpkg lock held by pid 900 (dpkg); it holds until 2026-11-23 10:00 UTC at the latest',
        until: clocks.monoMs + 22 * HOUR,
      },
    ])
  })

  it('is in doubt, to the ceiling, beside a line of /proc/locks that is not understood; what is held is named first', async () => {
    const given = { ...context, idleSince: clocks.monoMs - 2 * HOUR }
    const doubt = 'a package manager may be at work: 1 lock is not understood; it holds until 2026-11-23 10:00 UTC'
    expect(await read(root('garbage\n'), given)).toEqual([
      { name: 'package-manager', reason: `${doubt} at the latest`, until: clocks.monoMs + 22 * HOUR },
    ])
    const both = await read(root('garbage\n1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n'), given)
    expect(both.map(({ reason }) => reason.slice(0, 30))).toEqual([
      'dpkg lock held by pid 812 (apt',
      doubt.slice(0, 30),
    ])
    expect(await read(root('garbage\n'), { ...context, idleSince: clocks.monoMs - 24 * HOUR })).toEqual([])
  })

  it('throws where /proc/locks is not there', async () => {
    const without = root('')
    rmSync(join(without, 'proc/locks'))
    await expect(read(without)).rejects.toThrow('not there')
  })

  it.each<[string, number, string, boolean]>([
    ['no user, whatever the program is called', 0o644, 'Uid:\t1000\t0\t0\t0\n', false],
    ['no process that has ended', 0o644, '', false],
    ['root', 0o640, 'Uid:\t0\t0\t0\t0\n', true],
  ])('is of %s', async (_what, mode, status, held) => {
    const folder = root('1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n')
    chmodSync(join(folder, 'var/lib/dpkg/lock-frontend'), mode)
    writeFileSync(join(folder, 'proc/812/status'), `Name:\tdpkg\n${status}`)
    expect((await read(folder)).length).toBe(held ? 1 : 0)
  })

  it.each([
    [0o640, 1],
    [0o644, 0],
  ])(
    'of an open file, whose owner is not told, counts as root’s where only root can open it: %o',
    async (mode, count) => {
      const folder = root('')
      const path = join(folder, 'var/lib/dpkg/lock-frontend')
      chmodSync(path, mode)
      const { ino, dev } = statSync(path)
      const device = `${((dev >>> 8) & 0xfff).toString(16).padStart(2, '0')}:${(dev & 0xff).toString(16).padStart(2, '0')}`
      writeFileSync(join(folder, 'proc/locks'), `1: OFDLCK ADVISORY  WRITE -1 ${device}:${ino} 0 EOF\n`)
      expect(await read(folder)).toHaveLength(count)
    },
  )

  it('holds to its ceiling, not for ever, where users hold more locks than are read', async () => {
    const line = '1: POSIX  ADVISORY  WRITE 4242 08:01:131 0 EOF\n'
    const folder = root(line.repeat(Math.ceil(1_048_576 / line.length) + 1))
    const [veto] = await read(folder, { ...context, keepCeilingMs: 1000 })
    expect([veto?.reason, veto?.until]).toEqual([
      expect.stringMatching(/more locks than are read; it holds until/),
      clocks.monoMs + 1000,
    ])
    expect(await read(folder, { ...context, idleSince: clocks.monoMs - 1000, keepCeilingMs: 1000 })).toEqual([])
  })

  it.skipIf(!existsSync('/usr/bin/python3'))('sees a lock that a real process holds', async () => {
    const folder = root('')
    const path = join(folder, 'var/lib/dpkg/lock-frontend')
    const code = `import fcntl,sys,time; f=open(${JSON.stringify(path)},'w'); fcntl.lockf(f,fcntl.LOCK_EX); print(1,flush=True); time.sleep(20)`
    const child = spawn('/usr/bin/python3', ['-c', code], { stdio: ['ignore', 'pipe', 'ignore'] })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await once(child.stdout, 'data')
    writeFileSync(join(folder, 'proc/locks'), readFileSync('/proc/locks'))
    began(folder, child.pid ?? 0, 1)
    writeFileSync(join(folder, `proc/${child.pid}/comm`), 'dpkg\n')
    writeFileSync(join(folder, `proc/${child.pid}/status`), 'Name:\tdpkg\nUid:\t0\t0\t0\t0\n')
    expect(await read(folder)).toEqual([
      {
        name: 'package-manager',
        reason: `dpkg lock held by pid ${child.pid} (dpkg)${within}`,
        until: clocks.monoMs + 23 * HOUR,
      },
    ])
  })
})
