/** Tells a violation so that a person can follow it: the smallest history that still shows it, event by event. */
import { type History, shrink } from './histories.ts'
import { type Judging, judgeHistory, type Violation } from './properties.ts'

export interface Found {
  readonly history: History
  readonly violation: Violation
}

/** The text of a failed test. */
export async function tell({ history, violation }: Found, judging: Judging = {}): Promise<string> {
  const { property } = violation
  const fails = async (candidate: History) => (await judgeHistory(candidate, judging)).violation?.property === property
  const least = await shrink(history, fails)
  const lines: string[] = []
  await judgeHistory(least, { ...judging, trace: (line) => lines.push(line) })
  return [
    `seed ${history.seed}, ${property}: ${violation.text}`,
    JSON.stringify(least.setup),
    ...lines.slice(-60),
  ].join('\n')
}
