// A check in which one change of the disk fails, and what comes of it.
import { expect } from 'vitest'
import type { Machine } from '../machine.ts'
import type { Case } from './cases.ts'
import type { Point } from './killed.ts'
import { aboutToAct } from './machines.ts'
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

/** Changes of the disk; what is sent and printed cannot fail for want of room. */
export function onDisk(points: readonly Point[]): readonly Point[] {
  return points.filter(({ kind }) => !/ (metadata|api|out)$/.test(kind))
}

/** It says so: in its exit code, on stderr, and where it did nothing in the status and the tag. */
function expectSaid(machine: Machine, traced: Traced, { kind }: Point): void {
  // An entry for the lock does without what is in it.
  if (/^(openat|write) lock\/entry$/.test(kind)) {
    expect([traced.code, traced.stderr]).toEqual([0, ''])
    return
  }
  expect([traced.code, traced.stderr]).toEqual([5, expect.stringMatching(/^idle-agent: cannot .*(ENOSPC|EIO)\)\n$/)])
  if (traced.stdout !== '') {
    // Only the status or the log could not be written.
    expect(kind).toMatch(/ (run|log|run\/status\.json\.tmp|log\/audit\.jsonl)$/)
    expect(machine.stops()).toEqual(['hibernate accepted'])
    return
  }
  expect(machine.status()).toMatchObject({ fault: { kind: 'files', tagged: true } })
  expect(machine.tags()['IdleReason']).toMatch(/^fault: cannot /)
}

async function failsThere(point: Point, error: string): Promise<void> {
  const { machine, traced } = await struck(aboutToAct, { ...point, what: `error=${error}` })
  try {
    expectSaid(machine, traced, point)
    if (machine.stops().length > 0) expect(machine.intents().length).toBeGreaterThan(0)
    await expectRightEnd(machine, { lingers: true, newBootId: point.index % 2 === 0 })
    expect(machine.status()).not.toHaveProperty('fault')
  } finally {
    await machine.close()
  }
}

/** What came of that change of the disk failing, once. */
export function failsAt(point: Point): Case {
  const error = errors[point.change.call]
  if (error === undefined) throw new Error(`how ${point.change.call} fails is not known`)
  return { name: `${error} at change ${point.index}, ${point.kind}`, run: () => failsThere(point, error) }
}
