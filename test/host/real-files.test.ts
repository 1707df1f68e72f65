// Reading below a root on the real host: what is there, what is not, and what must never hang or flood us.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { isAbsent } from '../../agent/host/real-errors.ts'

let root: string
let host: Host
const socket = createServer()

beforeAll(async () => {
  const base = mkdtempSync(join(tmpdir(), 'real-files-'))
  root = join(base, 'root')
  mkdirSync(join(root, 'proc'), { recursive: true })
  writeFileSync(join(base, 'secret'), 'outside')
  writeFileSync(join(root, 'proc/stat'), 'cpu 1')
  writeFileSync(join(root, 'empty'), '')
  writeFileSync(join(root, 'exact'), 'x'.repeat(65_536))
  writeFileSync(join(root, 'large'), 'y'.repeat(300_000))
  writeFileSync(join(root, 'sparse'), '')
  truncateSync(join(root, 'sparse'), 1_073_741_824)
  execFileSync('mkfifo', [join(root, 'fifo')])
  symlinkSync('proc/stat', join(root, 'link'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('nowhere', join(root, 'dangling'))
  await new Promise<void>((resolve) => socket.listen(join(root, 'socket'), resolve))
  host = createHost({ root, env: { A: '1' } })
})
afterAll(() => {
  socket.close()
  rmSync(join(root, '..'), { recursive: true })
})

describe('readText', () => {
  it.each([
    ['a file', '/proc/stat', 'cpu 1'],
    ['a path without its slash', 'proc/stat', 'cpu 1'],
    ['an empty file', '/empty', ''],
    ['a link inside the root', '/link', 'cpu 1'],
    ['a file as large as one read', '/exact', 'x'.repeat(65_536)],
    ['a file of several reads', '/large', 'y'.repeat(300_000)],
    ['no file', '/none', undefined],
    ['a file as a folder', '/proc/stat/x', undefined],
    ['a dangling link', '/dangling', undefined],
    ['a way out of the root', '/../secret', undefined],
    ['a longer way out', '/proc/../../../../../../secret', undefined],
  ])('gives for %s what is there', async (_what, path, expected) => {
    expect(await host.readText(path)).toBe(expected)
  })

  it('finds on the machine itself what the kernel finds, behind a link too', async () => {
    mkdirSync(join(root, 'far/away'), { recursive: true })
    writeFileSync(join(root, 'far/beside'), 'beside')
    symlinkSync('far/away', join(root, 'there'))
    const whole = createHost({ root: '/', env: {} })
    expect(await whole.readText(`${root}/there/../beside`)).toBe('beside')
    expect(await whole.readText('proc/version')).toContain('Linux')
  })

  it.each([
    ['a FIFO without a writer', '/fifo', 'not a regular file'],
    ['a folder', '/proc', 'not a regular file'],
    ['a socket', '/socket', 'socket'],
    ['links in circles', '/loop', 'circles'],
    ['1 GiB of nothing', '/sparse', 'larger than 1048576 bytes'],
  ])('refuses %s and names the path', async (_what, path, words) => {
    const error = await host.readText(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HostError)
    expect(String(error)).toContain(words)
    expect(String(error)).toContain(root + path)
  })

  it.each([
    [5, 'cpu 1'],
    [4, undefined],
  ])('honours a limit of %d bytes', async (limit, expected) => {
    const text = await host.readText('/proc/stat', limit).catch(() => undefined)
    expect(text).toBe(expected)
  })

  it('reads the kernel files whose size is a lie', async () => {
    const own = createHost({ root: '/', env: {} })
    expect(await own.readText('/proc/self/stat')).toContain(`${process.pid} (`)
    expect(await own.readText('/proc/999999999/stat')).toBeUndefined()
  })

  it.skipIf(process.getuid?.() === 0)('tells unreadable from absent', async () => {
    chmodSync(join(root, 'empty'), 0)
    await expect(host.readText('/empty')).rejects.toThrow(/permission/)
  })
})

describe('list, stat and readLink', () => {
  it('list names, nothing where nothing is', async () => {
    expect(await host.list('/proc')).toEqual(['stat'])
    for (const path of ['/none', '/none/below', '/proc/stat/below', '/dangling'])
      expect(await host.list(path)).toBeUndefined()
  })

  it('list does not take something else for a folder that is not there', async () => {
    for (const path of ['/proc/stat', '/fifo', '/link'])
      await expect(host.list(path), path).rejects.toThrow(new RegExp(`cannot list .*${path}: `))
  })

  it('stat follows links and tells kinds apart', async () => {
    expect(await host.stat('/link')).toMatchObject({ kind: 'file', size: 5, nlink: 1 })
    expect((await host.stat('/proc'))?.kind).toBe('directory')
    expect((await host.stat('/fifo'))?.kind).toBe('other')
    expect(await host.stat('/dangling')).toBeUndefined()
    expect((await createHost({ root: '/', env: {} }).stat('/dev/null'))?.kind).toBe('character')
    await expect(host.stat('/loop')).rejects.toThrow(HostError)
  })

  it('readLink gives the target, and nothing for what is no link', async () => {
    expect(await host.readLink('/link')).toBe('proc/stat')
    expect(await host.readLink('/empty')).toBeUndefined()
    expect(await host.readLink('/none')).toBeUndefined()
  })
})

describe('the rest of a host below a root', () => {
  it('has no commands and no terminals, and the given environment', async () => {
    expect(await host.run(['true'], { timeoutMs: 1000 })).toBeUndefined()
    expect(await host.writeTerminal('/dev/pts/0', 'x')).toBe(false)
    expect([host.env('A'), host.env('HOME')]).toEqual(['1', undefined])
  })

  it("has the machine's own clocks", () => {
    const { wallMs, bootMs, monoMs } = host.clocks()
    expect(Math.abs(wallMs - Date.now())).toBeLessThan(1000)
    expect(Math.abs(monoMs - Number(process.hrtime.bigint()) / 1e6)).toBeLessThan(1000)
    expect(bootMs - monoMs).toBeGreaterThan(-20)
  })

  it('gives up a sleep when asked, and a deadline when cleared', async () => {
    const controller = new AbortController()
    const sleeping = host.sleep(60_000, controller.signal)
    controller.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    await expect(host.sleep(60_000, controller.signal)).rejects.toThrow('enough')
    const cleared = host.deadline(1)
    const kept = host.deadline(1)
    cleared.clear()
    await new Promise((resolve) => kept.signal.addEventListener('abort', resolve))
    expect([cleared.signal.aborted, kept.signal.aborted]).toEqual([false, true])
  })

  it('knows itself and others', async () => {
    const { self } = host
    expect(await self.startTicksOf(self.pid)).toBe(self.startTicks)
    expect(await self.ownerOf(self.pid)).toBe(self.uid)
    expect(self.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(self.cpuMs()).toBeGreaterThan(0)
    for (const pid of [0, -1, 1.5, 999_999_999, Number.NaN]) {
      expect(await self.startTicksOf(pid)).toBeUndefined()
      expect(await self.ownerOf(pid)).toBeUndefined()
    }
  })
})

describe('an error says that there is no such thing', () => {
  it.each([
    ['ENOENT', true],
    ['ENOTDIR', true],
    ['ESRCH, as of a process that ends', true],
    ['ENODEV, as of a control group that goes while its file is read', true],
    ['EACCES', false],
    ['EIO', false],
    ['EINVAL', false],
  ])('%s: %s', (words, absent) => {
    const code = words.replace(/,.*/, '')
    expect(isAbsent(Object.assign(new Error(words), { code }))).toBe(absent)
  })

  it('none without a code does', () => {
    expect(isAbsent(new Error('ENOENT'))).toBe(false)
  })
})
