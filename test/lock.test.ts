// The lock among real processes: never two holders, nobody locked out by the dead.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostError, LockedError } from '../agent/errors.ts'
import { createHost } from '../agent/host/real.ts'
import { acquireLock, firstToTell, lockHolders } from '../agent/lock.ts'
import { createMemoryHost } from './host/memory.ts'

const host = createHost({ root: '/', env: {} })
const { pid, startTicks, bootId } = host.self
let base: string
let dir: string
const children: ChildProcess[] = []

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lock-'))
  dir = join(base, 'lock')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(base, { recursive: true })
})

function contend(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(process.execPath, [resolve('test/lock-contender.ts'), ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

const firstLine = (child: ChildProcess) =>
  new Promise<string>((done) => child.stdout?.once('data', (chunk) => done(String(chunk).trim())))
const ended = (child: ChildProcess) => new Promise((done) => child.once('close', done))

describe('among real processes', () => {
  it('never has two holders, and nobody is locked out for good', async () => {
    const probe = join(base, 'probe')
    await Promise.all(Array.from({ length: 12 }, () => ended(contend(['race', dir, probe]))))
    expect(existsSync(`${probe}.broken`) ? readFileSync(`${probe}.broken`, 'utf8') : '').toBe('')
    expect(readFileSync(`${probe}.count`, 'utf8').length).toBeGreaterThan(10)
    expect(readdirSync(dir)).toEqual([])
  }, 120_000)

  it('refuses while another holds it, and not any more once that one was killed', async () => {
    const holder = contend(['hold', dir])
    await firstLine(holder)
    const error = await acquireLock(host, dir).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(LockedError)
    expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining(`pid ${holder.pid}`) })
    expect(await lockHolders(host, dir)).toEqual([holder.pid])
    holder.kill('SIGKILL')
    await ended(holder)
    expect([await lockHolders(host, dir), readdirSync(dir).length]).toEqual([[], 1])
    const lock = await acquireLock(host, dir)
    expect(readdirSync(dir)).toEqual([`${bootId}-${pid}-${startTicks}`])
    await lock.release()
    expect(readdirSync(dir)).toEqual([])
  })

  it.each([
    ['waits for a time to come', 60_000, 0],
    ['should have gone on long ago', -3_600_000, 4],
  ])('tells one that %s', async (_what, fromNow, exitCode) => {
    const until = String(Math.round(host.clocks().monoMs + fromNow))
    const holder = contend(['hold', dir, until])
    await firstLine(holder)
    await expect(acquireLock(host, dir)).rejects.toMatchObject({ exitCode })
    holder.kill('SIGKILL')
    await ended(holder)
    await (await acquireLock(host, dir)).release()
    expect(readdirSync(dir)).toEqual([])
  })

  it.each([
    [
      'works for longer than any check needs',
      11,
      undefined,
      /\(pid \d+\) has held the lock for 11 min and hangs.*kill -9/,
    ],
    ['works for as long as a check may need', 9, undefined, /holds the lock in/],
    ['should have gone on 11 minutes ago', 70, -11, /has held the lock for 11 min and hangs/],
    ['should have gone on a few minutes ago', 70, -5, /holds the lock in/],
  ])('tells one that %s', async (_what, heldMin, waitedMin, words) => {
    const heldMs = heldMin * 60_000
    const until =
      waitedMin === undefined ? [] : [String(Math.round(host.clocks().monoMs + heldMs + waitedMin * 60_000))]
    const holder = contend(['hold', dir, ...until])
    await firstLine(holder)
    const [name = ''] = readdirSync(dir)
    expect(Math.abs(host.clocks().monoMs - Number(readFileSync(join(dir, name), 'utf8')))).toBeLessThan(10_000)
    // Seen from later on, since this machine may not have been up for so long.
    const { wallMs, bootMs, monoMs } = host.clocks()
    const later = {
      ...host,
      clocks: () => ({ wallMs: wallMs + heldMs, bootMs: bootMs + heldMs, monoMs: monoMs + heldMs }),
    }
    const error = await acquireLock(later, dir).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ exitCode: 4, message: expect.stringMatching(words) })
    const hanging = error instanceof LockedError ? error.hanging : undefined
    expect(hanging === undefined).toBe(words.source.startsWith('holds'))
    if (hanging !== undefined) {
      expect(await firstToTell(host, dir, hanging)).toBe(true)
      expect(await firstToTell(host, dir, hanging)).toBe(false)
    }
    holder.kill('SIGKILL')
    await ended(holder)
    await (await acquireLock(host, dir)).release()
    expect(readdirSync(dir)).toEqual([])
  })

  it.each(['', 'x', '5-', '99999999999999999999999', '-99999999999999999999999'])(
    'makes nothing of an entry that says "%s"',
    async (text) => {
      const holder = contend(['hold', dir])
      await firstLine(holder)
      writeFileSync(join(dir, readdirSync(dir)[0] ?? ''), text)
      await expect(acquireLock(host, dir)).rejects.toMatchObject({ exitCode: 4, hanging: undefined })
    },
  )

  it('does not mind what a holder says that is no time', async () => {
    await firstLine(contend(['hold', dir, 'soon']))
    await expect(acquireLock(host, dir)).rejects.toMatchObject({ exitCode: 4 })
  })

  it.skipIf(process.getuid?.() !== 0)('says so when the folder is not writable', async () => {
    mkdirSync(dir, { mode: 0o755 })
    chmodSync(base, 0o755)
    const other = contend(['once', dir], { uid: 65_534, gid: 65_534 })
    expect(await firstLine(other)).toMatch(/^HostError: cannot create .*permission denied/)
  })
})

