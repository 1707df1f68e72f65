// The changes that a check makes, found by tracing one that is left alone.
import type { Machine } from '../machine.ts'
import { Starved } from './cases.ts'
import type { Change } from './changes.ts'
import { kindsOf } from './machines.ts'
import { trace } from './traced.ts'

/** A change of a check. Right before it is right after the one before it: in between nothing is changed. */
export interface Point {
  readonly index: number
  readonly change: Change
  readonly kind: string
  /** The last call of the API was sent before it; of a check that acts, the stop. */
  readonly sent: boolean
}

/** Finds them in the next check of such a machine. */
export async function findPoints(make: () => Promise<Machine>): Promise<readonly Point[]> {
  const machine = await make()
  try {
    const { changes, code, stderr } = await trace(machine, ['-s', '0'])
    if (code === 3) throw new Starved('the check that was traced had no answer in time')
    if (code !== 0) throw new Error(`the check that was traced ended with ${code}: ${stderr}`)
    const kinds = kindsOf(machine, changes)
    const call = kinds.lastIndexOf('write api')
    return changes.map((change, index) => ({ index, change, kind: kinds[index] ?? '', sent: index > call }))
  } finally {
    await machine.close()
  }
}

/** Changes of the disk; what is sent and printed needs no room. */
export function onDisk(points: readonly Point[]): readonly Point[] {
  return points.filter(({ kind }) => !/ (metadata|api|out)$/.test(kind))
}
