// The crash tests: every way to cut a check off, at each of its changes or at one of each kind.
import { expect, test } from 'vitest'
import { canMount } from '../namespace.ts'
import { type Case, oneOfEach, runCases, seeded, startPulse } from './cases.ts'
import { changesElsewhere } from './changes.ts'
import { failsAt } from './failing.ts'
import { fullFrom } from './full.ts'
import { killedAt } from './killed.ts'
import { aboutToAct, prepareReturn } from './machines.ts'
import { comesBackFrom } from './outage.ts'
import { findOutages } from './outages.ts'
import { findPoints, onDisk, type Point } from './points.ts'
import { failAtReturn, killedAtReturn } from './returning.ts'
import { canTrace, trace } from './traced.ts'

export type Extent = 'every change' | 'one of each kind'

const SEED = 1

/** The call and what it was of. */
const byKind = ({ kind }: { readonly kind: string }): string => kind

/** What it was of: whichever call fails, the agent finds that it could not write this file. */
const byFile = ({ kind, sent }: Point): string => `${kind.replace(/^\w+ /, '')} ${sent ? 'after' : 'before'} the call`

interface Story {
  readonly name: string
  readonly canRun: boolean
  /** How many cases side by side: they wait more or less. */
  readonly width: number
  /** What was found, and the cases that come of it; `close` when they have run. */
  find(extent: Extent): Promise<{ readonly found: string; readonly cases: readonly Case[]; close?(): Promise<void> }>
}

function chosen<T>(all: readonly T[], kind: (one: T) => string, extent: Extent): readonly T[] {
  return extent === 'every change' ? all : oneOfEach(all, kind, seeded(SEED))
}

const stories: readonly Story[] = [
  {
    name: 'a check that acts, killed at a change',
    canRun: canTrace,
    width: 12,
    async find(extent) {
      const points = await findPoints(() => aboutToAct())
      return { found: `${points.length} changes`, cases: chosen(points, byKind, extent).flatMap(killedAt) }
    },
  },
  {
    name: 'a check that acts, with a change of the disk that fails',
    canRun: canTrace,
    width: 4,
    async find(extent) {
      const points = onDisk(await findPoints(() => aboutToAct()))
      return { found: `${points.length} changes of the disk`, cases: chosen(points, byFile, extent).map(failsAt) }
    },
  },
  {
    name: 'a check that acts, with the disk full from a change on',
    canRun: canTrace && canMount,
    width: 4,
    async find(extent) {
      const points = onDisk(await findPoints(() => aboutToAct()))
      return { found: `${points.length} changes of the disk`, cases: chosen(points, byFile, extent).map(fullFrom) }
    },
  },
  {
    name: 'the check after the return, killed at a change, or with one that fails',
    canRun: canTrace,
    width: 3,
    async find(extent) {
      const { make, close } = await prepareReturn()
      const points = await findPoints(make)
      const kills = chosen(points, byKind, extent).map((point) => killedAtReturn(make, point))
      const failures = failAtReturn(make, chosen(points, byFile, extent))
      return { found: `${points.length} changes`, cases: [...kills, ...failures], close }
    },
  },
  {
    name: 'a loss of power at a change, from the first check to the return',
    canRun: canTrace,
    width: 4,
    async find(extent) {
      const { changes, outages } = await findOutages()
      // All of them, as one check each is cheap; what comes later takes its time.
      const cases = outages.map((outage) => comesBackFrom(outage, { toTheEnd: extent === 'every change' }))
      return { found: `${changes} changes, ${outages.length} different disks after them`, cases }
    },
  },
]

/** Declares the tests; with every change `wider` times as many side by side. */
export function testCrashes(
  extent: Extent,
  { wider = 1, timeout }: { readonly wider?: number; readonly timeout: number },
): void {
  for (const { name, canRun, width, find } of stories) {
    test.skipIf(!canRun).concurrent(`${name}: the right end (${extent})`, { timeout }, async ({ signal }) => {
      const pulse = startPulse()
      const { found, cases, close } = await pulse.patiently(() => find(extent))
      try {
        const wrong = await runCases(cases, { width: width * wider, pulse, signal })
        console.log(`${name}: ${found}, ${cases.length} cases, ${wrong.length} wrong`)
        expect(wrong).toEqual([])
        expect(cases.length).toBeGreaterThan(0)
      } finally {
        await close?.()
        pulse.stop()
      }
    })
  }
  test.skipIf(!canTrace).concurrent('no other thread changes anything', { timeout }, async ({ onTestFinished }) => {
    const machine = await aboutToAct()
    onTestFinished(() => machine.close())
    const { log } = await trace(machine, ['-f', '-s', '0'])
    expect(machine.stops()).toEqual(['hibernate accepted'])
    expect(changesElsewhere(log)).toEqual([])
  })
}
