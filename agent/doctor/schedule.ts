/** What `doctor` says of the schedule: does something start the checks, as often as configured, and did it? */
import { cronFields, cronPath, executablePath, timerPath } from '../install/files.ts'
import type { MachineFacts } from './facts.ts'
import { type Finding, fault, ok, worry } from './finding.ts'

const install = 'run "sudo idle-agent install"'

/** The schedule, and when it last started a check. */
export function scheduleFindings(facts: MachineFacts): readonly Finding[] {
  return [schedule(facts), lastCheck(facts)]
}

function schedule(facts: MachineFacts): Finding {
  const { cronEntry, timerUnit, resident } = facts
  if (cronEntry !== undefined && timerUnit !== undefined) {
    return worry('schedule', 'both a cron entry and a timer start checks', `${install}, which keeps one of them`)
  }
  if (resident !== undefined) return residentFinding(facts, resident)
  if (cronEntry !== undefined) return cron(facts, cronEntry)
  if (timerUnit !== undefined) return timer(facts, timerUnit)
  if (facts.timerEnabled.startsWith('masked')) {
    const remedy = `if it is not meant to be so: "sudo systemctl unmask idle-agent.timer", then ${install}`
    return fault('schedule', 'the timer is masked: somebody keeps the checks from being started', remedy)
  }
  if (!facts.schedulable) {
    const text = 'nothing starts the checks: neither cron nor systemd is here'
    return fault('schedule', text, 'keep "idle-agent run" running')
  }
  return fault('schedule', `nothing starts the checks: there is neither ${cronPath} nor ${timerPath}`, install)
}

/** `run`, which needs neither of the others. */
function residentFinding({ cronEntry, timerUnit }: MachineFacts, pid: number): Finding {
  const run = `"idle-agent run" (pid ${pid})`
  if (cronEntry === undefined && timerUnit === undefined) return ok('schedule', `${run} starts the checks`)
  const other = cronEntry === undefined ? 'a timer' : 'a cron entry'
  return worry('schedule', `both ${other} and ${run} start checks`, `end one of them: "sudo kill ${pid}"`)
}

function cron(facts: MachineFacts, entry: NonNullable<MachineFacts['cronEntry']>): Finding {
  const wanted = cronFields(facts.intervalMs)
  const minutes = facts.intervalMs / 60_000
  const fields = fieldsIn(entry.text)
  if (wanted === undefined) {
    const remedy = `run "sudo idle-agent install --schedule timer", or set whole minutes that divide 60`
    return fault('schedule', `cron cannot start a check every ${minutes} min, as check_interval_minutes says`, remedy)
  }
  if (fields === undefined) return fault('schedule', `no line of ${cronPath} starts a check`, install)
  if (fields !== wanted) {
    const text = `${cronPath} says "${fields}", which does not match check_interval_minutes (${minutes}): "${wanted}"`
    return fault('schedule', text, install)
  }
  // cron(8): such a file is passed over, with a line in the system's log.
  if (entry.uid !== 0 || (entry.mode & 0o022) !== 0) {
    const text = `cron passes over ${cronPath}: others than root could write it`
    return fault('schedule', text, `run "sudo chown root: ${cronPath}" and "sudo chmod 644 ${cronPath}"`)
  }
  if (!facts.cronRuns)
    return fault('schedule', 'no cron daemon runs', 'start it: "sudo systemctl enable --now cron" (or crond)')
  return ok('schedule', `cron, ${fields}`)
}

/** The time fields of the line that starts a check (crontab(5): five fields, the user, the command). */
function fieldsIn(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const found = /^\s*((?:[\d*/,-]+\s+){4}[\d*/,-]+)\s+root\s(?:.*[;\s])?(\S+)\s+check\s+--act(\s|$)/.exec(line)
    if (found?.[2] === executablePath) return found[1]?.replace(/\s+/g, ' ')
  }
  return undefined
}

function timer(facts: MachineFacts, unit: string): Finding {
  const seconds = facts.intervalMs / 1000
  const every = /^OnUnitActiveSec=(.*)$/m.exec(unit)?.[1]
  if (every !== `${seconds}s`) {
    const text = `${timerPath} says "${every ?? 'nothing'}", which does not match check_interval_minutes (${seconds / 60}): "${seconds}s"`
    return fault('schedule', text, install)
  }
  const remedy = 'run "sudo systemctl enable --now idle-agent.timer"'
  if (!facts.timerRuns) return fault('schedule', 'the timer is not active: nothing starts the checks', remedy)
  if (facts.timerEnabled !== 'enabled') {
    const text = `the timer is ${facts.timerEnabled || 'not enabled'}: nothing starts the checks after the next boot`
    return fault('schedule', text, remedy)
  }
  return ok('schedule', `timer, every ${seconds} s`)
}

function lastCheck({ lastCheckMs, intervalMs, lockedBy }: MachineFacts): Finding {
  const remedy = 'look at the schedule above, and run "sudo idle-agent check --act" to see what it says'
  const due = `one is due every ${intervalMs / 1000} s`
  const late = lastCheckMs === undefined || lastCheckMs > 2 * intervalMs + 30_000
  const when =
    lastCheckMs === undefined ? 'none has left a status that can be read' : `${Math.round(lastCheckMs / 1000)} s ago`
  if (!late) return ok('last check', when)
  if (lockedBy !== undefined && lastCheckMs !== undefined) {
    const text = `${when}, although ${due}: a check that does not end (pid ${lockedBy}) keeps all others out`
    return fault(
      'last check',
      text,
      `see what it waits for ("sudo cat /proc/${lockedBy}/stack"), then end it: "sudo kill -9 ${lockedBy}"`,
    )
  }
  if (lastCheckMs === undefined) return worry('last check', `${when} since boot`, remedy)
  return fault('last check', `${when}, although ${due}`, remedy)
}
