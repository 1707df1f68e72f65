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
  const host = createMemoryHost({ clocks, self: { uid: 1000 }, env: { TZ: 'UTC' } })
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
      'idle: nothing needed this machine for 8 min; hibernate at 12:01:07 UTC',
      'last check: 11:59 UTC (60 s ago)',
      'idle since: 11:51:07 UTC (8 min ago)',
      'next: hibernate at 12:01:07 UTC (in 67 s)',
      'cpu: idle: 0.01 cores busy',
      'run: since 2026-11-20 08:00 UTC (52 h 00 ago): booted',
    ])
    const grace = { state: 'grace', idleSince: null, next: { action: 'none', at: '2026-11-22T12:30:00Z' } }
    expect(await rows(machine(grace))).toContain('next: counting begins at 12:30 UTC (in 30 min)')
  })

  it('are those of the reader’s zone, in what the agent said, too', async () => {
    const host = machine({ vetoes: [{ name: 'lease', reason: 'lease until 2026-11-23 23:30 UTC' }] })
    host.environment.set('TZ', 'Europe/Berlin')
    const shown = await rows(host)
    expect(shown[0]).toBe('idle: nothing needed this machine for 8 min; hibernate at 13:01:07 CET')
    expect(shown).toContain('next: hibernate at 13:01:07 CET (in 67 s)')
    expect(shown).toContain('veto: lease until 2026-11-24 00:30 CET')
  })
})

it('a sensor that cannot be read is shown with the time since when', async () => {
  const readings = [{ sensor: 'gpu', kind: 'unknown', reason: 'nvidia-smi hangs' }]
  const unknown = { verdict: 'unknown', state: 'active', readings, unknownSince: { gpu: '2026-11-22T09:12:00Z' } }
  expect(await rows(machine(unknown))).toContain('gpu: unknown since 09:12 UTC (2 h 48 ago): nvidia-smi hangs')
  // Left by an earlier version.
  expect(await rows(machine({ readings }))).toContain('gpu: unknown: nvidia-smi hangs')
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

  it('and those of others, with their owners and reasons, are shown to root alone', async () => {
    const host = machine()
    const root = host.withSelf({ uid: 0 })
    host.files.write('/etc/passwd', 'alice:x:1000:1000::/home/alice:/bin/sh\n')
    await rows(host, keep, ['--for', '4h', '--reason', 'lunch'])
    await rows(root, keep, ['--for', '2h'])
    host.files.touch('/run/idle-agent/leases/0-0', { uid: 0 })
    const shown = (await rows(root)).filter((row) => row.includes('lease'))
    expect(shown).toEqual([
      'your lease: 0-0 until 14:00 UTC; the next check will see it',
      'lease: 1000-0 of alice until 16:00 UTC (lunch); the next check will see it',
    ])
    expect((await rows(host)).join()).not.toMatch(/alice|0-0 until 14/)
    for (let uid = 2000; uid < 2020; uid += 1) {
      await rows(host.withSelf({ uid }), keep, ['--for', '1h'])
      host.files.touch(`/run/idle-agent/leases/${uid}-0`, { uid })
    }
    expect((await rows(root)).filter((row) => row.startsWith('lease:')).slice(15)).toEqual([
      expect.stringMatching(/^lease: 2014-0 of uid 2014 /),
      'lease: 5 more: "sudo idle-agent keep --list" shows them',
    ])
  })

  it('are said once where they are what holds', async () => {
    const held = { state: 'held', vetoes: [{ name: 'lease', reason: 'lease until 16:00 UTC' }] }
    expect(await rows(machine(held))).toContain('veto: lease until 16:00 UTC')
    const other = { vetoes: [{ name: 'package-manager', reason: 'dpkg works' }] }
    expect(await rows(machine(other))).toContain('veto: package-manager: dpkg works')
  })

  it('are named when they have ended', async () => {
    const text = 'lease of uid 1000 ended: its ceiling of 24 h without input'
    expect(await rows(machine({ endedLeases: [text] }))).toContain(
      'lease: of uid 1000 ended: its ceiling of 24 h without input',
    )
  })
})

it('a call that may still be carried out is shown', async () => {
  expect(await rows(machine({ call: 'hibernating: sent, and not answered' }))).toContain(
    'call: hibernating: sent, and not answered',
  )
})

it.each([
  ['idle', 'held', 'nothing needed this machine; held: dpkg works', 'idle (held): nothing needed'],
  ['active', 'active', 'in use: make works', 'active: in use: make works'],
  ['idle', 'grace', 'grace until 12:30 UTC (booted)', 'idle: grace until 12:30 UTC (booted)'],
  ['unknown', 'active', 'unknown, so it stays up', 'unknown (active): unknown'],
])('%s (%s) is said without saying anything twice', async (verdict, state, reason, line) => {
  expect((await rows(machine({ verdict, state, reason })))[0]).toContain(line)
})

it('after a call that was accepted nothing comes next but the machine going down', async () => {
  const next = { action: 'hibernate', at: '2026-11-22T11:58:50.000Z' }
  const call = 'hibernating: the cloud has accepted it'
  const shown = await rows(machine({ state: 'acting', next, call }))
  expect(shown).toContain('next: nothing but the machine going down')
  expect(shown).toContain(`call: ${call}`)
})

describe('where nothing can be stopped', () => {
  it('that is said, and what comes next is a report', async () => {
    const next = { action: 'report', at: '2026-11-22T12:01:07.250Z' }
    const shown = await rows(machine({ wanted: 'report', stoppable: false, next }))
    expect(shown).toContain('next: would be reported as idle at 12:01:07 UTC (in 67 s)')
    expect(shown).toContain('only watched: this is no EC2 instance or Azure VM, so nothing will be stopped')
    const active = { verdict: 'active', state: 'active', next: { action: 'none', at: null } }
    expect(await rows(machine({ wanted: 'report', stoppable: false, ...active }))).toContain(
      'next: nothing: a report comes after the configured minutes of idleness',
    )
  })

  it('is another thing than where an operator wants a report only', async () => {
    expect((await rows(machine({ wanted: 'report', stoppable: true }))).join()).not.toContain('only watched')
  })
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
    expect(first).toBe(
      'idle-agent has not worked since 09:00 UTC (3 h 00 ago): cannot write x: no space left on the device',
    )
    expect(second).toMatch(/^idle: nothing/)
    // Not: the schedule does not run.
    expect(third).toBe('last check: 09:00 UTC (3 h 00 ago)')
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
