/** What `doctor` says of who reaches the instance metadata: is what `metadata_root_only` asks for in force? */
import { type Finding, fault, ok, worry } from './finding.ts'

/** What was asked for, and what there is. */
export interface GuardFacts {
  readonly wanted: boolean
  /** The kernel has the rules now. */
  readonly loaded: boolean
  /** They are loaded at each boot. */
  readonly enabled: boolean
}

const name = 'metadata guard'
const install = 'run "sudo idle-agent install"'

/** Nothing where nobody asked for it and nothing is there. */
export function guardFindings({ wanted, loaded, enabled }: GuardFacts): readonly Finding[] {
  if (!wanted && !loaded && !enabled) return []
  if (!wanted) {
    const text = 'the rules that leave metadata to root are there, although metadata_root_only is not set'
    return [worry(name, text, `${install}, or set it`)]
  }
  if (!loaded) {
    const text = 'metadata_root_only is set, and every user of this machine reaches metadata: its rules are not loaded'
    return [fault(name, text, install)]
  }
  if (enabled) return [ok(name, 'only root reaches metadata')]
  return [fault(name, 'only root reaches metadata until the next boot: its rules are not loaded then', install)]
}
