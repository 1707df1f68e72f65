/** Reads one thing for `doctor`: what cannot be read is a finding of its own, and ends nothing. */
import { type Finding, fault } from '../doctor/finding.ts'
import { messageOf } from '../errors.ts'
import { codeOf } from '../host/real-errors.ts'

/** Gives what `work` gives; where it throws, `undefined`, and a fault of this name among `failed`, once for each cause. */
export async function attempt<T>(failed: Finding[], name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const one = untold(name, error)
    if (!failed.some((other) => other.name === name && other.text === one.text)) failed.push(one)
    return undefined
  }
}

/** Only root comes here, who needs no advice to be root, but may lack a capability (capabilities(7)). */
function untold(name: string, error: unknown): Finding {
  const text = `cannot be told: ${messageOf(error)}`
  const code = error instanceof Error ? codeOf(error.cause) : undefined
  if (code !== 'EACCES') return fault(name, text, 'see why, then run doctor again')
  return fault(
    name,
    text.replace('; run as the owner or as root', ', even to root'),
    'run doctor on the machine itself, or give the container what it lacks (CAP_SYS_PTRACE to look at processes)',
  )
}
