/** `why`, `history` and `status` of a day that the real loop lived: golden as a person reads them, and by id as a program does. */
import { describe, expect, it } from 'vitest'
import { history } from '../../agent/commands/history.ts'
import { status } from '../../agent/commands/status.ts'
import { why } from '../../agent/commands/why.ts'
import { HostError, UsageError } from '../../agent/errors.ts'
import { HOUR, MINUTE } from '../decide/given.ts'
import { paths } from '../scenarios/bench.ts'
import { connected, Day, hanging, quiet, typing } from './day.ts'

async function allThree(day: Day): Promise<string> {
  const shown = [
    ...['$ idle-agent why', ...(await day.run(why))],
    ...['', '$ idle-agent history', ...(await day.run(history))],
    ...['', '$ idle-agent history --since 2d --plot', ...(await day.run(history, ['--since', '2d', '--plot']))],
    ...['', '$ idle-agent status', ...(await day.run(status))],
  ]
  return `${shown.join('\n')}\n`
}

describe('what a person reads', () => {
  it('minutes after a stop', async () => {
    const day = await Day.upToTheReturn()
    await expect(await allThree(day)).toMatchFileSnapshot('../golden/why-after-a-stop.txt')
  })

  it('a day later, held', async () => {
    const day = await Day.upToTheReturn()
    await day.checks(40, typing)
    await day.checks(3, hanging)
    day.bench.host.clock.advance(HOUR)
    await day.checks(20, connected)
    await expect(await allThree(day)).toMatchFileSnapshot('../golden/why-held.txt')
  })
})

describe('the first sentence', () => {
  const veto = (reason: string) => ({
    name: 'lease',
    costly: false,
    read: async () => [{ name: 'lease', reason, detail: 'lunch' }],
  })

  it.each<[string, (day: Day) => Promise<void>, string, object]>([
    [
      'in use',
      (day) => day.checks(7, typing),
      'Still up: in use: uid 1000 typed on pts/1',
      { sensor: 'sessions', kind: 'active', reason: 'uid 1000 typed on pts/1' },
    ],
    [
      'grace',
      (day) => day.checks(2),
      'Still up: grace until 01:12 CET (first check: no earlier state)',
      { kind: 'grace', reason: 'first check: no earlier state' },
    ],
    [
      'unknown',
      (day) => day.checks(7, hanging),
      'Still up: unknown, so it stays up: sessions: who(1) hangs',
      { sensor: 'sessions', kind: 'unknown', reason: 'who(1) hangs' },
    ],
    [
      'counting',
      (day) => day.checks(8),
      'Still up: nothing needed this machine for 4 min; hibernate at 01:22 CET',
      { kind: 'idle', reason: 'nothing needed this machine' },
    ],
    [
      'held by weak evidence before it is called held',
      (day) => day.checks(8, connected),
      'Still up: nothing needed this machine for 4 min; hibernate at 02:17 CET; until then an open connection holds it: 1 connection open, no bytes',
      { sensor: 'sessions', kind: 'hold', evidence: 'connection', reason: '1 connection open, no bytes' },
    ],
    [
      'a veto',
      (day) => {
        day.bench.vetoes = [veto('lease until 18:00 UTC')]
        return day.checks(14)
      },
      'Still up: nothing needed this machine for 16 min; held: lease until 19:00 CET',
      { veto: 'lease', kind: 'veto', reason: 'lease until 18:00 UTC' },
    ],
    [
      'a refusal',
      (day) => {
        day.bench.answers = [
          { result: 'refused', why: 'protected', code: 'OperationNotPermitted', message: 'x' } as const,
        ].map((one) => () => one)
        return day.checks(13)
      },
      'Still up: nothing needed this machine for 14 min; held: OperationNotPermitted (protected), again at 01:37 CET',
      { kind: 'refused', reason: 'OperationNotPermitted (protected)' },
    ],
    [
      'switched off',
      (day) => {
        day.bench.policy = { ...day.bench.policy, enabled: false }
        return day.checks(8)
      },
      'Still up: the agent is switched off (enabled: false); it says: nothing needed this machine for 4 min; hibernate at 01:22 CET',
      { kind: 'idle' },
    ],
    [
      'a schedule that does not run',
      async (day) => {
        await day.checks(8)
        day.bench.host.clock.advance(HOUR)
      },
      'Still up: no check has run for 60 min (one is due every 2 min), so nothing is stopped; the last one said: nothing needed this machine for 4 min; hibernate at 01:22 CET',
      { kind: 'idle' },
    ],
    [
      'a fault',
      async (day) => {
        await day.checks(1)
        const left = JSON.parse(day.bench.host.files.read(paths.status) ?? '') as object
        const fault = { kind: 'files', reason: 'no space left', since: '2025-12-31T23:58:00Z', tagged: true }
        day.bench.host.files.write(paths.status, JSON.stringify({ ...left, fault }))
      },
      'Still up: idle-agent has not worked since 00:58 CET (4 min ago): no space left',
      { kind: 'grace' },
    ],
  ])('%s', async (_, live, sentence, cause) => {
    const day = new Day()
    await live(day)
    expect((await day.run(why))[0]).toBe(sentence)
    expect(await day.json(why)).toMatchObject({ schema: 'idle-agent.why.v1', answer: 'up', sentence, cause })
  })

  it('says that no check has run', async () => {
    const day = new Day()
    expect(await day.run(why)).toEqual(['Still up: no check has run since it booted, so nothing is decided'])
    expect(await day.json(why)).toMatchObject({ cause: null, timeline: [], stopped: null })
  })

  it('is of the stop for an hour after it, and names what came before', async () => {
    const day = await Day.upToTheReturn()
    expect(await day.json(why)).toMatchObject({
      answer: 'stopped',
      stopped: { result: 'hibernated', offSeconds: 190 * 60, before: { sensor: 'sessions', kind: 'active' } },
      cause: { kind: 'grace' },
    })
    await day.checks(31, typing)
    expect(await day.json(why)).toMatchObject({ answer: 'up', stopped: null, cause: { sensor: 'sessions' } })
  })
})

