/** The veto of systemd inhibitors: whose hold, for how long, and what none of them can do. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inhibitorsVeto, parseInhibitor } from '../../agent/vetoes/inhibitors.ts'
import type { MemoryHost } from '../host/memory.ts'
import { createMachine, HOUR, MONO, NOON, read } from './machine.ts'

const folder = '/run/systemd/inhibit'

interface Spec {
  readonly what?: string
  readonly mode?: string
  readonly uid?: number
  readonly pid?: number
  readonly text?: string
  /** Hours since it was taken. */
  readonly age?: number
}

/** Takes an inhibitor, as logind 252 writes it down, for a process that lives. */
function take(
  host: MemoryHost,
  id: number,
  { what = 'sleep', mode = 'block', uid = 1000, pid = 812, text, age = 0 }: Spec = {},
): void {
  const lines = ['# This is private data. Do not parse.', `WHAT=${what}`, `MODE=${mode}`, `UID=${uid}`, `PID=${pid}`]
  const written = text ?? `${[...lines, 'WHO=backup', 'WHY=nightly', `FIFO=${folder}/${id}.ref`].join('\n')}\n`
  host.files.write(`${folder}/${id}`, written, { mtimeMs: NOON - age * HOUR, uid: 0 })
  host.files.write(`${folder}/${id}.ref`, '')
  if (pid === 812) host.files.write('/proc/812/comm', 'rsync\n')
}

const holds = 'systemd inhibitor of rsync (pid 812) against sleep, until'

describe('an inhibitor', () => {
  it.each<[string, Spec, readonly object[]]>([
    [
      'of a user',
      {},
      [{ reason: `${holds} 2026-11-23 11:00 UTC at the latest`, detail: 'backup: nightly', until: MONO + 23 * HOUR }],
    ],
    ['of root', { uid: 0 }, [{ reason: `${holds} root gives it back`, detail: 'backup: nightly' }]],
    ['of root, for days', { uid: 0, age: 80 }, [{ reason: `${holds} root gives it back` }]],
    ['of a user, for 23 hours', { age: 23 }, [{ until: MONO + HOUR }]],
    ['of a user, for a day', { age: 24 }, []],
    ['from the future', { age: -5 }, [{ until: MONO + 23 * HOUR }]],
    ['that only delays', { mode: 'delay' }, []],
    ['that blocks weakly', { mode: 'block-weak' }, [{ until: MONO + 23 * HOUR }]],
    ['of a kind to come', { mode: 'block-hard' }, [{ until: MONO + 23 * HOUR }]],
    ['against idling', { what: 'idle' }, [{ reason: expect.stringContaining(' against idle,') }]],
    [
      'against shutting down, among others',
      { what: 'handle-lid-switch:shutdown:idle' },
      [{ reason: expect.stringContaining(' against shutdown, idle,') }],
    ],
    ['of buttons', { what: 'handle-power-key:handle-lid-switch' }, []],
    ['of a process that has ended', { pid: 4711 }, []],
  ])('%s', async (_, spec, expected) => {
    const host = createMachine()
    take(host, 1, spec)
    expect(await read(inhibitorsVeto, host)).toMatchObject(expected)
  })

  it('is one of several, and the one that never ends comes first', async () => {
    const host = createMachine()
    take(host, 1)
    take(host, 2, { uid: 0 })
    take(host, 3, { mode: 'delay' })
    expect((await read(inhibitorsVeto, host)).map(({ until }) => until)).toEqual([undefined, MONO + 23 * HOUR])
  })

  it('is not there where logind is not', async () => {
    expect(await read(inhibitorsVeto, createMachine())).toEqual([])
  })

  it('taken again and again holds no longer than the ceiling after the last use', async () => {
    const host = createMachine()
    const held: boolean[] = []
    for (let hour = 0; hour < 30; hour += 1) {
      host.clock.advance(HOUR)
      host.files.write(`${folder}/1`, 'WHAT=sleep\nMODE=block\nUID=1000\n')
      held.push((await read(inhibitorsVeto, host)).length > 0)
    }
    expect(held).toEqual(Array.from({ length: 30 }, (_, hour) => hour < 22))
  })
})

describe('what cannot be understood', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['garbage', '\0\u0001 garbage'],
    ['without a mode', 'WHAT=sleep\nUID=0\n'],
    ['without what', 'MODE=block\nUID=0\n'],
    ['a reason of a megabyte', `WHAT=sleep\nMODE=block\nUID=1000\nPID=812\nWHY=${'x'.repeat(1_100_000)}\n`],
  ])('holds, and not for ever: %s', async (_, text) => {
    const host = createMachine()
    take(host, 7, { text })
    const [veto] = await read(inhibitorsVeto, host)
    expect(veto).toMatchObject({
      reason: expect.stringContaining('inhibitor 7 cannot be understood'),
      until: MONO + 23 * HOUR,
    })
    take(host, 7, { text, age: 25 })
    expect(await read(inhibitorsVeto, host)).toEqual([])
  })

  it('throws or reads whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseInhibitor(text)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })

  it('takes off quotes, and is not misled by what is written into a reason', () => {
    expect(parseInhibitor('WHAT=idle\nMODE=delay\nWHO="My \\"App\\""\nWHY="x\\nMODE=block"\n')).toMatchObject({
      blocks: false,
      who: 'My \\"App\\"',
      uid: undefined,
    })
  })
})

it('8000 of them are more than anybody looks at: the rest holds, up to the ceiling', async () => {
  const host = createMachine()
  for (let id = 1; id <= 8000; id += 1)
    host.files.write(`${folder}/${id}`, 'WHAT=idle\nMODE=delay\nUID=1000\nPID=812\n')
  expect(await read(inhibitorsVeto, host)).toEqual([
    {
      name: 'inhibitor',
      reason: '7500 more systemd inhibitors than are looked at; it holds until 2026-11-23 11:00 UTC at the latest',
      until: MONO + 23 * HOUR,
    },
  ])
  for (let id = 1; id <= 400; id += 1) take(host, id)
  expect(await read(inhibitorsVeto, host)).toHaveLength(8)
})
