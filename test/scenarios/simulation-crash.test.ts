/** P7: a crash at any change of the disk and on either side of any cloud call, in any check of a history, is survived. */
import { describe, expect, it } from 'vitest'
import { type History, makeCrashBase, withCrash } from './histories.ts'
import { crashMutants } from './mutants.ts'
import { type Judging, judgeHistory } from './properties.ts'
import { type Found, tell } from './story.ts'

const CRASHES = 10_000

interface Survey {
  readonly crashes: number
  readonly calls: number
  readonly found: Found | undefined
}

/** The history of a seed, cut off at each point of each of its checks. */
async function* cutOff(seed: number): AsyncGenerator<History> {
  const base = makeCrashBase(seed)
  const { places } = await judgeHistory(base)
  for (const { startedTau, points } of places) {
    for (let point = 1; point <= points; point += 1) {
      yield withCrash(base, { startedTau, point, cut: (point + seed) % 5 === 0 })
    }
  }
}

async function survey(most: number, judging: Judging = {}): Promise<Survey> {
  let crashes = 0
  let calls = 0
  for (let seed = 0; crashes < most; seed += 1) {
    for await (const history of cutOff(seed)) {
      const { violation, ...outcome } = await judgeHistory(history, judging)
      crashes += outcome.crashes
      calls += outcome.calls
      if (violation !== undefined) return { crashes, calls, found: { history, violation } }
    }
  }
  return { crashes, calls, found: undefined }
}

describe('a crash at every point', () => {
  it(`never makes it act twice, or never (${CRASHES} and more)`, async () => {
    const { crashes, calls, found } = await survey(CRASHES)
    if (found !== undefined) expect.fail(await tell(found))
    console.log(`${crashes} crashes, ${calls} calls`)
    expect(calls).toBeGreaterThan(crashes)
  }, 600_000)

  it.each(crashMutants)(
    'finds a mutant that $name',
    async ({ decide, store, caughtBy }) => {
      const tricks = { ...(decide && { decide }), ...(store && { store }) }
      expect((await survey(CRASHES, { only: caughtBy, tricks })).found).toBeDefined()
    },
    600_000,
  )
})
