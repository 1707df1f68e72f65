/** What must always hold, over ten thousand generated histories of the real loop. */
import { beforeAll, describe, expect, it } from 'vitest'
import { makeHistory } from './histories.ts'
import { judgeHistory, type Property } from './properties.ts'
import { type Found, tell } from './story.ts'

const HISTORIES = 10_000

const properties: readonly (readonly [Property, string])[] = [
  ['P1', 'never acts without the threshold of covered idle time in this run of the machine'],
  ['P2', 'never acts in grace, under a veto, with an unknown reading, or against the operator’s tags'],
  ['P3', 'strong evidence before the call resets; a rate in the second look only postpones'],
  [
    'P4',
    'acts at most once a run and intent, never from another run, never by another method while an outcome is unknown',
  ],
  ['P5', 'acts on an unused machine within one interval + 30 s of the moment it names'],
  ['P6', 'idleSince never moves back, weak evidence never moves it, due is never before idleSince + threshold'],
  ['P7', 'no crash, full disk or lost file makes a check throw what it should not'],
  ['P8', 'the tags follow the state, are written only when they change, and each end of ours is told, no other'],
  ['P9', 'after any crash the state is readable, and the intent is in the journal before each call'],
  ['P10', 'deciding is pure, and leaves its input alone'],
]

const found: Found[] = []
const sum = { checks: 0, calls: 0, stops: 0, crashes: 0 }

beforeAll(async () => {
  for (let seed = 0; seed < HISTORIES; seed += 1) {
    const history = makeHistory(seed)
    const { violation, checks, calls, stops, crashes } = await judgeHistory(history)
    if (violation !== undefined) found.push({ history, violation })
    sum.checks += checks
    sum.calls += calls
    sum.stops += stops
    sum.crashes += crashes
  }
}, 600_000)

describe(`${HISTORIES} histories`, () => {
  it.each(properties)('%s: %s', async (property) => {
    const mine = found.filter(({ violation }) => violation.property === property)
    const [first] = mine
    if (first !== undefined) expect.fail(`${mine.length} histories, the first: ${await tell(first)}`)
    expect(found.length).toBeLessThan(HISTORIES / 100)
  })

  it('lived through enough to be worth it', () => {
    console.log(`${HISTORIES} histories: ${JSON.stringify(sum)}`)
    expect(sum.checks).toBeGreaterThan(15 * HISTORIES)
    expect(sum.calls).toBeGreaterThan(2 * HISTORIES)
    expect(sum.stops).toBeGreaterThan(HISTORIES)
    expect(sum.crashes).toBeGreaterThan(HISTORIES / 10)
  })
})
