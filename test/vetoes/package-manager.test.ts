// The package-manager veto: real /proc/locks lines, a real lock held by a real process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { packageManagerVeto, parseLocks } from '../../agent/vetoes/package-manager.ts'
import type { VetoContext } from '../../agent/vetoes/veto.ts'

const clocks = { wallMs: 0, bootMs: 0, monoMs: 0 }
const context = {
  now: clocks,
  leaseDir: '/none',
  keepCeilingMs: 3_600_000,
  horizonMs: 0,
  intervalMs: 120_000,
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
    expect(parseLocks(text)).toEqual([
      { pid: 812, major: 8, minor: 1, inode: 131 },
      { pid: -1, major: 0, minor: 26, inode: 77 },
      { pid: 9, major: 254, minor: 0, inode: 5 },
    ])
  })

  it.each(['nonsense', '1: POSIX ADVISORY WRITE', '1: POSIX  ADVISORY  WRITE x 08:01:131 0 EOF', '\0\0'])(
    'refuses %j',
    (text) => {
      expect(() => parseLocks(text)).toThrow('/proc/locks')
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
    const { ino } = statSync(join(folder, 'var/lib/dpkg/lock-frontend'))
    writeFileSync(join(folder, 'proc/locks'), locks.replaceAll('INODE', String(ino)))
    return folder
  }

  const read = (folder: string, given: VetoContext = context) =>
    packageManagerVeto.read(createHost({ root: folder, env: {} }), given, new AbortController().signal)

  it.each<[string, string, string | undefined]>([
    ['held', '1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n', 'dpkg lock held by pid 812 (apt-get)'],
    ['lying there', '', undefined],
    ['waited for', '1: -> POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n', undefined],
    ['another file of that inode elsewhere', '1: POSIX  ADVISORY  WRITE 7 00:00:INODE 0 EOF\n', undefined],
    ['another file', '1: POSIX  ADVISORY  WRITE 812 00:00:1 0 EOF\n', undefined],
  ])('%s', async (_what, locks, reason) => {
    expect((await read(root(locks))).map((veto) => veto.reason)).toEqual(reason === undefined ? [] : [reason])
  })

  it('ends, as it does when somebody has left it at a question', async () => {
    const locks = '1: POSIX  ADVISORY  WRITE 812 00:00:INODE 0 EOF\n'
    const held = { ...context, keepCeilingMs: 1000 }
    expect(await read(root(locks), { ...held, idleSince: -999 })).toMatchObject([{ until: 1 }])
    expect(await read(root(locks), { ...held, idleSince: -1000 })).toEqual([])
  })

  it('throws where /proc/locks is not understood or not there, which forbids acting', async () => {
    await expect(read(root('garbage\n'))).rejects.toThrow()
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
      1000,
    ])
    expect(await read(folder, { ...context, idleSince: -1000, keepCeilingMs: 1000 })).toEqual([])
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
    const { readFileSync } = await import('node:fs')
    writeFileSync(join(folder, 'proc/locks'), readFileSync('/proc/locks'))
    mkdirSync(join(folder, `proc/${child.pid}`))
    writeFileSync(join(folder, `proc/${child.pid}/comm`), 'dpkg\n')
    writeFileSync(join(folder, `proc/${child.pid}/status`), 'Name:\tdpkg\nUid:\t0\t0\t0\t0\n')
    expect(await read(folder)).toMatchObject([
      { name: 'package-manager', reason: `dpkg lock held by pid ${child.pid} (dpkg)` },
    ])
  })
})
