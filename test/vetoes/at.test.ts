/** The veto of at jobs, whose names tell the times. */
import { describe, expect, it } from 'vitest'
import { atVeto, dueTime } from '../../agent/vetoes/at.ts'
import { createMachine, HOUR, MINUTE, minutes, NOON, read } from './machine.ts'

const job = (afterNoon: number, queue = 'a', number = 1): string =>
  `${queue}${number.toString(16).padStart(5, '0')}${(NOON / MINUTE + afterNoon).toString(16).padStart(8, '0')}`

describe('the name of a job', () => {
  it.each<[string, number | undefined]>([
    [job(8), NOON + 8 * MINUTE],
    [job(8, 'Z', 0xfffff), NOON + 8 * MINUTE],
    ['a0000100000000', 0],
    [job(8, '='), NOON + 8 * MINUTE],
    [job(8).toUpperCase(), undefined],
    [`${job(8)}0`, undefined],
    ['.SEQ', undefined],
    ['.lockfile', undefined],
    ['spool', undefined],
    ['', undefined],
  ])('%s', (name, expected) => {
    expect(dueTime(name)).toBe(expected)
  })
})

describe('an at job', () => {
  it.each(['/var/spool/cron/atjobs', '/var/spool/at', '/var/spool/atjobs'])(
    'in %s that is due is waited for',
    async (folder) => {
      const host = createMachine()
      host.files.write(`${folder}/${job(8)}`, '#!/bin/sh\n', { uid: 1000 })
      const reason = 'an at job of uid 1000 is due at 12:08 UTC; it is waited for until 12:09 UTC'
      expect(await read(atVeto, host)).toEqual([{ name: 'at', reason, until: minutes(9) }])
    },
  )

  it.each<[string, string]>([
    ['later', job(16)],
    ['past', job(-1)],
    ['running for a minute', job(-1, '=')],
    ['no job', '.SEQ'],
  ])('that is %s is not', async (_, name) => {
    const host = createMachine()
    host.files.write(`/var/spool/cron/atjobs/${name}`, '')
    expect(await read(atVeto, host)).toEqual([])
  })

  it('that has only just begun is waited for', async () => {
    const host = createMachine()
    host.files.write(`/var/spool/at/${job(0, '=')}`, '', { uid: 0 })
    expect(await read(atVeto, host)).toMatchObject([
      { reason: expect.stringMatching(/^an at job of root is due at 12:00 UTC/), until: minutes(1) },
    ])
  })

  it('that puts itself off again and again holds to the ceiling', async () => {
    const host = createMachine()
    const held = async (hours: number): Promise<number> => {
      host.clock.advance(hours * HOUR)
      host.files.write(`/var/spool/at/${job((host.clocks().wallMs - NOON) / MINUTE + 10)}`, '', { uid: 1000 })
      return (await read(atVeto, host)).length
    }
    expect([await held(10), await held(12), await held(1), await held(5)]).toEqual([1, 1, 0, 0])
  })

  it('is one of thousands: eight are named, the last among them', async () => {
    const host = createMachine()
    for (let number = 0; number < 5000; number += 1)
      host.files.write(`/var/spool/at/${job(number % 15, 'a', number)}`, '')
    const found = await read(atVeto, host)
    expect([found.length, found[0]?.until]).toEqual([8, minutes(15)])
  })

  it('is none where there is no at', async () => {
    expect(await read(atVeto, createMachine())).toEqual([])
  })

  it('cannot be told where the folder cannot be read', async () => {
    const host = createMachine()
    host.files.makeDir('/var/spool/at')
    host.files.failing.set('/var/spool/at', 'permission denied')
    await expect(read(atVeto, host)).rejects.toThrow('permission denied')
  })
})
