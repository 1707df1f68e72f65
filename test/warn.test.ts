/** The warning: everybody on a terminal is told, whatever one of them refuses. */
import { expect, it } from 'vitest'
import { HostError } from '../agent/errors.ts'
import type { Host } from '../agent/host/host.ts'
import { warnTerminals } from '../agent/warn.ts'
import { createMemoryHost } from './host/memory.ts'

const clocks = { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 3_600_000, monoMs: 3_600_000 }

function machine(write: Host['writeTerminal']): Host {
  const host = createMemoryHost({ clocks })
  for (const name of ['0', '1', 'ptmx']) host.files.write(`/dev/pts/${name}`, '')
  return {
    ...host,
    list: async () => ['0', '1', 'ptmx'],
    stat: async (path) => host.files.lstat(path),
    writeTerminal: write,
  }
}

it('tells the others where one refuses, and never the multiplexer', async () => {
  const asked: string[] = []
  const host = machine(async (path) => {
    asked.push(path)
    if (path === '/dev/pts/0') throw new HostError('cannot write to /dev/pts/0: device or resource busy (EBUSY)')
    return true
  })
  expect(await warnTerminals(host, 'soon')).toEqual([await host.stat('/dev/pts/1')])
  expect(asked).toEqual(['/dev/pts/0', '/dev/pts/1'])
})

it('hides no bug', async () => {
  const host = machine(async () => {
    throw new TypeError('a bug')
  })
  await expect(warnTerminals(host, 'soon')).rejects.toThrow('a bug')
})
