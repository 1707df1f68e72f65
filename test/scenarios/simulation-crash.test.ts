/** P7: a crash at any change of the disk and on either side of any cloud call, in any check of a history, is survived. */
import { describe, expect, it } from 'vitest'
import { makeCrashBase, withCrash } from './histories.ts'
import { judgeHistory } from './properties.ts'
import { tell } from './story.ts'

const CRASHES = 10_000

describe('a crash at every point', () => {
  it(`never makes it act twice, or never (${CRASHES} and more)`, async () => {
    let crashes = 0
    let calls = 0
    for (let seed = 0; crashes < CRASHES; seed += 1) {
      const base = makeCrashBase(seed)
      const { places } = await judgeHistory(base)
      for (const { startedTau, points } of places) {
        for (let point = 1; point <= points; point += 1) {
          const history = withCrash(base, { startedTau, point, cut: (point + seed) % 5 === 0 })
          const outcome = await judgeHistory(history)
          if (outcome.violation !== undefined) expect.fail(await tell({ history, violation: outcome.violation }))
          crashes += outcome.crashes
          calls += outcome.calls
        }
      }
    }
    console.log(`${crashes} crashes, ${calls} calls`)
    expect(calls).toBeGreaterThan(crashes)
  }, 600_000)
})
