// The page of what is left out by itself: known agents, and what a distribution does at fixed times; from the lists in the source.
import { fetchingUnits, housekeepingUnits, knownAgents } from '../agent/sensors/known-agents.ts'
import { cronFiles, cronScripts, timerNames } from '../agent/vetoes/housekeeping.ts'

function listed(names: Iterable<string>): string {
  return [...names].map((name) => `\`${name}\``).join(', ')
}

/** docs/known-agents.md */
export function agentsPage(): string {
  const agents = Object.entries(knownAgents).map(([group, names]) => `| ${group} | ${listed(names)} |`)
  const others = housekeepingUnits.filter((name) => !fetchingUnits.has(name))
  return `# What is left out by itself

Generated from the lists in the source by \`tools/docs.ts\`; do not edit. What these do is nobody's need. More can be named in the
configuration: \`ignore.programs\`, \`ignore.units\`, \`ignore.interfaces\`, \`ignore.disks\` ([configuration.md](configuration.md)).

## Agents

Their own CPU time is no activity: only of a process that runs as root or as a user of the system (uid below 1000, or systemd's
dynamic ones), never of a person's that is called so, and never what an agent starts for somebody. Names as the kernel shows
them, cut at 15 bytes.

| kind | executables |
| --- | --- |
${agents.join('\n')}

Not among them, since the name says too little: waagent and tuned (\`python3\`), Datadog's \`agent\`, agents in Java. Their CPU counts.

## Units of systemd

Their CPU time is no activity, and disk traffic while they run only holds the machine; so do downloads while one of the first row runs.

| they | services |
| --- | --- |
| fetch | ${listed(fetchingUnits)} |
| look after the system | ${listed(others)} |

## Jobs at fixed times

Not waited for, as a job of a user or of the operator is:

| where | names |
| --- | --- |
| \`/etc/cron.d\` | ${listed(cronFiles)} |
| \`/etc/cron.hourly\`, \`daily\`, \`weekly\`, \`monthly\` | ${listed(cronScripts)} |
| timers, beside those of the services above | ${listed(timerNames).replaceAll('|', '\\|')} |
`
}
