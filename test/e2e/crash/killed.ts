// A check that is killed right before one of its changes, and what comes of it.
import type { Machine } from '../machine.ts'
import type { Case } from './cases.ts'
import type { Change } from './changes.ts'
import { aboutToAct, kindsOf } from './machines.ts'
import { expectRightEnd, expectTrueMirror, type Way } from './right-end.ts'
import { struck, trace } from './traced.ts'

/** A change of the check that acts. Killed right before it is killed right after the one before: nothing else changes anything. */
export interface Point {
  readonly index: number
  readonly change: Change
  readonly kind: string
  /** The stop was sent before it. */
  readonly sent: boolean
}

/** Finds them in a check that is left alone. */
export async function findPoints(): Promise<readonly Point[]> {
  const machine = await aboutToAct()
  try {
    const { changes, code, stderr } = await trace(machine, ['-s', '0'])
    if (code !== 0 || machine.stops().length !== 1) throw new Error(`the check that was traced did not act: ${stderr}`)
    const kinds = kindsOf(machine, changes)
    const call = kinds.lastIndexOf('write api')
    return changes.map((change, index) => ({ index, change, kind: kinds[index] ?? '', sent: index > call }))
  } finally {
    await machine.close()
  }
}

/** A short time to go down, in milliseconds. */
const SOON_MS = 100

async function killedThere(point: Point, way: Way): Promise<void> {
  const make = (): Promise<Machine> => (way.lingers ? aboutToAct() : aboutToAct(SOON_MS))
  const { machine, traced } = await struck(make, { ...point, what: 'signal=KILL' })
  try {
    if (traced.code !== -1) throw new Error(`it was not killed, but ended with ${traced.code}`)
    expectTrueMirror(machine)
    await expectRightEnd(machine, way)
  } finally {
    await machine.close()
  }
}

/** What came of being killed there: the machine lingers before it goes, or has gone at once, where it was told to. */
export function killedAt(point: Point): readonly Case[] {
  const newBootId = point.index % 2 === 0
  const name = `killed before change ${point.index}, ${point.kind}`
  const ways = [{ lingers: true, newBootId }, ...(point.sent ? [{ lingers: false, newBootId: !newBootId }] : [])]
  return ways.map((way) => ({
    name: `${name}, ${way.lingers ? 'lingers' : 'gone at once'}, ${way.newBootId ? 'boots' : 'resumes'}`,
    run: () => killedThere(point, way),
  }))
}
