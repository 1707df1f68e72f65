// What is no lease, or no more: ignored by every check, removed by the acting one.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'
import { limitLeases } from '../../agent/leases/chain.ts'
import type { LeaseEnd } from '../../agent/leases/lease.ts'
import { readLeases } from '../../agent/leases/read.ts'
import { FREE } from '../../agent/leases/slot.ts'
import { sweep } from '../../agent/leases/sweep.ts'
import type { Clocks } from '../../agent/types.ts'
import { leaseVeto } from '../../agent/vetoes/lease.ts'

const HOUR = 3_600_000
const USER = 65_534
const OTHER = 54_321
const isRoot = process.getuid?.() === 0
const root = createHost({ root: '/', env: {} })
const { bootId } = root.self
let base: string
let dir: string
let theirProcess: ChildProcess

const context = (shift: Partial<Clocks> = {}): Clocks => {
  const { wallMs, bootMs, monoMs } = root.clocks()
  return {
    wallMs: wallMs + (shift.wallMs ?? 0),
    bootMs: bootMs + (shift.bootMs ?? 0),
    monoMs: monoMs + (shift.monoMs ?? 0),
  }
}
const later = (ms: number) => context({ wallMs: ms, bootMs: ms, monoMs: ms })

const { signal } = new AbortController()
const vetoContext = () => ({
  ...{ now: context(), leaseDir: dir, keepCeilingMs: 24 * HOUR, horizonMs: 0, intervalMs: 120_000, protected: false },
})

/** A file as its owner may have written it. */
function plant(name: string, text: string, uid = USER): void {
  writeFileSync(join(dir, name), text, { mode: 0o600 })
  chownSync(join(dir, name), uid, uid)
}
const leaseText = (id: string, until: unknown, more: object = {}) =>
  JSON.stringify({ schema: 1, id, reason: 'r', until, ...more })
/** What is there, but for places that are kept free. */
const taken = () =>
  readdirSync(dir).filter(
    (name) => !lstatSync(join(dir, name)).isFile() || readFileSync(join(dir, name), 'utf8') !== FREE,
  )
const plantEnd = (name: string, until: LeaseEnd, uid = USER) => plant(name, leaseText(name, until), uid)

beforeAll(() => {
  theirProcess = isRoot ? spawn('sleep', ['600'], { uid: USER, gid: USER }) : spawn('sleep', ['600'])
})
afterAll(() => {
  theirProcess.kill('SIGKILL')
})
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'leases-'))
  chmodSync(base, 0o755)
  dir = join(base, 'leases')
  await root.store.makeDir(dir, 0o1733)
})
afterEach(() => {
  rmSync(base, { recursive: true })
})

