// The check that finds the machine back after our stop, killed at one of its changes or failing there, and what comes of it.
import { expect } from 'vitest'
import type { Machine } from '../machine.ts'
import type { Case } from './cases.ts'
import { errorOf, expectSaid } from './failing.ts'
import { onDisk, type Point } from './points.ts'
import { countReports, expectClean, expectReported } from './right-end.ts'
import { struck, type Traced } from './traced.ts'

type Make = () => Promise<Machine>

async function cutThere(
  make: Make,
  { point, what }: { readonly point: Point; readonly what: string },
  expectCut: (machine: Machine, traced: Traced) => void,
): Promise<void> {
  const { machine, traced } = await struck(make, { ...point, what })
  try {
    expectCut(machine, traced)
    // As long as the journal does not know that it was said, it is said, in the same words.
    const isOpen = machine.intents().at(-1)?.['phase'] !== 'closed'
    const lines = countReports(machine) + (isOpen ? 1 : 0)
    await expectClean(machine)
    expectReported(machine, 'hibernated', lines)
    expect(machine.status()).not.toHaveProperty('fault')
    expect(machine.stops()).toEqual([])
  } finally {
    await machine.close()
  }
}

/** What came of it being killed there. */
export function killedAtReturn(make: Make, point: Point): Case {
  const expectKilled = (_: Machine, { code }: Traced): void => expect(code).toBe(-1)
  return {
    name: `back: killed before change ${point.index}, ${point.kind}`,
    run: () => cutThere(make, { point, what: 'signal=KILL' }, expectKilled),
  }
}

/** What came of that change of the disk failing, for each of them. */
export function failAtReturn(make: Make, points: readonly Point[]): readonly Case[] {
  return onDisk(points).map((point) => ({
    name: `back: ${errorOf(point)} at change ${point.index}, ${point.kind}`,
    run: () =>
      cutThere(make, { point, what: `error=${errorOf(point)}` }, (machine, traced) => {
        expectSaid(machine, traced, point)
      }),
  }))
}
