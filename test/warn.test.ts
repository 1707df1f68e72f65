/** The warning: everybody on a terminal is told once, whatever one of them refuses. */
import { expect, it } from 'vitest'
import { HostError } from '../agent/errors.ts'
import type { FileStat, Host } from '../agent/host/host.ts'
import { warnTerminals } from '../agent/warn.ts'
import { createMemoryHost } from './host/memory.ts'

const clocks = { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 3_600_000, monoMs: 3_600_000 }
const none = () => false

function machine(write: Host['writeTerminal']) {
  const host = createMemoryHost({ clocks })
  for (const [ino, name] of ['0', '1', '2', 'ptmx'].entries()) host.files.write(`/dev/pts/${name}`, '', { ino })
  return {
    ...host,
    list: async () => ['0', '1', '2', 'ptmx'],
    stat: async (path: string) => host.files.lstat(path),
    writeTerminal: write,
  }
}

it('tells the others where one refuses or is full, never the multiplexer, and names all that it may have changed', async () => {
  const asked: string[] = []
  const host = machine(async (path) => {
    asked.push(path)
    if (path === '/dev/pts/0') throw new HostError('cannot write to /dev/pts/0: device or resource busy (EBUSY)')
    return path === '/dev/pts/1'
  })
  const { told, touched } = await warnTerminals(host, 'soon', { consoles: [], shows: none })
  expect(asked).toEqual(['/dev/pts/0', '/dev/pts/1', '/dev/pts/2'])
  expect([told, touched.map(({ ino }) => ino)]).toEqual([1, [0, 1, 2]])
})

it('tells who is on a console, too', async () => {
  const asked: string[] = []
  const host = machine(async (path) => {
    asked.push(path)
    return true
  })
  host.files.write('/dev/ttyS0', '', { ino: 7 })
  const { told, touched } = await warnTerminals(host, 'soon', { consoles: ['ttyS0', 'hvc0'], shows: none })
  expect(asked).toEqual(['/dev/pts/0', '/dev/pts/1', '/dev/pts/2', '/dev/ttyS0'])
  expect([told, touched.at(-1)?.ino]).toEqual([4, 7])
})

it('waits until one that shows another has done so, and does not write to it', async () => {
  const asked: string[] = []
  const host = machine(async (path) => {
    asked.push(path)
    return true
  })
  const sleep = async (ms: number): Promise<void> => {
    await host.sleep(ms)
    if (host.clocks().monoMs === clocks.monoMs + 300) host.files.touch('/dev/pts/1', { mtimeMs: 7 })
  }
  const shows = ({ ino }: FileStat): boolean => ino === 1
  const { told, touched } = await warnTerminals({ ...host, sleep }, 'soon', { consoles: [], shows })
  expect(asked).toEqual(['/dev/pts/0', '/dev/pts/2'])
  expect([told, touched.find(({ ino }) => ino === 1)?.mtimeMs]).toEqual([2, 7])
  expect(host.clocks().monoMs).toBe(clocks.monoMs + 300)
})

it('does not wait for long where that one stands still', async () => {
  const host = machine(async () => true)
  await warnTerminals(host, 'soon', { consoles: [], shows: ({ ino }) => ino === 1 })
  expect(host.clocks().monoMs - clocks.monoMs).toBe(1000)
})

it('hides no bug', async () => {
  const host = machine(async () => {
    throw new TypeError('a bug')
  })
  await expect(warnTerminals(host, 'soon', { consoles: [], shows: none })).rejects.toThrow('a bug')
})