describe('what lies in the folder', () => {
  it.each([
    ['another boot', `00000000-0000-4000-8000-000000000000-${pid}-${startTicks}`],
    ['a process that is no more', `${bootId}-999999999-5`],
    ['a number that another process has now', `${bootId}-${process.ppid}-1`],
  ])('of %s is removed, with its mark', async (_what, name) => {
    mkdirSync(dir)
    writeFileSync(join(dir, name), '')
    writeFileSync(join(dir, `${name}.waiting`), String(Math.round(host.clocks().monoMs + 1e6)))
    const lock = await acquireLock(host, dir)
    expect(readdirSync(dir)).toEqual([`${bootId}-${pid}-${startTicks}`])
    await lock.release()
  })

  it.each(['README', 'x-1-2', `${bootId}-1`, `${bootId}-1-2-3`, `${bootId}--5-1`, '.hidden'])(
    'and is no entry (%s) does not matter and stays',
    async (name) => {
      mkdirSync(dir)
      writeFileSync(join(dir, name), '')
      await (await acquireLock(host, dir)).release()
      expect(readdirSync(dir)).toEqual([name])
    },
  )

  it('is made where it is missing, for root only', async () => {
    const lock = await acquireLock(host, dir)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    await lock.release()
  })

  it('cannot be a file', async () => {
    writeFileSync(dir, '')
    await expect(acquireLock(host, dir)).rejects.toThrow(HostError)
  })

  it('and is our own, of a check that could not give it back, is taken over', async () => {
    mkdirSync(dir)
    const name = `${bootId}-${pid}-${startTicks}`
    writeFileSync(join(dir, name), '1')
    writeFileSync(join(dir, `${name}.waiting`), String(Math.round(host.clocks().monoMs + 1e6)))
    const lock = await acquireLock(host, dir)
    expect(readdirSync(dir)).toEqual([name])
    expect(Number(readFileSync(join(dir, name), 'utf8'))).toBeGreaterThan(1)
    await lock.release()
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('among simulated processes', () => {
  const first = createMemoryHost({ self: { pid: 10, startTicks: 100 } })

  it.each([
    ['started later withdraws at once', { pid: 5, startTicks: 101 }, 0],
    ['started at the same tick with a larger pid withdraws at once', { pid: 11, startTicks: 100 }, 0],
    ['started earlier waits a second, then withdraws', { pid: 99, startTicks: 99 }, 1000],
  ])('one that %s', async (_what, self, waited) => {
    const lock = await acquireLock(first, '/lock')
    const before = first.clocks().monoMs
    await expect(acquireLock(first.withSelf(self), '/lock')).rejects.toThrow(LockedError)
    expect(first.clocks().monoMs - before).toBe(waited)
    expect(first.files.names('/lock')).toHaveLength(1)
    await lock.release()
  })

  it('the smallest gets it when the others withdraw meanwhile', async () => {
    let release = async (): Promise<void> => {}
    const machine = createMemoryHost({ self: { pid: 10, startTicks: 100 }, onSleep: () => void release() })
    const held = await acquireLock(machine, '/lock')
    release = held.release
    const lock = await acquireLock(machine.withSelf({ pid: 9, startTicks: 90 }), '/lock')
    expect(machine.files.names('/lock')).toHaveLength(1)
    await lock.release()
  })

  it.each([
    ['is stepped ahead', 14 * 60, 0],
    ['and the boot clock show that the machine slept', 0, 14 * 60],
  ])('one that waits half an hour does not hang because the wall clock %s', async (_name, stepMin, sleptMin) => {
    const machine = createMemoryHost({ self: { pid: 10, startTicks: 100 } })
    const lock = await acquireLock(machine, '/lock')
    await lock.markWaiting(machine.clocks().monoMs + 30 * 60_000)
    machine.clock.advance(20 * 60_000)
    machine.clock.stepWall(stepMin * 60_000)
    machine.clock.suspend(sleptMin * 60_000)
    const other = acquireLock(machine.withSelf({ pid: 11, startTicks: 101 }), '/lock')
    await expect(other).rejects.toMatchObject({ exitCode: 0, hanging: undefined })
  })

  it('a full disk takes nothing', async () => {
    const machine = createMemoryHost()
    await machine.store.makeDir('/lock', 0o700)
    machine.files.full = true
    await expect(acquireLock(machine, '/lock')).rejects.toThrow(HostError)
  })
})
