/** What `doctor` says of hibernation: can the machine do it, as far as it can tell itself? */
import type { MachineFacts } from './facts.ts'
import { type Finding, fault, ok, worry } from './finding.ts'

const prepare = 'install ec2-hibinit-agent and start the unit hibinit-agent, which sets up /swap'

/** `wanted` is the configured action, `configured` the cloud's flag. */
export function hibernationFinding(facts: MachineFacts, wanted: string, configured: boolean | undefined): Finding {
  if (wanted !== 'hibernate') return ok('hibernation', `not wanted (action: ${wanted})`)
  if (configured === undefined)
    return worry('hibernation', 'the cloud does not tell whether it is configured', 'see metadata above')
  if (!configured) {
    return worry(
      'hibernation',
      'the instance was launched without it: it will be stopped instead',
      'launch it with hibernation, or set action: stop',
    )
  }
  const { hibinit } = facts
  if (hibinit === 'failed')
    return fault(
      'hibernation',
      'the unit hibinit-agent failed: EC2 will stop the machine instead, and its memory is lost',
      'see why: "journalctl -u hibinit-agent"',
    )
  return swapFinding(facts)
}

function swapFinding({ memoryKb, swapKb, swapFileKb, hibinit }: MachineFacts): Finding {
  const space = Math.max(swapKb, swapFileKb)
  const mib = (kb: number): string => `${Math.round(kb / 1024)} MiB`
  if (memoryKb !== undefined && space < memoryKb) {
    return fault(
      'hibernation',
      `swap of ${mib(space)} is smaller than the memory of ${mib(memoryKb)}: it cannot be saved`,
      hibinit === 'missing'
        ? prepare
        : 'make the root volume large enough for the memory, then start the unit hibinit-agent again',
    )
  }
  if (hibinit === 'missing') {
    const text = 'there is no unit hibinit-agent, so the system may not know what to do when EC2 asks it to hibernate'
    return worry('hibernation', text, `${prepare}, unless you have set this up yourself`)
  }
  return ok('hibernation', `configured, ${mib(space)} of swap`)
}
