/** The properties can fail: each deliberately broken agent is caught by the property that it breaks. */
import { describe, expect, it } from 'vitest'
import { makeHistory } from './histories.ts'
import { type Mutant, mutants } from './mutants.ts'
import { judgeHistory, type Property } from './properties.ts'

const HISTORIES = 10_000

async function caughtAt({ decide, store, caughtBy, histories = makeHistory }: Mutant): Promise<number | undefined> {
  const tricks = { ...(decide && { decide }), ...(store && { store }) }
  for (let seed = 0; seed < HISTORIES; seed += 1) {
    const { violation } = await judgeHistory(histories(seed), { only: caughtBy, tricks })
    if (violation !== undefined) return seed
  }
  return undefined
}

describe('a mutant that', () => {
  it.each(mutants)(
    '$name is caught by $caughtBy',
    async (mutant) => {
      expect(await caughtAt(mutant)).toBeDefined()
    },
    300_000,
  )

  it('exists for each property', () => {
    const all: readonly Property[] = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9', 'P10']
    const covered = new Set(mutants.flatMap(({ caughtBy }) => caughtBy))
    expect(all.filter((property) => !covered.has(property))).toEqual([])
  })
})
