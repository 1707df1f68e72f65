/** What a check tells a person besides its evidence: that nothing will be stopped here, that no clock runs yet. */
import type { Checked } from '../agent.ts'

/** Said of a machine on a cloud without a driver, or on none. */
export const watchedWords = 'this is no EC2 instance or Azure VM, so nothing will be stopped'

interface Beside {
  /** A look by hand at a run of the machine of which no check has left anything. */
  readonly unrecorded: boolean
  readonly watched: boolean
  /** Is there a time after each start in which nothing is done? */
  readonly grace: boolean
}

/** What is shown of the check, and the lines to follow. */
export function beside(
  checked: Checked,
  { unrecorded, watched, grace }: Beside,
): { readonly shown: Checked; readonly more: readonly string[] } {
  const more: string[] = []
  if (unrecorded) {
    const nothing = checked.decision.interval.kind === 'first' ? 'nothing' : 'nothing of this run of the machine'
    more.push(
      `${nothing} is recorded yet: no clock runs${grace ? ', and grace begins anew at each look,' : ''} until the schedule ` +
        '("sudo idle-agent install") or "sudo idle-agent check --act" makes the first check',
    )
  }
  if (watched) more.push(`only watched: ${watchedWords}`)
  // Without a cloud the tags are a file of the agent's own, which is news to nobody.
  const deeds = checked.deeds.filter(({ action, result }) => !watched || action !== 'tag' || result !== 'done')
  return { shown: { ...checked, deeds }, more: more.map((text) => `  ${text}`) }
}
