/** What `doctor` says of the machine itself. */
import { hookPath } from '../install/files.ts'
import type { MachineFacts } from './facts.ts'
import { fileFindings } from './files.ts'
import { type Finding, ok, worry } from './finding.ts'
import { scheduleFindings } from './schedule.ts'

/** Everything but hibernation, which the cloud has a say in. */
export function machineFindings(facts: MachineFacts): readonly Finding[] {
  return [...scheduleFindings(facts), hook(facts), clock(facts), tools(facts), ...fileFindings(facts)]
}

function hook({ hookThere, systemd }: MachineFacts): Finding {
  if (!systemd) return ok('resume hook', 'no systemd here, so no hook')
  if (hookThere) return ok('resume hook', hookPath)
  return worry(
    'resume hook',
    `${hookPath} is missing: a resume is told by clocks and metadata alone`,
    'run "sudo idle-agent install"',
  )
}

function clock({ clockSynchronised }: MachineFacts): Finding {
  if (clockSynchronised === undefined)
    return worry('clock', 'nothing tells whether it is synchronised', 'install chrony')
  if (clockSynchronised === 'yes') return ok('clock', 'synchronised')
  return worry(
    'clock',
    'not synchronised: calls to the cloud fail when it is wrong by more than 5 minutes',
    'install or start chrony',
  )
}

function tools({ ssThere }: MachineFacts): Finding {
  if (ssThere) return ok('tools', 'ss is there')
  return worry('tools', 'ss is missing: bytes of ssh connections are told by process only', 'install iproute2')
}
