// Leases as real files of real users: what counts, what is ignored, and when it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
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
import { UsageError } from '../agent/errors.ts'
import { createHost } from '../agent/host/real.ts'
import { type LeaseEnd, leaseInWords } from '../agent/leases/lease.ts'
import { readLeases } from '../agent/leases/read.ts'
import { sweep } from '../agent/leases/sweep.ts'
import { createLease, ownLeases, releaseLease } from '../agent/leases.ts'
import type { Clocks } from '../agent/types.ts'

const HOUR = 3_600_000
const USER = 65_534
const OTHER = 54_321
const isRoot = process.getuid?.() === 0
const root = createHost({ root: '/', env: {} })
const { bootId } = root.self
let base: string
let dir: string
let theirProcess: ChildProcess

/** Does the work with another user's rights on files; the store then acts, and is asked, as that user. */
async function as<T>(uid: number, work: (host: typeof root) => Promise<T>): Promise<T> {
  process.seteuid?.(uid)
  try {
    return await work(createHost({ root: '/', env: {} }))
  } finally {
    process.seteuid?.(0)
  }
}

const context = (shift: Partial<Clocks> = {}): Clocks => {
  const { wallMs, bootMs, monoMs } = root.clocks()
  return {
    wallMs: wallMs + (shift.wallMs ?? 0),
    bootMs: bootMs + (shift.bootMs ?? 0),
    monoMs: monoMs + (shift.monoMs ?? 0),
  }
}
const forHours = (hours: number) => ({ reason: 'test', until: { kind: 'for', ms: hours * HOUR } }) as const

/** A file as its owner may have written it. */
function plant(name: string, text: string, uid = USER): void {
  writeFileSync(join(dir, name), text, { mode: 0o600 })
  chownSync(join(dir, name), uid, uid)
}
const leaseText = (id: string, until: unknown, more: object = {}) =>
  JSON.stringify({ schema: 1, id, reason: 'r', until, ...more })
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

