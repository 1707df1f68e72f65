/** What keeps the agent from its work is told where that is possible, once, and taken back when it is over. */
import { describe, expect, it } from 'vitest'
import { checkAndAct } from '../../agent/agent.ts'
import { pathsOf } from '../../agent/check/parts.ts'
import { HostError } from '../../agent/errors.ts'
import type { Store } from '../../agent/host/host.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench, paths } from '../scenarios/bench.ts'

/** A check two minutes later that cannot write below these folders. */
function without(bench: Bench, folders: readonly string[], change: Partial<ReturnType<Bench['parts']>> = {}) {
  const parts = { ...bench.parts(), ...change }
  const refuse = (path: string) => {
    const folder = folders.find((one) => path.startsWith(one))
    if (folder !== undefined) throw new HostError(`cannot write ${path}: no space left on the device`)
  }
  const store: Store = {
    ...parts.host.store,
    async replace(path, text, mode) {
      refuse(path)
      await parts.host.store.replace(path, text, mode)
    },
  }
  bench.host.clock.advance(2 * MINUTE)
  return checkAndAct({ ...parts, host: { ...parts.host, store } })
}

function faults(bench: Bench): readonly (readonly [string, string])[] {
  const written = bench.cloud.calls.flatMap((call) => (call.kind === 'write-tags' ? [call.tags] : []))
  return written.flatMap((tags) => Object.entries(tags)).filter(([, text]) => text.startsWith('fault: '))
}

function status(bench: Bench): Readonly<Record<string, unknown>> {
  return JSON.parse(bench.host.files.read(paths.status) ?? '{}') as Record<string, unknown>
}

const STATE = '/var/lib/idle-agent'

describe('a state that cannot be saved', () => {
  it('is in the status at each check and in the tag once, beside what was known', async () => {
    const bench = new Bench()
    await bench.settle(2)
    for (const _ of [1, 2, 3]) await expect(without(bench, [STATE])).rejects.toThrow('no space left')
    expect(faults(bench)).toEqual([
      ['T:IdleReason', expect.stringMatching(/^fault: cannot write \/var\/lib\/idle-agent/)],
    ])
    expect(status(bench)).toMatchObject({ verdict: 'idle', fault: { kind: 'files', tagged: true } })
  })

  it('is taken back by the next check that can', async () => {
    const bench = new Bench()
    await bench.settle(2)
    await expect(without(bench, [STATE])).rejects.toThrow()
    await bench.check()
    expect([bench.cloud.tags.get('T:IdleReason'), status(bench)['fault']]).toEqual(['', undefined])
    const calls = bench.cloud.calls.filter(({ kind }) => kind === 'write-tags').length
    await bench.check()
    expect(bench.cloud.calls.filter(({ kind }) => kind === 'write-tags')).toHaveLength(calls)
  })

  it('is no call at every check where nothing can remember it', async () => {
    const bench = new Bench()
    await bench.settle(2)
    const calls = bench.cloud.calls.filter(({ kind }) => kind === 'write-tags').length
    for (const _ of [1, 2]) await expect(without(bench, [STATE, '/run'])).rejects.toThrow()
    expect(bench.cloud.calls.filter(({ kind }) => kind === 'write-tags')).toHaveLength(calls)
  })

  it('is tried again in the tag where that failed, and leaves it alone where the agent is switched off', async () => {
    const bench = new Bench()
    await bench.settle(2)
    bench.cloud.failing.set('write-tags', 'Timeout')
    await expect(without(bench, [STATE])).rejects.toThrow()
    expect(status(bench)).toMatchObject({ fault: { tagged: false } })
    bench.cloud.failing.clear()
    await expect(without(bench, [STATE], { policy: { ...bench.policy, enabled: false } })).rejects.toThrow()
    expect(faults(bench).length).toBe(1)
    await expect(without(bench, [STATE])).rejects.toThrow()
    expect(faults(bench).length).toBe(2)
  })

  it('names no folder of somebody’s own', async () => {
    const bench = new Bench()
    const own = pathsOf('/home/alice/agent')
    await expect(without(bench, ['/home/alice/agent/state'], { paths: own })).rejects.toThrow('alice')
    const text = bench.host.files.read(own.status) ?? ''
    expect(text).toContain('the state folder')
    expect(`${text}${JSON.stringify(faults(bench))}`).not.toContain('alice')
  })
})