describe.skipIf(!isRoot)('the agent ignores and sweeps', () => {
  const name = `${USER}-3`
  const good = { kind: 'until', wallMs: Date.now() + HOUR }
  const path = () => join(dir, name)

  it.each<[string, () => void, RegExp]>([
    ['a symbolic link', () => symlinkSync('/etc/passwd', path()), /regular file/],
    ['a FIFO', () => void execFileSync('mkfifo', [path()]), /regular file/],
    ['a folder', () => mkdirSync(path()), /regular file/],
    ['1 GiB of nothing', () => void execFileSync('truncate', ['--size=1G', path()]), /at most 4 KB/],
    ['5 KB', () => plant(name, leaseText(name, good, { reason: 'x'.repeat(5000) })), /at most 4 KB/],
    ["another owner's", () => plant(name, leaseText(name, good), OTHER), /owner/],
    ["root's in a user's name", () => plant(name, leaseText(name, good), 0), /owner/],
    ['a name with a leading zero', () => plant(`0${name}`, leaseText(`0${name}`, good)), /name/],
    ['a seventeenth place', () => plant(`${USER}-16`, leaseText(`${USER}-16`, good)), /name/],
    ['another file', () => plant('notes.txt', leaseText('notes.txt', good)), /name/],
    ['an empty file', () => plant(name, ''), /JSON/],
    ['garbage', () => plant(name, '\0\u001b[31m{{{'), /JSON/],
    ['a list', () => plant(name, '[1]'), /object/],
    ['null', () => plant(name, 'null'), /object/],
    ['prototype keys', () => plant(name, `{"__proto__":${leaseText(name, good)}}`), /schema/],
    ['a prototype key as the end', () => plant(name, leaseText(name, { ...good, kind: 'constructor' })), /kind/],
    ['another schema', () => plant(name, leaseText(name, good, { schema: 2 })), /schema/],
    ["a copy of another place's", () => plant(name, leaseText(`${USER}-4`, good)), /id/],
    ['a reason that is no text', () => plant(name, leaseText(name, good, { reason: {} })), /reason/],
    ['no end', () => plant(name, leaseText(name, undefined)), /until/],
    ['an end that is text', () => plant(name, leaseText(name, { ...good, wallMs: '9e9' })), /wallMs/],
    ['an end beyond all dates', () => plant(name, leaseText(name, { ...good, wallMs: 1e300 })), /range/],
    ['a negative end', () => plant(name, leaseText(name, { kind: 'for', bootMs: -1, bootId })), /range/],
    ['a process without its start', () => plant(name, leaseText(name, { kind: 'pid', pid: 1, bootId })), /startTicks/],
    ['an end that has passed', () => plantEnd(name, { kind: 'until', wallMs: Date.now() - 1 }), /ended/],
    ['a time that has run out', () => plantEnd(name, { kind: 'for', bootMs: 1, bootId }), /ended/],
    ['a time of another boot', () => plantEnd(name, { kind: 'for', bootMs: 1e13, bootId: 'other' }), /ended/],
    ['a process that is gone', () => plantEnd(name, { kind: 'pid', pid: 999_999_999, startTicks: 1, bootId }), /ended/],
  ])('%s', async (_what, put, words) => {
    put()
    const { held, ignored } = await readLeases(root, dir, context())
    expect(held).toEqual([])
    expect(ignored.map(({ why }) => why)).toEqual([expect.stringMatching(words)])
    // Minutes later: what cannot be read yet may just be being written.
    expect((await sweep(root, dir, later(5 * 60_000))).removed).toHaveLength(1)
    expect(taken()).toEqual([])
  })

  it('a file with two links', async () => {
    plant(name, leaseText(name, good))
    linkSync(path(), join(base, 'second'))
    expect((await readLeases(root, dir, context())).ignored).toEqual([{ name, why: 'it has 2 links' }])
  })

  it.each([
    ['whose number another process has now', async () => ({ pid: theirProcess.pid ?? 0, startTicks: 1, bootId })],
    ['of another boot', async () => ({ ...(await ticks(theirProcess.pid)), bootId: 'other' })],
    ['of another user', async () => ({ ...(await ticks(1)), bootId })],
  ])('a process %s', async (_what, end) => {
    plantEnd(name, { kind: 'pid', ...(await end()) })
    expect((await readLeases(root, dir, context())).ignored).toEqual([{ name, why: 'it has ended' }])
    plantEnd(name, { kind: 'pid', ...(await ticks(theirProcess.pid)), bootId })
    expect((await readLeases(root, dir, context())).held).toHaveLength(1)
  })

  async function ticks(pid = 0) {
    return { pid, startTicks: (await root.self.startTicksOf(pid)) ?? -1 }
  }

  it('nothing that is just being written, and nothing that holds', async () => {
    plant(name, '{"sch')
    plantEnd(`${USER}-4`, { kind: 'until', wallMs: Date.now() + HOUR })
    expect(await sweep(root, dir, context())).toEqual({ removed: [], failed: [] })
  })

  it('folders with all that is in them, and nothing that a link in them leads to', async () => {
    mkdirSync(join(path(), 'inner/deeper'), { recursive: true })
    writeFileSync(join(base, 'precious'), '')
    symlinkSync(base, join(path(), 'inner/link'))
    writeFileSync(join(path(), 'inner/deeper/file'), '')
    plant('junk', '')
    const { removed, failed } = await sweep(root, dir, later(HOUR))
    expect([removed, failed, taken()]).toEqual([['junk', name], [], []])
    expect(existsSync(join(base, 'precious'))).toBe(true)
  })

  it('a folder with thousands of files over several checks, which its owner cannot fill again', async () => {
    mkdirSync(path())
    chownSync(path(), USER, USER)
    for (let index = 0; index < 10_500; index += 1) writeFileSync(join(path(), `${index}`), '')
    expect((await sweep(root, dir, later(HOUR))).failed).toHaveLength(1)
    expect(lstatSync(path())).toMatchObject({ uid: 0, mode: 0o40700 })
    expect((await sweep(root, dir, later(HOUR))).removed).toEqual([name])
  })

  it('a tree of folders with no more in one check than a single folder', async () => {
    const inner = (number: number) => join(path(), `inner-${number}`)
    for (const number of [1, 2]) mkdirSync(inner(number), { recursive: true })
    for (let index = 0; index < 5200; index += 1)
      for (const number of [1, 2]) writeFileSync(join(inner(number), `${index}`), '')
    expect((await sweep(root, dir, later(HOUR))).failed).toHaveLength(1)
    const left = [1, 2].flatMap((number) => (existsSync(inner(number)) ? readdirSync(inner(number)) : []))
    expect(left).toHaveLength(10_400 - (10_000 - 2))
    expect((await sweep(root, dir, later(HOUR))).removed).toEqual([name])
  })

  it('folders deeper than any path, and names that are no text', async () => {
    mkdirSync(path())
    const home = process.cwd()
    process.chdir(path())
    for (let depth = 0; depth < 1500; depth += 1) {
      writeFileSync(Buffer.from([0xff, 0x0a, 0x41]), '')
      mkdirSync('d')
      process.chdir('d')
    }
    process.chdir(home)
    for (const byte of [0x80, 0xc3, 0xff])
      writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(byte, 0x31)]), '')
    const { removed, failed } = await sweep(root, dir, context())
    expect([removed.length, failed, taken()]).toEqual([4, [], []])
  })

  it('at once what a stranger put in somebody’s place, and keeps that free for its user alone', async () => {
    plant(name, 'mine now', OTHER)
    expect((await sweep(root, dir, context())).removed).toEqual([name])
    expect([lstatSync(path()).uid, readFileSync(path(), 'utf8')]).toEqual([USER, FREE])
    expect((await readLeases(root, dir, context())).held).toEqual([])
    expect((await sweep(root, dir, later(9 * 60_000))).removed).toEqual([])
    expect((await sweep(root, dir, later(11 * 60_000))).removed).toEqual([name])
    expect(readdirSync(dir)).toEqual([])
  })

  it('at most 10,000 at once, and sees a lease among thousands that are none', async () => {
    for (let index = 0; index < 10_050; index += 1) writeFileSync(join(dir, `junk-${index}`), '')
    plantEnd(name, { kind: 'until', wallMs: Date.now() + HOUR })
    expect((await readLeases(root, dir, context())).held).toHaveLength(1)
    expect((await sweep(root, dir, later(5 * 60_000))).removed).toHaveLength(10_000)
    for (let index = 0; index < 2000; index += 1) plant(`${index + 1000}-0`, '')
    expect((await readLeases(root, dir, context())).held).toHaveLength(1)
    expect((await sweep(root, dir, later(5 * 60_000))).removed).toHaveLength(2050)
    expect([existsSync(path()), readdirSync(dir).length]).toEqual([true, 1 + 200])
  })

  it('that cannot be read, even by root: held for, under a ceiling, and beside what can', async () => {
    plantEnd('0-7', { kind: 'until', wallMs: Date.now() + HOUR }, 0)
    mkdirSync(path())
    // As a folder under a FUSE mount of its owner's is.
    const refuse = async (file: string, maxBytes: number) => {
      if (file === path()) throw new HostError(`cannot read ${file}: permission denied`)
      return root.store.readPlain(file, maxBytes)
    }
    const host = { ...root, store: { ...root.store, readPlain: refuse } }
    expect(await readLeases(host, dir, context())).toMatchObject({ held: [{ id: '0-7' }], unread: 1 })
    expect((await leaseVeto.read(host, vetoContext(), signal)).map(({ holder }) => holder)).toEqual([undefined, -1])
    expect((await sweep(host, dir, later(HOUR))).failed).toMatchObject([
      { name, why: expect.stringContaining('denied') },
    ])
  })

  it('among more files than it can look at: root’s are found, and the rest is told', async () => {
    for (let index = 1; index <= 10_100; index += 1) writeFileSync(join(dir, `${index}-0`), '')
    plantEnd('0-7', { kind: 'until', wallMs: Date.now() + HOUR }, 0)
    const { held, unread } = await readLeases(root, dir, context())
    expect(held.map(({ id }) => id)).toEqual(['0-7'])
    expect(unread).toBeGreaterThanOrEqual(100)
    expect((await leaseVeto.read(root, vetoContext(), signal)).map(({ reason, holder }) => [reason, holder])).toEqual([
      [expect.stringMatching(/^lease until/), undefined],
      [expect.stringMatching(/^1\d\d files in .* not read: refused, or too many/), -1],
    ])
  })

  it('ten thousand, each of another user: read within a second or two, named in a few words, remembered in a few bytes', async () => {
    const until = { kind: 'until', wallMs: Date.now() + HOUR } as const
    for (let uid = 1000; uid < 11_000; uid += 1) plantEnd(`${uid}-0`, until, uid)
    const began = performance.now()
    const vetoes = await leaseVeto.read(root, vetoContext(), signal)
    const moment = { now: root.clocks(), passedMs: 0, ceilingMs: 24 * HOUR, typed: new Map(), inDoubt: false }
    const limited = limitLeases(vetoes, [], moment)
    expect(performance.now() - began).toBeLessThan(3000)
    expect(vetoes).toHaveLength(10_000)
    expect(limited.vetoes).toHaveLength(17)
    expect(limited.vetoes.at(-1)?.reason).toBe('9984 more leases')
    expect(JSON.stringify(limited.chains).length).toBeLessThan(100_000)
    const later = limitLeases(vetoes, limited.chains, {
      ...moment,
      now: { ...moment.now, monoMs: moment.now.monoMs + 25 * HOUR },
    })
    expect(later.vetoes).toEqual([])
  }, 60_000)
})