describe.skipIf(!isRoot)('a user', () => {
  it('makes leases in a folder that it cannot list, and finds them again', async () => {
    const [first, second] = await as(USER, async (host) => [
      await createLease(host, dir, forHours(4)),
      await createLease(host, dir, { reason: '', until: { kind: 'until', wallMs: Date.now() + HOUR } }),
    ])
    expect([first?.id, second?.id]).toEqual([`${USER}-0`, `${USER}-1`])
    expect(lstatSync(join(dir, `${USER}-0`))).toMatchObject({ uid: USER, mode: 0o100600 })
    expect((await as(USER, (host) => ownLeases(host, dir))).map(({ id }) => id)).toEqual([`${USER}-0`, `${USER}-1`])
    expect((await readLeases(root, dir, context())).held.map(({ id }) => id).sort()).toEqual([first?.id, second?.id])
    await expect(as(USER, (host) => host.store.list(dir))).rejects.toThrow(/permission/)
    expect(await as(OTHER, (host) => ownLeases(host, dir))).toEqual([])
  })

  it('has sixteen, and is told what to do about the seventeenth', async () => {
    await as(USER, async (host) => {
      for (let count = 0; count < 16; count += 1) await createLease(host, dir, forHours(1))
      const error = await createLease(host, dir, forHours(1)).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(UsageError)
      expect(String(error)).toMatch(/16 leases.*idle-agent release ID/)
      await releaseLease(host, dir, `${USER}-7`)
      expect((await createLease(host, dir, forHours(1))).id).toBe(`${USER}-7`)
    })
  })

  it('has room again when its own have ended or are garbage', async () => {
    for (let slot = 0; slot < 16; slot += 1) plantEnd(`${USER}-${slot}`, { kind: 'until', wallMs: 1 })
    expect((await as(USER, (host) => createLease(host, dir, forHours(1)))).id).toBe(`${USER}-0`)
  })

  it('passes over places that strangers took, and says so when they took all', async () => {
    plant(`${USER}-0`, 'mine now', OTHER)
    expect((await as(USER, (host) => createLease(host, dir, forHours(1)))).id).toBe(`${USER}-1`)
    for (let slot = 0; slot < 16; slot += 1) plant(`${USER}-${slot}`, 'mine now', OTHER)
    await expect(as(USER, (host) => createLease(host, dir, forHours(1)))).rejects.toThrow(
      /16 of them by files that are/,
    )
  })

  it('gets back places that a stranger took all of, however fast that one is, with the next check', async () => {
    for (let slot = 0; slot < 16; slot += 1) plant(`${USER}-${slot}`, 'mine now', OTHER)
    await sweep(root, dir, context())
    await expect(as(OTHER, (host) => host.store.create(`${dir}/${USER}-0`, 'x', 0o600))).resolves.toBe(false)
    await expect(as(OTHER, (host) => host.store.remove(`${dir}/${USER}-0`))).rejects.toThrow(/not permitted/)
    await expect(as(OTHER, (host) => host.store.overwrite(`${dir}/${USER}-0`, 'x'))).rejects.toThrow(/permission/)
    await as(USER, async (host) => {
      for (let slot = 0; slot < 16; slot += 1)
        expect((await createLease(host, dir, forHours(1))).id).toBe(`${USER}-${slot}`)
    })
    expect((await readLeases(root, dir, context())).held).toHaveLength(16)
  })

  it('writes no lease over one that it is just writing, nor through a link', async () => {
    for (let slot = 0; slot < 16; slot += 1) plant(`${USER}-${slot}`, '{"sch')
    await expect(as(USER, (host) => createLease(host, dir, forHours(1)))).rejects.toThrow(/16 of them/)
    writeFileSync(join(base, 'precious'), 'kept')
    chownSync(join(base, 'precious'), USER, USER)
    await as(USER, async (host) => {
      rmSync(join(dir, `${USER}-3`))
      symlinkSync(join(base, 'precious'), join(dir, `${USER}-3`))
      rmSync(join(dir, `${USER}-4`))
      linkSync(join(base, 'precious'), join(dir, `${USER}-4`))
      for (const slot of [3, 4, 17]) expect(await host.store.overwrite(`${dir}/${USER}-${slot}`, 'x')).toBe(false)
    })
    expect(readFileSync(join(base, 'precious'), 'utf8')).toBe('kept')
  })

  it.each([
    ["root's process", { kind: 'pid', pid: 1 }, /not yours/],
    ['no process', { kind: 'pid', pid: 999_999_999 }, /no process/],
    ['the past', { kind: 'until', wallMs: 1000 }, /future/],
  ] as const)('cannot keep for %s', async (_what, until, words) => {
    const error = await as(USER, (host) => createLease(host, dir, { reason: '', until })).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(UsageError)
    expect(String(error)).toMatch(words)
    expect(readdirSync(dir)).toEqual([])
  })

  it('keeps for its own process', async () => {
    await as(USER, (host) => createLease(host, dir, { reason: '', until: { kind: 'pid', pid: theirProcess.pid ?? 0 } }))
    const { held } = await readLeases(root, dir, context())
    expect(held.map(({ until, endsAt }) => [until.kind, endsAt])).toEqual([['pid', undefined]])
  })

  it("gives back its own, not another's, nor what is none", async () => {
    await as(OTHER, (host) => createLease(host, dir, forHours(1)))
    await as(USER, async (host) => {
      const { id } = await createLease(host, dir, forHours(1))
      await expect(releaseLease(host, dir, `${OTHER}-0`)).rejects.toThrow(/not yours/)
      await expect(releaseLease(host, dir, `${USER}-9`)).rejects.toThrow(/no lease/)
      await expect(releaseLease(host, dir, '../../etc/passwd')).rejects.toThrow(UsageError)
      expect(await releaseLease(host, dir)).toEqual([id])
    })
    expect(readdirSync(dir)).toEqual([`${OTHER}-0`])
    expect(await releaseLease(root, dir)).toEqual([`${OTHER}-0`])
  })
})

describe.skipIf(!isRoot)('the end', () => {
  const name = `${USER}-0`
  const first = async (when: ReturnType<typeof context>) => (await readLeases(root, dir, when)).held[0]

  it.each([3 * HOUR, -3 * HOUR])('of a time span does not move with a wall step of %d ms', async (step) => {
    plantEnd(name, { kind: 'for', bootMs: root.clocks().bootMs + 4 * HOUR, bootId })
    const lease = await first(context({ wallMs: step }))
    expect(Math.abs((lease?.endsAt ?? 0) - root.clocks().monoMs - 4 * HOUR)).toBeLessThan(1000)
  })

  it('comes with sleep: boot time passes, monotonic time does not', async () => {
    plantEnd(name, { kind: 'for', bootMs: root.clocks().bootMs + HOUR, bootId })
    expect(await first(context({ wallMs: 2 * HOUR, bootMs: 2 * HOUR }))).toBeUndefined()
  })

  it('is told in words that cannot colour or break a line', async () => {
    const reason = `a\u001b[31mb\nc\u202ed${'x'.repeat(300)}`
    plant(name, leaseText(name, { kind: 'until', wallMs: Date.now() + HOUR }, { reason }))
    const when = context()
    const lease = await first(when)
    expect(lease?.reason).toBe(`a [31mb c d${'x'.repeat(189)}`)
    expect(leaseInWords({ ...lease, endsWallMs: Date.UTC(2026, 10, 22, 18), reason: 'make' } as never, when)).toMatch(
      /^until (2026-11-22 )?18:00 UTC \(make\)$/,
    )
  })
})
