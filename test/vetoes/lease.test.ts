// The vetoes of leases and of the configuration, over a machine in memory.
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { formatLease, type LeaseEnd } from '../../agent/leases/lease.ts'
import { createLease } from '../../agent/leases.ts'
import { vetoes } from '../../agent/vetoes/table.ts'
import { createMemoryHost } from '../host/memory.ts'

const HOUR = 3_600_000
const DIR = '/run/idle-agent/leases'
const NOON = Date.UTC(2026, 10, 22, 12)

function machine() {
  const host = createMemoryHost({ clocks: { wallMs: NOON, bootMs: 9_000_000, monoMs: 5_000_000 } })
  host.files.makeDir(DIR)
  return host
}

async function read(host: ReturnType<typeof machine>, isProtected = false) {
  const context = {
    now: host.clocks(),
    leaseDir: DIR,
    keepCeilingMs: 24 * HOUR,
    horizonMs: 0,
    intervalMs: 120_000,
    protected: isProtected,
  }
  const signal = new AbortController().signal
  return (await Promise.all(vetoes.map((source) => source.read(host, context, signal)))).flat()
}

function plant(host: ReturnType<typeof machine>, until: LeaseEnd, { uid = 1000, reason = 'make train' } = {}): void {
  const id = `${uid}-0`
  host.files.write(`${DIR}/${id}`, formatLease({ id, reason, until }), { uid })
}

describe('lease', () => {
  const { bootId } = createMemoryHost().self

  it.each<[string, LeaseEnd, string, string, number | undefined]>([
    ['a wall time', { kind: 'until', wallMs: NOON + 6 * HOUR }, 'make train', 'lease until 18:00 UTC', 6],
    ['a time span', { kind: 'for', bootMs: 9_000_000 + HOUR, bootId }, '', 'lease until 13:00 UTC', 1],
    ['a process', { kind: 'pid', pid: 77, startTicks: 5, bootId }, 'x', 'lease while process 77 runs', undefined],
  ])('until %s', async (_what, until, reason, words, hours) => {
    const host = machine()
    host.processes.set(77, { startTicks: 5, uid: 1000 })
    plant(host, until, { reason })
    const end = hours === undefined ? {} : { until: 5_000_000 + hours * HOUR }
    const detail = reason === '' ? {} : { detail: reason }
    expect(await read(host)).toEqual([{ name: 'lease', reason: words, ...detail, ...end, holder: 1000 }])
  })

  it("names the day where root's ends later", async () => {
    const host = machine()
    plant(host, { kind: 'until', wallMs: NOON + 30 * HOUR }, { uid: 0 })
    expect((await read(host)).map(({ reason }) => reason)).toEqual(['lease until 2026-11-23 18:00 UTC'])
  })

  it('is one veto for each', async () => {
    const host = machine()
    for (let count = 0; count < 3; count += 1)
      await createLease(host, DIR, { reason: '', until: { kind: 'for', ms: HOUR } })
    expect(await read(host)).toHaveLength(3)
    host.clock.advance(HOUR)
    expect(await read(host)).toEqual([])
  })

  it('is none without a folder, one for what cannot be read, and throws where nothing can', async () => {
    const host = machine()
    host.files.remove(DIR)
    expect(await read(host)).toEqual([])
    plant(host, { kind: 'until', wallMs: NOON + HOUR })
    host.files.failing.set(`${DIR}/1000-0`, 'input/output error')
    expect(await read(host)).toMatchObject([{ name: 'lease', reason: expect.stringMatching(/^1 file in .* not read/) }])
    host.files.failing.set(DIR, 'input/output error')
    await expect(read(host)).rejects.toThrow(HostError)
  })
})

it('protected stands for ever', async () => {
  expect(await read(machine(), true)).toEqual([
    { name: 'protected', reason: expect.stringContaining('protected: true') },
  ])
})