it('a check that meets the machine on its way down changes nothing about why it stopped', async () => {
  const day = new Day()
  await day.checks(10, typing)
  // Hibernated by the fifth.
  await day.checks(6, quiet)
  day.sleep(HOUR)
  await day.checks(1)
  const [first] = await day.run(why)
  expect(first).toBe(
    'Stopped at 01:30 CET (hibernated, off 62 min): nothing needed it since 01:20 CET; before that: uid 1000 typed on pts/1',
  )
})

describe('other moments', () => {
  it.each([
    ['01:20', 'At 01:20 CET: in use: uid 1000 typed on pts/1 (01:12 to 01:52, 40 min)', { sensor: 'sessions' }],
    ['04:00', 'At 04:00 CET: off: hibernated by idle-agent (02:02 to 05:14, 3 h 12)', null],
    ['23:30', 'At 2025-12-31 23:30 CET: nothing is recorded; the first record is of 01:02 CET', null],
    ['2025-12-01', 'At 2025-12-01 00:00 CET: nothing is recorded; the first record is of 01:02 CET', null],
  ])('%s', async (at, sentence, cause) => {
    const day = await Day.upToTheReturn()
    const told = await day.json(why, ['--at', at])
    expect(told).toMatchObject({ answer: 'moment', sentence })
    expect(told['cause']).toEqual(cause === null ? null : expect.objectContaining(cause))
  })

  it('are told to the second', async () => {
    const day = await Day.upToTheReturn()
    expect(await day.json(why, ['--at', '01:20:30'])).toMatchObject({ at: '2026-01-01T00:20:30Z' })
  })

  it('one after the other, the last first, where two begin in the same second', async () => {
    const day = await Day.upToTheReturn()
    const { files } = day.bench.host
    const [line = ''] = (files.read(paths.history) ?? '').split('\n')
    const one: unknown = JSON.parse(line)
    if (typeof one !== 'object' || one === null || !('from' in one)) throw new Error('no segment')
    const short = JSON.stringify({ ...one, until: one.from, state: 'short' })
    files.write(paths.history, `${short}\n${line}\n`)
    const { timeline } = await day.json(why)
    const states = JSON.stringify(timeline).match(/(?<="state":")\w+/g) ?? []
    expect(states.at(-1)).toBe('short')
  })

  it.each<[readonly string[], RegExp]>([
    [['--at'], /--at needs a value/],
    [['--at', 'yesterday'], /--at: "yesterday" is no time/],
    [['--at', '2026-01-02'], /--at: 2026-01-02 lies in the future/],
    [['now'], /why does not know "now": it takes --at/],
    [['--at', '1h', 'x'], /why does not know "x"/],
  ])('%j is refused', async (args, message) => {
    await expect(new Day().run(why, args)).rejects.toThrow(message)
  })
})

describe('a user', () => {
  /** As on the machine: root's folder lets nobody in. */
  function locked(day: Day): Day {
    const denied = (path: string) => {
      throw new HostError(`cannot read ${path}`, { cause: Object.assign(new Error('denied'), { code: 'EACCES' }) })
    }
    const { withSelf } = day.bench.host
    day.bench.host.withSelf = (self) => {
      const host = withSelf(self)
      const read = async (path: string) => (path.startsWith('/var/') ? denied(path) : host.store.read(path))
      return self.uid === 1000 ? { ...host, store: { ...host.store, read } } : host
    }
    return day
  }

  it('is told why from what everybody may read, and where the rest is', async () => {
    const day = locked(await Day.upToTheReturn())
    expect(await day.run(why, [], 1000)).toEqual([
      'Still up: grace until 05:24:06 CET (resumed: the provider names a new start)',
      'The last stop by idle-agent: hibernated, off 3 h 10',
      '  up since 05:14:06 CET (2 min ago): resumed: the provider names a new start',
      '  "sudo idle-agent why" shows what came before',
    ])
    await day.checks(12, connected)
    expect((await day.run(why, [], 1000)).join()).toContain('sessions hold: 1 connection open, no bytes')
  })

  it('is sent to sudo for the history', async () => {
    const day = locked(await Day.upToTheReturn())
    await expect(day.run(history, [], 1000)).rejects.toThrow(UsageError)
    await expect(day.run(why, ['--at', '1h'], 1000)).rejects.toThrow(/sudo idle-agent why --at/)
  })
})

describe('history', () => {
  it('is one object for programs', async () => {
    const day = await Day.upToTheReturn()
    const told = await day.json(history, ['--since', '1d'])
    expect(told).toMatchObject({ schema: 'idle-agent.history.v1', zone: 'Europe/Berlin', hours: [], notes: [] })
    expect(told['segments']).toContainEqual({
      ...{
        from: '2026-01-01T00:12:00Z',
        until: '2026-01-01T00:52:00Z',
        verdict: 'active',
        state: 'active',
        checks: 20,
      },
      cause: { sensor: 'sessions', kind: 'active', reason: 'uid 1000 typed on pts/1' },
    })
    expect(told['actions']).toContainEqual(expect.objectContaining({ action: 'hibernate', result: 'done' }))
    expect(told['actions']).toContainEqual(expect.objectContaining({ action: 'reconcile', result: 'done' }))
    expect(told['days']).toEqual([{ day: '2026-01-01', minutes: expect.objectContaining({ active: 40, off: 192 }) }])
  })

  it('tells what it could not read, and leaves it out', async () => {
    const day = await Day.upToTheReturn()
    const { files } = day.bench.host
    files.write(paths.history, `{"torn\n${files.read(paths.history)}\u0000\n`)
    files.write(paths.audit, `${files.read(paths.audit)}{"at":"x"}\n`)
    const lines = await day.run(history)
    expect(lines.slice(-2)).toEqual([
      `note: 2 lines of ${paths.history} cannot be read, and are left out`,
      `note: a line of ${paths.audit} cannot be read, and is left out`,
    ])
    expect(lines.join('\n')).toContain('hibernated by idle-agent')
  })

  it('shows a wall clock that was set back where it was', async () => {
    const day = await Day.upToTheReturn()
    await day.checks(8, typing)
    day.bench.host.clock.stepWall(-3 * HOUR)
    await day.checks(3, typing)
    await day.checks(3, quiet)
    const lines = await day.run(history, ['--since', '2025-12-01', '--until=2026-01-02'])
    const back = lines.findIndex((line) => line.includes('the wall clock was set back'))
    expect(lines[back - 1]).toMatch(/05:.* active/)
    expect(lines[back + 1]).toMatch(/02:.* active/)
  })

  it('tells what is rolled up by its totals, in the day and in the plot', async () => {
    const day = await Day.upToTheReturn()
    const { files } = day.bench.host
    const hours = Array.from({ length: 24 }, (_, index) => ({
      hour: Date.UTC(2025, 11, 30, 23) + index * HOUR,
      minutes: index < 8 ? { off: 60 } : index < 18 ? { active: 50, idle: 10 } : { held: 40, unknown: 20 },
      ...(index < 8 ? {} : { cause: { sensor: 'cpu', kind: 'active', reason: 'make works' }, causeMinutes: 50 }),
    }))
    const lines = hours.map((hour) => `${JSON.stringify(hour)}\n`).join('')
    files.write(paths.history, lines + files.read(paths.history))
    expect((await day.run(history))[0]).toBe(
      '2025-12-31 Wed  in use 8 h 20, idle 100 min, idle and held 4 h 00, unknown 2 h 00, off 8 h 00  (by the hour; most: cpu: make works)',
    )
    expect((await day.run(history, ['--since', '2025-12-31', '--plot']))[1]).toBe(
      '2025-12-31 Wed |________##########hhhhhh| in use 8 h 20, idle 100 min, idle and held 4 h 00, unknown 2 h 00, off 8 h 00',
    )
    expect((await day.run(why, ['--at', '2025-12-31 09:30']))[0]).toBe(
      'At 2025-12-31 09:30 CET: in that hour in use 50 min, idle 10 min; most of it: make works',
    )
    expect(await day.json(history)).toMatchObject({ hours: expect.objectContaining({ length: 24 }) })
  })

  it('has nothing to tell of a time before it', async () => {
    const day = await Day.upToTheReturn()
    expect(await day.run(history, ['--since', '2025-11-01', '--until', '2025-11-02'])).toEqual([
      'nothing is recorded of that time',
    ])
  })

  it.each<[readonly string[], RegExp]>([
    [['--since'], /--since: it needs a time/],
    [['--since', '7 days'], /"7 days" is no time; write it as 7d/],
    [['--since', '2026-02-30'], /is no time/],
    [['--since', '2030-01-01'], /--since lies in the future/],
    [['--until', '8d'], /--since is not before --until/],
    [['--graph'], /history does not know "--graph"/],
  ])('%j is refused', async (args, message) => {
    await expect(new Day().run(history, args)).rejects.toThrow(message)
  })
})

it('the cause is in the check and in the status, by id', async () => {
  const day = new Day()
  await day.checks(9, connected)
  const left = JSON.parse(day.bench.host.files.read(paths.status) ?? '') as Record<string, unknown>
  expect(left['cause']).toEqual({
    ...{ sensor: 'sessions', kind: 'hold', evidence: 'connection', reason: '1 connection open, no bytes' },
  })
  await day.checks(2, hanging)
  const blind = JSON.parse(day.bench.host.files.read(paths.status) ?? '') as Record<string, unknown>
  // The last check that could read it.
  expect(blind['unknownSince']).toEqual({ sessions: '2026-01-01T00:18:00Z' })
  day.bench.host.clock.advance(MINUTE)
  expect((await day.run(status)).join('\n')).toContain('sessions     unknown since 01:18 CET (5 min ago): who(1) hangs')
})
