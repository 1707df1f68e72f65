// A check that acts and is killed right before one of its changes, and what comes of it.
import type { Case } from './cases.ts'
import { aboutToAct } from './machines.ts'
import type { Point } from './points.ts'
import { expectRightEnd, expectTrueMirror, type Way } from './right-end.ts'
import { struck } from './traced.ts'

/** A short time to go down, in milliseconds. */
const SOON_MS = 100

async function killedThere(point: Point, way: Way): Promise<void> {
  const make = (): ReturnType<typeof aboutToAct> => aboutToAct(way.lingers ? {} : { downMs: SOON_MS })
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
  const ways = [{ lingers: true, newBootId }, ...(point.sent ? [{ lingers: false, newBootId: !newBootId }] : [])]
  return ways.map((way) => {
    const after = `${way.lingers ? 'lingers' : 'gone at once'}, ${way.newBootId ? 'boots' : 'resumes'}`
    const name = `killed before change ${point.index}, ${point.kind}; ${after}`
    return { name, run: () => killedThere(point, way) }
  })
}
