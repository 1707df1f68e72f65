/** A user who asks again and again, in whatever way, holds the machine no longer than the ceiling without typing. */
import { describe, expect, it } from 'vitest'
import { formatLease } from '../../agent/leases/lease.ts'
import type { Reading } from '../../agent/types.ts'
import { leaseVeto } from '../../agent/vetoes/lease.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench, paths } from '../scenarios/bench.ts'

const HOUR = 60 * MINUTE
/** Of the bench: leases without input hold for so long. */
const CEILING = HOUR
const uid = 1001

function put(bench: Bench, slot: number, forMs: number, times: { readonly ctimeMs?: number } = {}): void {
  const id = `${uid}-${slot}`
  const { bootMs } = bench.host.clock.now()
  const until = { kind: 'for', bootMs: bootMs + forMs, bootId: bench.host.self.bootId } as const
  bench.host.files.write(`${paths.leases}/${id}`, formatLease({ id, reason: 'x', until }), {
    uid,
    mtimeMs: 4e12,
    ...times,
  })
}

function drop(bench: Bench, slot: number): void {
  bench.host.files.remove(`${paths.leases}/${uid}-${slot}`)
}

/** What a loop of the user does before the n-th check. */
const loops: Readonly<Record<string, (bench: Bench, n: number) => void>> = {
  'one for years': (bench, n) => n === 0 && put(bench, 0, 1e10),
  'a new one for each': (bench, n) => {
    drop(bench, (n + 15) % 16)
    put(bench, n % 16, 10 * MINUTE)
  },
  'the same one written again': (bench) => put(bench, 0, 10 * MINUTE),
  'sixteen of them': (bench) => {
    for (let slot = 0; slot < 16; slot += 1) put(bench, slot, 10 * MINUTE)
  },
  'files of the future': (bench) => put(bench, 0, 1e10, { ctimeMs: 4e12 }),
}

/** Minutes from the first check that saw a lease to the call. */
async function minutesUp(loop: (bench: Bench, n: number) => void, bench = new Bench()): Promise<number> {
  bench.vetoes = [leaseVeto]
  let first: number | undefined
  for (let n = 0; bench.acts === 0; n += 1) {
    loop(bench, n)
    const { look } = await bench.check()
    first ??= look.moment.clocks.monoMs
    if (n > 500) throw new Error('it is never acted on')
  }
  return (bench.host.clock.now().monoMs - (first ?? Number.NaN)) / MINUTE
}

describe('a loop of leases', () => {
  it.each(Object.entries(loops))('ends with the ceiling, not before: %s', async (_name, loop) => {
    const minutes = await minutesUp(loop)
    expect(minutes).toBeGreaterThanOrEqual(CEILING / MINUTE)
    expect(minutes).toBeLessThanOrEqual(CEILING / MINUTE + 5)
  })

  it('holds on for as long from the last input of that user, not of another', async () => {
    for (const [typist, ms] of [
      [uid, 40 * MINUTE + CEILING],
      [1002, CEILING],
    ] as const) {
      const bench = new Bench()
      let looks = 0
      bench.fakes[1] = {
        name: 'sessions',
        judge: (_now, _before, { span }): Reading => {
          looks += 1
          const typed = {
            kind: 'active',
            reason: 'input',
            at: span.now.monoMs - 1000,
            person: true,
            uids: [typist],
          } as const
          return looks === 20 ? typed : { kind: 'idle', reason: 'nobody' }
        },
      }
      const minutes = await minutesUp((one) => put(one, 0, 10 * MINUTE), bench)
      expect(Math.abs(minutes - ms / MINUTE)).toBeLessThan(5)
    }
  })

  it('is begun anew by a resume, which somebody wanted', async () => {
    const bench = new Bench()
    const minutes = await minutesUp((one, n) => {
      put(one, 0, 1e9)
      if (n === 25) one.host.clock.suspend(14 * HOUR)
    }, bench)
    expect(Math.abs(minutes - (50 + CEILING / MINUTE))).toBeLessThan(5)
  })
})

it('its end is told: in the status without a name, and once in the audit log', async () => {
  const bench = new Bench()
  bench.vetoes = [leaseVeto, { name: 'other', read: async () => [{ name: 'other', reason: 'something else' }] }]
  put(bench, 0, 1e10)
  let last = await bench.settle(29)
  expect(JSON.parse(bench.host.files.read(paths.status) ?? '')).toMatchObject({ endedLeases: [] })
  last = await bench.settle(8)
  const text = 'lease of uid 1001 ended: its ceiling of 1 h without input'
  expect(last.notes).toContain(text)
  expect(JSON.parse(bench.host.files.read(paths.status) ?? '')).toMatchObject({ endedLeases: [text] })
  const audit = (bench.host.files.read(paths.audit) ?? '').split('\n')
  expect(audit.filter((line) => line.includes(text))).toHaveLength(1)
})
