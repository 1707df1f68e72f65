// A check that acts and in which one change of the disk fails, and what comes of it.
import { expect } from 'vitest'
import type { Machine } from '../machine.ts'
import type { Case } from './cases.ts'
import { aboutToAct } from './machines.ts'
import type { Point } from './points.ts'
import { expectRightEnd } from './right-end.ts'
import { struck, type Traced } from './traced.ts'

/** What each call says of a full disk, or of a broken one where it needs no room. */
const errors: Readonly<Record<string, string>> = {
  openat: 'ENOSPC',
  write: 'ENOSPC',
  rename: 'ENOSPC',
  fchmod: 'EIO',
  fsync: 'EIO',
  unlink: 'EIO',
}

/** How that change fails. */
export function errorOf({ change: { call } }: Point): string {
  const error = errors[call]
  if (error === undefined) throw new Error(`how ${call} fails is not known`)
  return error
}

/** It says so in its exit code and on stderr; where it could not do its work, in the status and the tag as well. Did it? */
export function expectSaid(machine: Machine, { code, stdout, stderr }: Traced, { kind }: Point): boolean {
  // An entry for the lock does without what is in it.
  if (/^(openat|write) lock\/entry$/.test(kind)) {
    expect([code, stderr]).toEqual([0, ''])
    return true
  }
  expect([code, stderr]).toEqual([5, expect.stringMatching(/^idle-agent: cannot .*(ENOSPC|EIO)\)\n$/)])
  if (stdout !== '') {
    // Only others lose sight of it or of what it did, or the next check compiles the configuration anew.
    expect(kind).not.toMatch(/ (state\.json\.tmp|intents\.jsonl)$/)
    return true
  }
  expect(machine.status()).toMatchObject({ fault: { kind: 'files', tagged: true } })
  expect(machine.tags()['IdleReason']).toMatch(/^fault: cannot /)
  return false
}

async function failsThere(point: Point, error: string): Promise<void> {
  const { machine, traced } = await struck(() => aboutToAct(), { ...point, what: `error=${error}` })
  try {
    if (expectSaid(machine, traced, point)) expect(machine.stops()).toEqual(['hibernate accepted'])
    if (machine.stops().length > 0) expect(machine.intents()[0]).toMatchObject({ phase: 'intended' })
    await expectRightEnd(machine, { lingers: true, newBootId: point.index % 2 === 0 })
    expect(machine.status()).not.toHaveProperty('fault')
  } finally {
    await machine.close()
  }
}

/** What came of that change of the disk failing, once. */
export function failsAt(point: Point): Case {
  const error = errorOf(point)
  return { name: `${error} at change ${point.index}, ${point.kind}`, run: () => failsThere(point, error) }
}
