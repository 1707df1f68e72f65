/** The limits of a sensor on a machine whose noise is known. Loaded only there. */
import { type Rule, rules } from '../learn/constants.ts'
import { limitOf } from '../learn/floor.ts'
import type { FloorByKey } from '../sensors/learnable.ts'
import { learnables } from '../sensors/learnables.ts'
import type { Earlier, Raw } from './judge.ts'

const all: Readonly<Record<string, Readonly<Record<string, Rule>>>> = rules

/** The sensor with its effective limits, and what is usual, in words; unchanged where that cannot be told. */
export function floored(
  raw: Raw,
  earlier: Earlier | undefined,
  floor: FloorByKey,
): { readonly part: Raw['part']; readonly note: string } {
  const { part, sample } = raw
  const unchanged = { part, note: '' }
  const learnable = learnables[part.sensor.name]
  if (learnable === undefined || sample === undefined || earlier === undefined) return unchanged
  try {
    const found = learnable.usual(sample.value, earlier.sample, { ms: earlier.span.ms, floor })
    const limits = { ...part.limits }
    const words: string[] = []
    for (const [option, { amount, words: said }] of Object.entries(found)) {
      const [fixed, rule] = [part.limits[option], all[part.sensor.name]?.[option]]
      if (fixed === undefined || rule === undefined) continue
      limits[option] = limitOf(amount, fixed, rule)
      if (limits[option] > fixed) words.push(said)
    }
    return { part: { ...part, limits }, note: words.join('; ') }
  } catch (error) {
    // A counter that went down: the judgement says so itself.
    if (error instanceof Error) return unchanged
    throw error
  }
}
