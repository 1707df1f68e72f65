/** The corpus on its usual machine: what is said minute by minute and by whom, and when the machine is stopped. */
import { describe, expect, it } from 'vitest'
import { corpus } from './corpus/corpus.ts'
import { play } from './corpus/play.ts'
import type { Scenario } from './corpus/scenario.ts'
import { stage, variants } from './corpus/variants.ts'
import { isFalseStop, problemsOf, whyProblems } from './corpus/verdict.ts'

/** The rows of detection.md's table, by words of theirs; those of notebooks' and editors' own sensors are with these. */
const rows = [
  ...[
    'single-threaded simulation',
    'inference server holds',
    'notebook kernel holds a data frame',
    'VS Code left open',
  ],
  ...['tunnel with a browser using it', 'the same tunnel', 'user types every 8 min', 'forgotten for 2 days'],
  ...[
    '3 h test that waits',
    'five idle shells',
    'entrypoint holds a pty',
    "cloud's session manager",
    "user's crontab job",
  ],
  ...['node exporter scraped', 'brute force', '200 GB upload', 'apt-daily', 'cloud-init still installing'],
  ...['tags say idle since yesterday', 'resume after 14 h', 'NTP steps the clock', 'docker exec -it', 'minute 9 of 10'],
  ...['`nvidia-smi` hangs', 'only number 5', 'pid is gone', 'due in 8 min', '3 s after the stop was announced'],
]

describe('the corpus', () => {
  it.each(rows)('has the row "%s"', (words) => {
    expect(corpus.some(({ row }) => row.includes(words))).toBe(true)
  })

  it('has more than thirty scenarios beyond the table, each with a name of its own', () => {
    expect(corpus.filter(({ row }) => row === 'own').length).toBeGreaterThan(30)
    expect(new Set(corpus.map(({ id }) => id)).size).toBe(corpus.length)
  })

  it.each(variants)('has nearly every scenario in the variant %s', (variant) => {
    const staged = corpus.filter((scenario) => stage(scenario, variant) !== undefined)
    expect(staged.length / corpus.length).toBeGreaterThan(0.8)
  })
})

async function played(scenario: Scenario) {
  const staged = stage(scenario, 'base')
  if (staged === undefined) throw new Error('the usual machine is no variant')
  return { staged, result: await play(staged.scenario, staged.model, { lasts: staged.lasts, asksWhy: true }) }
}

/** Each is played once. */
const once = new Map<string, ReturnType<typeof played>>()

describe.each(corpus.map((scenario) => [scenario.id, scenario] as const))('%s', (id, scenario) => {
  const ofIt = (): ReturnType<typeof played> => {
    const known = once.get(id) ?? played(scenario)
    once.set(id, known)
    return known
  }

  it(
    scenario.knownWrong === undefined ? 'is judged right' : `is known to be judged wrong: ${scenario.knownWrong}`,
    async () => {
      const { staged, result } = await ofIt()
      expect(isFalseStop(staged, result)).toBe(false)
      const problems = problemsOf(staged, result)
      if (scenario.knownWrong === undefined) expect(problems).toEqual([])
      else expect(problems).not.toEqual([])
    },
  )

  it('is told by `why`', async () => {
    const { staged, result } = await ofIt()
    expect(whyProblems(staged, result)).toEqual([])
  })
})
