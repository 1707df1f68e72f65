// The goals on the page docs/fleet.md: one is reached only where nothing is left wrong.
import { expect, it } from 'vitest'
import type { Result } from './cases.ts'
import { misses } from './page.ts'

const calls = { accepted: 4, throttled: 0, down: 0 }
const bins = { accepted: [4], throttled: [0], down: [0] }
const none = { count: 0, seconds: [] }

function aftermath(wrongTags: number): Result {
  const each = { CreateTags: calls, StopInstances: calls, DescribeTags: calls, DescribeInstances: calls }
  const eachBins = { CreateTags: bins, StopInstances: bins, DescribeTags: bins, DescribeInstances: bins }
  return {
    name: 'from its end on',
    machines: 100,
    share: 1,
    stretch: { name: 'from its end on', calls: each, perSuccess: 1, binMinutes: 2, bins: eachBins },
    stopDelays: none,
    tagDelays: none,
    waitingStops: 0,
    wrongTags,
    drained: { tags: 120, stops: 120 },
    best: { tags: 120, stops: 120 },
  }
}

function missed(wrongTags: number): readonly string[] {
  return misses([{ name: 'outage', wallSeconds: 1, results: [aftermath(0), aftermath(wrongTags)] }])
}

it('misses its goal where the tags that were written came in time, and others never', () => {
  expect(missed(0)).toEqual([])
  expect(missed(3)).toEqual([
    '100,000 after an outage: all tags within 1.2 times the best: 100 % are, the last after 1.00 times; 3 are wrong at the end',
  ])
})
