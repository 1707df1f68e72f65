/** What `doctor` says of hibernation: can the machine do it, as far as it can tell itself? */
import type { MachineFacts } from './facts.ts'
import { type Finding, fault, ok, worry } from './finding.ts'

/** In the words of the cloud. */
export interface HibernationWords {
  readonly unit: string
  readonly prepare: string
  readonly notEnabled: string
  readonly enable: string
  readonly failed: string
  readonly provider: string
}

export interface Hibernation {
  /** The configured action. */
  readonly wanted: string
  /** The cloud's flag; `undefined` where it is not told. */
  readonly configured: boolean | undefined
  readonly words: HibernationWords
}

export function hibernationFinding(facts: MachineFacts, { wanted, configured, words }: Hibernation): Finding {
  if (wanted !== 'hibernate') return ok('hibernation', `not wanted (action: ${wanted})`)
  if (configured === undefined)
    return worry('hibernation', 'the cloud does not tell whether it is configured', 'see metadata above')
  if (!configured) return worry('hibernation', words.notEnabled, words.enable)
  const { preparer, extensionProblem } = facts
  if (preparer === 'failed') {
    const text = `the unit ${words.unit} failed: ${words.failed}`
    return fault('hibernation', text, `see why: "journalctl -u ${words.unit}"`)
  }
  if (extensionProblem !== undefined)
    return fault('hibernation', `its extension failed: ${words.failed}`, `it said: ${extensionProblem}`)
  return swapFinding(facts, words)
}

function swapFinding({ memoryKb, swapKb, swapFileKb, preparer }: MachineFacts, words: HibernationWords): Finding {
  const space = Math.max(swapKb, swapFileKb)
  const mib = (kb: number): string => `${Math.round(kb / 1024)} MiB`
  if (memoryKb !== undefined && space < memoryKb) {
    return fault(
      'hibernation',
      `swap of ${mib(space)} is smaller than the memory of ${mib(memoryKb)}, so ${words.failed}`,
      preparer !== 'there'
        ? words.prepare
        : `make the root volume large enough for the memory, then start the unit ${words.unit} again`,
    )
  }
  if (preparer === 'missing') {
    const text = `there is no unit ${words.unit}; unless something else makes it hibernate when ${words.provider} asks, ${words.failed}`
    return worry('hibernation', text, words.prepare)
  }
  return ok('hibernation', `configured, ${mib(space)} of swap`)
}
