/** A part of the corpus's variants, another one each day; `make bench-accuracy` plays all of them. */
import { describe, expect, it } from 'vitest'
import { corpus } from './corpus/corpus.ts'
import { play } from './corpus/play.ts'
import { stage, variants } from './corpus/variants.ts'
import { isFalseStop, problemsOf } from './corpus/verdict.ts'

/** A day since the epoch: it names what was played. `CORPUS_DAY` plays that of another day again. */
const day = Number(process.env['CORPUS_DAY'] ?? Math.floor(Date.now() / 86_400_000))

const others = variants.filter((variant) => variant !== 'base')

/** One variant of each scenario; within as many days as there are variants, every one. */
const chosen = corpus.flatMap((scenario, index) => {
  if (scenario.knownWrong !== undefined) return []
  const order = others.map((_, step) => others[(index * 5 + day + step) % others.length])
  const variant = order.find((one) => one !== undefined && stage(scenario, one) !== undefined)
  return variant === undefined ? [] : [{ scenario, variant }]
})

describe(`on day ${day}`, () => {
  it.each(chosen.map(({ scenario, variant }) => [scenario.id, variant, scenario] as const))(
    '%s is judged right in the variant %s',
    async (_, variant, scenario) => {
      const staged = stage(scenario, variant, day)
      if (staged === undefined) throw new Error('it was chosen, and cannot be played')
      const { lasts, seed } = staged
      const result = await play(staged.scenario, staged.model, { lasts, ...(seed === undefined ? {} : { seed }) })
      expect(isFalseStop(staged, result)).toBe(false)
      expect(problemsOf(staged, result)).toEqual([])
    },
  )
})
