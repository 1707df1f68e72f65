// A disk that is full from one change of a check on, until somebody makes room, and what comes of it.
import { expect } from 'vitest'
import type { Machine, Ran } from '../machine.ts'
import type { Case } from './cases.ts'
import { aboutToAct } from './machines.ts'
import type { Point } from './points.ts'
import { expectRightEnd } from './right-end.ts'
import { makeSmallDisk, type SmallDisk } from './small-disk.ts'
import { MOST_TRIES, pausedAfter } from './traced.ts'

interface Full {
  readonly disk: SmallDisk
  readonly machine: Machine
  readonly ran: Ran
}

/** A machine whose disk became full right after that change. */
async function fullAfter(point: Point): Promise<Full> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const disk = await makeSmallDisk()
    const machine = await aboutToAct({ stateDir: disk.stateDir })
    // With no room for bytes, and in turn with none for names of files either.
    const ran = await pausedAfter(machine, point, () => disk.fill(point.index % 2 === 0))
    if (ran !== undefined) return { disk, machine, ran }
    await close({ disk, machine })
  }
  throw new Error(`no check was met at its change ${point.index}`)
}

async function close({ disk, machine }: Omit<Full, 'ran'>): Promise<void> {
  await machine.close()
  await disk.close()
}

/** Either it needed no room, or it says that there is none: in its exit code, on stderr, in the status and in the tag. */
function expectSaid(machine: Machine, { code, stdout, stderr }: Ran): void {
  if (code === 0) {
    expect([stderr, machine.intents().at(-1)?.['phase']]).toEqual(['', 'accepted'])
    return
  }
  expect([code, stderr]).toEqual([5, expect.stringMatching(/^idle-agent: cannot .* no space left on the device/)])
  if (stdout !== '') return
  expect(machine.status()).toMatchObject({ fault: { kind: 'files', tagged: true } })
  expect(machine.tags()['IdleReason']).toMatch(/^fault: cannot /)
}

/** Nothing is sent that was not written down before, and nothing twice. */
function expectWritten(machine: Machine): void {
  const calls = machine.stops()
  expect(['', 'hibernate accepted']).toContain(calls.join())
  if (calls.length > 0) expect(machine.intents()[0]).toMatchObject({ method: 'hibernate', phase: 'intended' })
}

async function fullThere(point: Point): Promise<void> {
  const { disk, machine, ran } = await fullAfter(point)
  try {
    expectSaid(machine, ran)
    expectWritten(machine)
    const next = await machine.turn(() => machine.runCheck(['check', '--act', '--json']))
    expectSaid(machine, next)
    expectWritten(machine)
    disk.free()
    await expectRightEnd(machine, { lingers: true, newBootId: point.index % 4 < 2 })
    expect(machine.status()).not.toHaveProperty('fault')
  } finally {
    await close({ disk, machine })
  }
}

/** What came of the disk being full from there on, for this check and the next. */
export function fullFrom(point: Point): Case {
  return { name: `the disk full after change ${point.index}, ${point.kind}`, run: () => fullThere(point) }
}
