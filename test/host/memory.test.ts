/** The in-memory Host keeps the promises of host.ts that simulations lean on. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { Crash, createMemoryHost, type Mutation } from './memory.ts'

const PATH = '/var/lib/idle-agent/state.json'

async function ready(options: Parameters<typeof createMemoryHost>[0] = {}) {
  const host = createMemoryHost(options)
  await host.store.makeDir('/var/lib/idle-agent', 0o700)
  return host
}

describe('clocks', () => {
  it('part only in sleep of the machine and in a wall step', async () => {
    const host = createMemoryHost({ clocks: { wallMs: 1000, bootMs: 100, monoMs: 10 } })
    await host.sleep(5)
    host.clock.suspend(20)
    host.clock.stepWall(-300)
    expect(host.clocks()).toEqual({ wallMs: 725, bootMs: 125, monoMs: 15 })
  })

  it('does not advance for a sleep that was aborted before', async () => {
    const host = createMemoryHost()
    const before = host.clocks()
    await expect(host.sleep(5, AbortSignal.abort())).rejects.toThrow()
    expect(host.clocks()).toEqual(before)
  })

  it('begins again at a boot and keeps the files', async () => {
    const host = await ready()
    await host.store.replace(PATH, 'kept', 0o600)
    const next = host.reboot({ bootId: 'other', pid: 7 })
    expect(await next.store.read(PATH)).toBe('kept')
    expect(next.clocks().monoMs).toBe(0)
    expect(await next.self.startTicksOf(1000)).toBeUndefined()
  })
})

describe('store', () => {
  const crashAt = (kind: Mutation['kind']) => (mutation: Mutation) => {
    if (mutation.kind === kind) throw new Crash()
  }

  it.each([
    ['replace', 'old'],
    ['replace-rename', 'old'],
  ] as const)('a crash at %s leaves the old text', async (kind, expected) => {
    const host = await ready()
    await host.store.replace(PATH, 'old', 0o600)
    host.files.onMutation = crashAt(kind)
    await expect(host.store.replace(PATH, 'new', 0o600)).rejects.toThrow(Crash)
    expect(await host.store.read(PATH)).toBe(expected)
  })

  it('a crash inside an append leaves a torn line, and the next append begins a new one', async () => {
    const host = await ready()
    host.files.onMutation = crashAt('append-half')
    await expect(host.store.append(PATH, '{"a":1}', 0o600)).rejects.toThrow(Crash)
    host.files.onMutation = undefined
    await host.store.append(PATH, '{"b":2}', 0o600)
    expect(await host.store.read(PATH)).toBe('{"a"\n{"b":2}\n')
  })

  it('a full disk refuses writes and keeps what is there', async () => {
    const host = await ready()
    await host.store.replace(PATH, 'old', 0o600)
    host.files.full = true
    await expect(host.store.replace(PATH, 'new', 0o600)).rejects.toThrow(HostError)
    await expect(host.store.append(PATH, 'new', 0o600)).rejects.toThrow(/no space/)
    await expect(host.store.create(`${PATH}2`, 'new', 0o600)).rejects.toThrow(/no space/)
    expect(await host.store.read(PATH)).toBe('old')
  })

  it('refuses a file whose folder is missing, and creates only once', async () => {
    const host = await ready()
    await expect(host.store.create('/nowhere/x', '', 0o600)).rejects.toThrow(/folder/)
    expect(await host.store.create(PATH, '1', 0o600)).toBe(true)
    expect(await host.store.create(PATH, '2', 0o600)).toBe(false)
  })

  it('reads plainly no link, no folder and nothing too large', async () => {
    const host = await ready({ files: { '/a/long': 'xxxxx' } })
    host.files.link('/a/link', '/a/long')
    for (const path of ['/a/link', '/a', '/a/none']) expect(await host.store.readPlain(path, 100)).toBeUndefined()
    expect(await host.store.readPlain('/a/long', 4)).toBeUndefined()
    expect((await host.store.readPlain('/a/long', 5))?.text).toBe('xxxxx')
  })
})

describe('the observed tree', () => {
  it('tells absent from unreadable', async () => {
    const host = createMemoryHost({ root: '/fixture', files: { '/fixture/proc/stat': 'cpu 1' } })
    host.files.failing.set('/fixture/proc/loadavg', 'input/output error')
    expect(await host.readText('/proc/stat')).toBe('cpu 1')
    expect(await host.readText('/proc/none')).toBeUndefined()
    await expect(host.readText('/proc/loadavg')).rejects.toThrow(HostError)
    await expect(host.readText('/proc/stat', 2)).rejects.toThrow(HostError)
    expect(await host.list('/proc')).toEqual(['stat'])
    expect(await host.list('/sys')).toBeUndefined()
    expect(await host.run(['who'], { timeoutMs: 1 })).toBeUndefined()
  })
})
