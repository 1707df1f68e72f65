/** What `doctor` checks on the machine itself: schedule, resume hook, swap, clock, tools, leftovers. */
import { cronFields, cronPath, hookPath, predecessors, timerPath } from '../install/files.ts'
import { type Finding, fault, ok, worry } from './finding.ts'

/** What was read on the machine; `undefined` where a file or a command is not there. */
export interface MachineFacts {
  readonly cronEntry: string | undefined
  readonly timerUnit: string | undefined
  readonly cronRuns: boolean
  readonly timerRuns: boolean
  readonly intervalMs: number
  /** Age of the status that the last check left, in milliseconds. */
  readonly lastCheckMs: number | undefined
  readonly hookThere: boolean
  readonly systemd: boolean
  readonly predecessorsThere: readonly string[]
  readonly corruptState: boolean
  readonly ssThere: boolean
  /** `yes` or `no`, as timedatectl says. */
  readonly clockSynchronised: string | undefined
  readonly memoryKb: number | undefined
  readonly swapKb: number
  /** Size of /swap, which EC2's hibernation agent makes; 0 if it is not there. */
  readonly swapFileKb: number
  /** State of the unit hibinit-agent, as systemctl says. */
  readonly hibinit: string | undefined
}

export function machineFindings(facts: MachineFacts): readonly Finding[] {
  return [schedule(facts), lastCheck(facts), hook(facts), clock(facts), tools(facts), ...leftovers(facts)]
}

function schedule(facts: MachineFacts): Finding {
  const { cronEntry, timerUnit, intervalMs } = facts
  const install = 'run "sudo idle-agent install"'
  if (cronEntry !== undefined && timerUnit !== undefined) {
    return worry('schedule', 'both a cron entry and a timer start checks', `${install}, which keeps one of them`)
  }
  if (cronEntry !== undefined) {
    const fields = cronFields(intervalMs)
    if (fields === undefined || (!cronEntry.includes(`\n${fields} `) && !cronEntry.startsWith(`${fields} `))) {
      return fault('schedule', `${cronPath} does not match check_interval_minutes (${intervalMs / 60_000})`, install)
    }
    return facts.cronRuns
      ? ok('schedule', `cron, ${fields}`)
      : fault('schedule', 'no cron daemon runs', 'start it: systemctl enable --now cron')
  }
  if (timerUnit === undefined) return fault('schedule', 'nothing starts the checks', install)
  if (!timerUnit.includes(`OnUnitActiveSec=${intervalMs / 1000}s\n`)) {
    return fault('schedule', `${timerPath} does not match check_interval_minutes (${intervalMs / 60_000})`, install)
  }
  if (facts.timerRuns) return ok('schedule', `timer, every ${intervalMs / 1000} s`)
  return fault('schedule', 'the timer is not active', 'start it: systemctl enable --now idle-agent.timer')
}

function lastCheck({ lastCheckMs, intervalMs }: MachineFacts): Finding {
  const remedy = 'look at the schedule above, and run "sudo idle-agent check --act" to see what it says'
  if (lastCheckMs === undefined) return worry('last check', 'none since boot', remedy)
  const seconds = Math.round(lastCheckMs / 1000)
  if (lastCheckMs > 2 * intervalMs + 30_000)
    return fault('last check', `${seconds} s ago, although one is due every ${intervalMs / 1000} s`, remedy)
  return ok('last check', `${seconds} s ago`)
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

function leftovers(facts: MachineFacts): readonly Finding[] {
  const found = facts.predecessorsThere.map((path) =>
    fault(
      'leftovers',
      `${path} is still there: two agents would act on one machine`,
      'run "sudo idle-agent install", which removes it',
    ),
  )
  const state = facts.corruptState
    ? [
        worry(
          'leftovers',
          'a state file was set aside as unusable',
          'look at /var/lib/idle-agent/state.json.corrupt, then remove it',
        ),
      ]
    : []
  const all = [...found, ...state]
  return all.length > 0 ? all : [ok('leftovers', `none (${predecessors.length} places looked at)`)]
}

/** Can the machine hibernate, as far as it can tell itself? `configured` is the cloud's flag. */
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
  const { memoryKb, swapKb, swapFileKb, hibinit } = facts
  if (hibinit === 'failed')
    return fault('hibernation', 'the unit hibinit-agent failed', 'see: journalctl -u hibinit-agent')
  const space = Math.max(swapKb, swapFileKb)
  if (memoryKb !== undefined && space < memoryKb) {
    return fault(
      'hibernation',
      `swap of ${Math.round(space / 1024)} MiB is smaller than the memory of ${Math.round(memoryKb / 1024)} MiB`,
      'make the root volume large enough for the memory, and let hibinit-agent set up /swap',
    )
  }
  return ok('hibernation', `configured, ${Math.round(space / 1024)} MiB of swap`)
}
