/** Reads one thing for `doctor`: what cannot be read is a finding of its own, and ends nothing. */
import { type Finding, fault } from '../doctor/finding.ts'
import { messageOf } from '../errors.ts'

/** Gives what `work` gives; where it throws, `undefined`, and a fault of this name among `failed`, once for each cause. */
export async function attempt<T>(failed: Finding[], name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const text = `cannot be told: ${messageOf(error)}`
    if (!failed.some((one) => one.name === name && one.text === text))
      failed.push(fault(name, text, 'see why, then run doctor again'))
    return undefined
  }
}
