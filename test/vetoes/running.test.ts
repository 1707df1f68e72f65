/** The vetoes of what is at work or planned by name: cloud-init, a scheduled shutdown, the configuration. */
import { describe, expect, it } from 'vitest'
import { cloudInitVeto } from '../../agent/vetoes/cloud-init.ts'
import { protectedVeto } from '../../agent/vetoes/protected.ts'
import { scheduledShutdownVeto } from '../../agent/vetoes/scheduled-shutdown.ts'
import { createMachine, HOUR, MINUTE, MONO, minutes, NOON, read } from './machine.ts'

describe('cloud-init', () => {
  const path = '/run/cloud-init/status.json'
  const status = (stage: unknown): string =>
    JSON.stringify({ v1: { datasource: 'DataSourceEc2', init: { errors: [] }, stage } })
  const doubt = {
    name: 'cloud-init',
    reason: 'it cannot be told whether cloud-init is at work, until 14:00 UTC at most',
  }

  it.each<[string, string, readonly object[]]>([
    [
      'at work',
      status('modules-final'),
      [
        {
          name: 'cloud-init',
          reason: 'cloud-init is at work (modules-final), until 14:00 UTC at most',
          until: MONO + 2 * HOUR,
        },
      ],
    ],
    ['done', status(null), []],
    ['done, in an older version', '{"v1":{}}', []],
    ['of another form', status(5), [doubt]],
    ['a list', '[]', [doubt]],
    ['cut off', status(null).slice(0, 20), [doubt]],
    ['empty', '', [doubt]],
    [
      'a stage of a megabyte',
      status('x'.repeat(1_000_000)),
      [{ reason: expect.stringMatching(/^cloud-init is at work \(x{20}\), until/) }],
    ],
    ['more than is read', ' '.repeat(1_100_000), [doubt]],
  ])('%s', async (_, text, expected) => {
    const host = createMachine()
    host.files.write(path, text)
    expect(await read(cloudInitVeto, host)).toMatchObject(expected)
    host.clock.advance(2 * HOUR)
    expect(await read(cloudInitVeto, host)).toEqual([])
  })

  it('is waited for from now on where its status comes from the future', async () => {
    const host = createMachine()
    host.files.write(path, status('init'), { mtimeMs: NOON + 5 * HOUR })
    expect(await read(cloudInitVeto, host)).toMatchObject([{ until: MONO + 2 * HOUR }])
  })

  it('is not there on every machine', async () => {
    expect(await read(cloudInitVeto, createMachine())).toEqual([])
  })
})

describe('a scheduled shutdown', () => {
  const path = '/run/systemd/shutdown/scheduled'
  const at = (afterNoonMs: number, mode = 'poweroff'): string =>
    `USEC=${(NOON + afterNoonMs) * 1000}\nWARN_WALL=1\nMODE=${mode}\nUID=0\n`
  const end = (count: number): number => minutes(count + 2)

  it.each<[string, string, readonly object[]]>([
    [
      'near',
      at(10 * MINUTE),
      [{ name: 'shutdown', reason: 'a poweroff is scheduled; it is waited for until 12:12 UTC', until: end(10) }],
    ],
    [
      'at the horizon',
      at(15 * MINUTE, 'reboot'),
      [{ reason: expect.stringMatching(/^a reboot is scheduled/), until: end(15) }],
    ],
    ['behind the horizon', at(15 * MINUTE + 1), []],
    ['tomorrow', at(24 * HOUR), []],
    ['under way', at(-MINUTE), [{ until: end(-1) }]],
    ['that never came', at(-2 * MINUTE), []],
    ['that is only said', at(5 * MINUTE, 'dry-reboot'), []],
    ['of no known kind', at(5 * MINUTE, '\u001b[31m'), [{ reason: expect.stringMatching(/^a shutdown is scheduled/) }]],
    [
      'without a time',
      'MODE=poweroff\n',
      [
        {
          reason: `${path} cannot be understood; it holds until 2026-11-23 11:00 UTC at the latest`,
          until: MONO + 23 * HOUR,
        },
      ],
    ],
    ['with another time', 'USEC=soon\nMODE=poweroff\n', [{ until: MONO + 23 * HOUR }]],
    ['in the year 300000', 'USEC=9999999999999999999\n', [{ until: MONO + 23 * HOUR }]],
    ['nothing', '', [{ until: MONO + 23 * HOUR }]],
  ])('%s', async (_, text, expected) => {
    const host = createMachine()
    host.files.write(path, text)
    expect(await read(scheduledShutdownVeto, host)).toMatchObject(expected)
  })

  it('is not understood for no longer than a day', async () => {
    const host = createMachine()
    host.files.write(path, 'garbage', { mtimeMs: NOON - 24 * HOUR })
    expect(await read(scheduledShutdownVeto, host)).toEqual([])
  })

  it('holds by the wall clock, also where that was set meanwhile', async () => {
    const host = createMachine()
    host.files.write(path, at(10 * MINUTE))
    host.clock.stepWall(-HOUR)
    expect(await read(scheduledShutdownVeto, host)).toEqual([])
    host.clock.stepWall(HOUR + 9 * MINUTE)
    expect(await read(scheduledShutdownVeto, host)).toMatchObject([{ until: minutes(3) }])
  })

  it('is none where none is', async () => {
    expect(await read(scheduledShutdownVeto, createMachine())).toEqual([])
  })
})

it('protected holds as long as the configuration says so', async () => {
  const reason = 'protected by the configuration, as long as it says protected: true'
  expect(await read(protectedVeto, createMachine(), { protected: true })).toEqual([{ name: 'protected', reason }])
  expect(await read(protectedVeto, createMachine())).toEqual([])
})
