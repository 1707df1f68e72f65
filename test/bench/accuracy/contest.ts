// Every contender over the same machines, under one definition of the truth.

import { ours } from './ours.ts'
import { peers } from './peers.ts'
import { play } from './play.ts'
import { type Contest, type Row, rowOf } from './rows.ts'
import type { Series } from './series.ts'
import type { Truth } from './truth.ts'

export interface Machine {
  readonly series: Series
  readonly truth: Truth
  readonly typed?: Uint8Array
}

/** Plays all; our own first. */
export function contest(name: string, about: string, machines: readonly Machine[]): Contest {
  const scores = [ours, ...peers].map((contender) => ({
    contender,
    scores: machines.map((machine) => play(contender, machine)),
  }))
  const [first] = scores
  if (first === undefined) throw new Error('nobody takes part')
  const rows: readonly Row[] = scores.map((one) => rowOf(one.contender, one.scores, first.scores))
  return { name, about, machines: machines.length, rows }
}
