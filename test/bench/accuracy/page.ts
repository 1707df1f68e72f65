// The page docs/accuracy.md and what the terminal shows: everything on it comes from the contests.
import { BOOTSTRAP, FALSE_MINUTES, RESUME_MINUTES, SWITCH_MINUTES } from './constants.ts'
import { plot } from './plot.ts'
import { betterThanOurs, type Contest, measuredBy, type Row } from './rows.ts'
import type { Interval } from './score.ts'

const heading = [
  'policy',
  'false stops',
  '95 %',
  'median',
  'worst tenth',
  ...FALSE_MINUTES.map((minutes) => `of stops, ${minutes} min`),
  'hard',
  'interrupted min',
  'saved',
  '95 %',
  'median',
  'worst tenth',
  ...SWITCH_MINUTES.map((minutes) => `cost B=${minutes}`),
]

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function cells(row: Row): readonly string[] {
  const { falseStops, captured } = row
  return [
    row.name,
    falseStops.mean.toFixed(2),
    `${falseStops.low.toFixed(2)} - ${falseStops.high.toFixed(2)}`,
    falseStops.median.toFixed(2),
    falseStops.worstTenth.toFixed(1),
    ...row.falseShares.map(percent),
    row.hardStops.toFixed(2),
    row.interrupted.toFixed(0),
    percent(captured.mean),
    `${percent(captured.low)} - ${percent(captured.high)}`,
    percent(captured.median),
    percent(captured.worstTenth),
    ...row.ratios.map((ratio) => ratio.toFixed(2)),
  ]
}

/** A table for a page. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = `|${head.map((_, column) => (column === 0 ? ' --- |' : ' ---: |')).join('')}`
  return [`| ${head.join(' | ')} |`, rule, ...lines.map((line) => `| ${line.join(' | ')} |`)].join('\n')
}

/** "0.40 more (-0.20 - 1.00)". */
function difference({ mean, low, high }: Interval, of: (value: number) => string): string {
  return `${of(Math.abs(mean))} ${mean <= 0 ? 'fewer' : 'more'} (${of(low)} to ${of(high)})`
}

/** What the contest says, in sentences. */
export function findings(contest: Contest): readonly string[] {
  const peer = measuredBy(contest)
  const beaten = betterThanOurs(contest)
  const most =
    peer === undefined
      ? 'Nobody else saves as much.'
      : `Of those that save as much or more, \`${peer.name}\` has the fewest false stops; beside it idle-agent has ${difference(peer.fewer, (value) => value.toFixed(2))} false stops a week and machine.`
  const best =
    beaten.length === 0
      ? 'Nobody has fewer false stops and saves as much.'
      : `Better at both: ${beaten.map(({ name }) => `\`${name}\``).join(', ')}.`
  return [most, best]
}

function pairedTable({ rows }: Contest): string {
  const lines = rows
    .slice(1)
    .map(({ name, fewer, more }) => [
      name,
      `${fewer.mean.toFixed(2)} (${fewer.low.toFixed(2)} to ${fewer.high.toFixed(2)})`,
      `${percent(more.mean)} (${percent(more.low)} to ${percent(more.high)})`,
    ])
  return table(['idle-agent less', 'false stops a week', 'saved'], lines)
}

export function section(contest: Contest): string {
  return [
    `### ${contest.name}`,
    `${contest.about} ${contest.machines} machines.`,
    table(heading, contest.rows.map(cells)),
    pairedTable(contest),
    ['```', ...plot(contest), '```'].join('\n'),
    ...findings(contest),
  ].join('\n\n')
}

/** How to read the tables; with the limits of such a replay. */
export function legend(): string {
  return [
    `- A false stop: something is active again within ${FALSE_MINUTES[0]} min. Hard: it was active at the stop and stays so. All of these a week and machine.`,
    `- Interrupted: minutes of activity that found the machine off or starting; a start takes ${RESUME_MINUTES} min.`,
    `- Saved: of the idle time that one who knows the future and pays ${SWITCH_MINUTES[0]} min for a stop saves. Cost: idle minutes on and so many minutes a stop, beside the least possible; median.`,
    `- Intervals: ${BOOTSTRAP.resamples} bootstrap draws of machines, not of samples; differences on the same machines.`,
    '- A replay: after a stop the real machine would have done something else. Each activity that found it off is taken as somebody starting it; a nightly job of a machine that is off would not have run.',
    '- Machines of servers without a user signal: what tells a person from a program is not in them. A check sees averages of five minutes.',
  ].join('\n')
}
