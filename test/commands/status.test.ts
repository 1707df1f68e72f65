/** `status`, as somebody reads it: what the last check left, in one form of time, and the reader's own leases. */
import { describe, expect, it } from 'vitest'
import { keep } from '../../agent/commands/keep.ts'
import { status } from '../../agent/commands/status.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const PATH = '/run/idle-agent/status.json'
const left = {
  schema: 'idle-agent.status.v1',
  at: '2026-11-22T11:59:00.000Z',
  verdict: 'idle',
  state: 'idle',
  idleSince: '2026-11-22T11:51:07.250Z',
  reason: 'nothing needed this machine for 8 min; hibernate at 12:01:07 UTC',
  next: { action: 'hibernate', at: '2026-11-22T12:01:07.250Z' },
  readings: [{ sensor: 'cpu', kind: 'idle', reason: '0.01 cores busy' }],
  vetoes: [],
  wanted: 'hibernate',
  enabled: true,
  clockReason: 'x',
  run: { began: '2026-11-20T08:00:00Z', cause: 'booted' },
  schedule: { configuredSeconds: 120 },
  score: { wouldHaveStopped: 0, wouldHaveBeenFalse: 0 },
  falseStops: 0,
  endedLeases: [],
}

function machine(change: object = {}): MemoryHost {
  const clocks = { wallMs: NOON, bootMs: 1e8, monoMs: 1e8 }
  const host = createMemoryHost({ clocks, self: { uid: 1000 } })
  host.files.makeDir('/run/idle-agent/leases')
  host.files.write(PATH, JSON.stringify({ ...left, ...change }))
  return host
}

async function rows(host: MemoryHost, command = status, args: readonly string[] = []): Promise<readonly string[]> {
  const lines: string[] = []
  const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }
  await command({ host, flags, args, out: (line) => lines.push(line), colour: false })
  return lines.map((line) => line.trim().replace(/ {2,}/, ': '))
}

describe('times', () => {
  it('are all in one form, the nearest with seconds, the farthest with the date', async () => {
    expect(await rows(machine())).toEqual([
      'idle (idle): nothing needed this machine for 8 min; hibernate at 12:01:07 UTC',
      'last check: 60 s ago',
      'idle since: 11:51:07 UTC',
      'next: hibernate at 12:01:07 UTC',
      'cpu: idle: 0.01 cores busy',
      'run: since 2026-11-20 08:00 UTC (booted)',
    ])
    const grace = { state: 'grace', idleSince: null, next: { action: 'none', at: '2026-11-22T12:30:00Z' } }
    expect(await rows(machine(grace))).toContain('next: counting begins at 12:30 UTC')
  })
})

describe('one’s own leases', () => {
  it('are shown, those too that no check has seen yet', async () => {
    const host = machine()
    await rows(host, keep, ['--for', '4h', '--reason', 'lunch'])
    expect(await rows(host)).toContain('your lease: 1000-0 until 16:00 UTC (lunch); the next check will see it')
    host.files.write(PATH, JSON.stringify({ ...left, at: '2026-11-22T12:00:30.000Z' }))
    host.clock.advance(60_000)
    expect(await rows(host)).toContain('your lease: 1000-0 until 16:00 UTC (lunch)')
    expect((await rows(host.withSelf({ uid: 1001 }))).join()).not.toContain('lunch')
  })

  it('are named when they have ended', async () => {
    const text = 'lease of uid 1000 ended: its ceiling of 24 h without input'
    expect(await rows(machine({ endedLeases: [text] }))).toContain(`lease: ${text}`)
  })
})

it('a call that may still be carried out is shown', async () => {
  expect(await rows(machine({ call: 'hibernating: sent, and not answered' }))).toContain(
    'call: hibernating: sent, and not answered',
  )
})

describe('a fault', () => {
  const fault = {
    kind: 'files',
    reason: 'cannot write x: no space left on the device',
    since: '2026-11-22T09:00:00Z',
    tagged: true,
  }

  it('comes first', async () => {
    const [first, second, third] = await rows(machine({ fault, at: '2026-11-22T09:00:00.000Z' }))
    expect(first).toBe('idle-agent has not worked since 09:00 UTC: cannot write x: no space left on the device')
    expect(second).toMatch(/^idle \(idle\)/)
    // Not: the schedule does not run.
    expect(third).toBe('last check: 3 h 00 ago')
  })

  it('is all there is where no check has left anything else', async () => {
    const host = machine()
    host.files.write(PATH, JSON.stringify({ schema: 'idle-agent.status.v1', at: left.at, fault }))
    expect(await rows(host)).toHaveLength(1)
  })

  it.each([{ fault: {} }, { fault: { since: 1, reason: 'x' } }])('that is damaged is no bug: %j', async (damaged) => {
    await expect(rows(machine(damaged))).rejects.toThrow(/status\.json cannot be used/)
  })
})
