/** One check: what must be done even where the rest of it fails. */
import { expect, it } from 'vitest'
import { checkAndAct } from '../agent/agent.ts'
import { type Parts, pathsOf } from '../agent/check/parts.ts'
import { createLocal } from '../agent/clouds/local.ts'
import { decide } from '../agent/decide/state.ts'
import { HostError } from '../agent/errors.ts'
import type { Host } from '../agent/host/host.ts'
import type { Policy } from '../agent/types.ts'
import { leaseVeto } from '../agent/vetoes/lease.ts'
import { createMemoryHost } from './host/memory.ts'

const minutes = 60_000
const policy: Policy = {
  ...{ enabled: true, action: 'report', idleThresholdMs: 5 * minutes, hibernateThresholdMs: 10 * minutes },
  ...{ checkIntervalMs: 2 * minutes, bootGraceMs: 0, notReadyMs: 0, unknownCeilingMs: 60 * minutes },
}

const settings = {
  tagPrefix: 'x',
  protected: false,
  operatorTags: 'optional',
  allow: [],
  keepCeilingMs: minutes,
  horizonMs: 15 * minutes,
} as const

it('clears junk out of the leases although its own files cannot be written', async () => {
  const memory = createMemoryHost({ clocks: { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 1e7, monoMs: 1e7 } })
  const paths = pathsOf(undefined)
  memory.files.makeDir(paths.leases)
  memory.files.write(`${paths.leases}/fill`, 'x'.repeat(10_000))
  const full = async () => {
    throw new HostError('no space left on the device')
  }
  const host: Host = { ...memory, store: { ...memory.store, replace: full } }
  const cloud = createLocal(host, { name: 'local', stateDir: paths.stateDir })
  const parts: Parts = { host, cloud, sensors: [], vetoes: [], policy, settings, paths, decide }
  await expect(checkAndAct(parts)).rejects.toThrow('no space left')
  expect(memory.files.names(paths.leases)).toEqual([])
})

it('says what of the leases would not go, at most three by name, and goes on', async () => {
  const memory = createMemoryHost({ clocks: { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 1e7, monoMs: 1e7 } })
  const paths = pathsOf(undefined)
  for (let index = 0; index < 5; index += 1)
    memory.files.write(`${paths.leases}/junk\u001b[2J${index}`, 'x'.repeat(10_000))
  const remove: Host['store']['remove'] = async (path, options) => {
    if (path.includes('junk')) throw new HostError(`cannot remove ${path}: operation not permitted`)
    await memory.store.remove(path, options)
  }
  const host: Host = { ...memory, store: { ...memory.store, remove } }
  const cloud = createLocal(host, { name: 'local', stateDir: paths.stateDir })
  const { notes } = await checkAndAct({ host, cloud, sensors: [], vetoes: [], policy, settings, paths, decide })
  expect(notes).toHaveLength(4)
  expect(notes[0]).toMatch(/^among the leases: cannot remove .*junk\?\[2J0: operation not permitted$/)
  expect(notes[3]).toBe('among the leases: 2 more files cannot be removed')
})

it('goes on where the leases cannot be listed, and holds', async () => {
  const memory = createMemoryHost({ clocks: { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 1e7, monoMs: 1e7 } })
  const paths = pathsOf(undefined)
  memory.files.makeDir(paths.leases)
  memory.files.failing.set(paths.leases, 'input/output error')
  const cloud = createLocal(memory, { name: 'local', stateDir: paths.stateDir })
  const parts: Parts = { host: memory, cloud, sensors: [], vetoes: [leaseVeto], policy, settings, paths, decide }
  const { notes, look } = await checkAndAct(parts)
  expect(notes).toEqual([expect.stringContaining('input/output error')])
  expect(look.vetoes).toContainEqual({ name: 'lease', reason: expect.stringContaining('cannot be read') })
})
