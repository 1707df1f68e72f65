// What was measured, and its tables: for a terminal and for the page.
import { checksADay, type Day } from './days.ts'
import type { Spread } from './figures.ts'
import { holds, type Limit, type Measured } from './limits.ts'
import type { Machine } from './machine.ts'
import type { Beside, Cost, Row } from './measure-cases.ts'

/** Everything that one bench found. */
export interface Report extends Measured {
  /** ISO 8601, UTC. */
  readonly at: string
  /** How long the bench took. */
  readonly seconds: number
  readonly machine: Machine
  readonly limits: readonly Limit[]
  /** What could not be measured here, each with its reason. */
  readonly skipped: readonly string[]
}

type Table = readonly (readonly string[])[]

const costHeading = [
  'case',
  'who',
  'CPU ms',
  'from - to',
  'user',
  'system',
  'wall ms',
  'peak MB',
  'syscalls',
  'opened',
  'read kB',
  'written kB',
]
const dayHeading = [
  'mode',
  'who',
  'every s',
  'CPU ms a check',
  'from - to',
  `CPU s, ${checksADay} checks`,
  'held MB',
  'of it private',
]

/** The figures as lines of cells: one for each side of a case, and after each that is not ours one for the ratio to it. */
export function costTable(rows: readonly Row[]): Table {
  const body = rows.flatMap(({ name, agent, peer, floor }) => [
    [name, 'idle-agent', ...costCells(agent)],
    ...besideLines('peer', agent, peer),
    ...(floor === undefined ? [] : besideLines('floor', agent, floor)),
  ])
  return [costHeading, ...body]
}

function besideLines(who: string, agent: Cost, beside: Beside): Table {
  return [
    ['', who, ...costCells(beside)],
    ['', `ratio to ${who}`, ...ratioCells(agent, beside)],
  ]
}

/** With one digit behind the point where the figure is small. */
function short(figure: number): string {
  return figure.toFixed(figure < 9.95 ? 1 : 0)
}

function shortRatio(figure: number): string {
  return figure.toFixed(figure < 9.9995 ? 3 : 0)
}

function costCells({ cpuMs, userMs, systemMs, wallMs, peakMb, systemCalls }: Cost): readonly string[] {
  const own =
    systemCalls === undefined
      ? ['-', '-', '-', '-']
      : [
          `${systemCalls.calls}`,
          `${systemCalls.filesOpened}`,
          short(systemCalls.bytesRead / 1000),
          short(systemCalls.bytesWritten / 1000),
        ]
  const times = [userMs, systemMs, wallMs].map(({ median }) => short(median))
  return [short(cpuMs.median), range(cpuMs, short), ...times, short(peakMb.median), ...own]
}

function range({ min, max }: Spread, text: (figure: number) => string): string {
  return `${text(min)} - ${text(max)}`
}

function ratioCells({ peakMb, systemCalls: ours }: Cost, beside: Beside): readonly string[] {
  const { cpuRatio, wallRatio, systemCalls: theirs } = beside
  const names = ['calls', 'filesOpened', 'bytesRead', 'bytesWritten'] as const
  const calls = names.map((name) => {
    if (ours === undefined || theirs === undefined || theirs[name] === 0) return '-'
    return shortRatio(ours[name] / theirs[name])
  })
  const peak = shortRatio(peakMb.median / beside.peakMb.median)
  return [
    shortRatio(cpuRatio.median),
    range(cpuRatio, shortRatio),
    '',
    '',
    shortRatio(wallRatio.median),
    peak,
    ...calls,
  ]
}

/** A line for each way of being run. */
export function dayTable(days: readonly Day[]): Table {
  const body = days.map(({ mode, who, intervalSeconds, checkMs, cpuSeconds, residentMb, privateMb }) => [
    mode,
    who,
    `${intervalSeconds}`,
    short(checkMs.median),
    range(checkMs, short),
    short(cpuSeconds),
    ...(mode === 'cron' ? ['0', '0'] : [short(residentMb), short(privateMb)]),
  ])
  return [dayHeading, ...body]
}

/** Columns as wide as their widest cell; text to the left, figures to the right. */
export function terminalTable(table: Table): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  const cell = (text: string, column: number): string => {
    const width = widths[column] ?? 0
    return column < 2 ? text.padEnd(width) : text.padStart(width)
  }
  return table.map((line) => line.map(cell).join('  ').trimEnd()).join('\n')
}

/** `pass` or `FAIL`, what was measured, and what is asked. */
export function limitLine(limit: Limit): string {
  const { what, measured, atMost, unit } = limit
  return `${holds(limit) ? 'pass' : 'FAIL'}  ${what}: ${Number(measured.toFixed(3))} ${unit}, at most ${atMost}`
}

/** How many limits were missed, and which. */
export function missedLine(limits: readonly Limit[]): string {
  const missed = limits.filter((limit) => !holds(limit)).map(({ what }) => what)
  if (missed.length === 0) return `All ${limits.length} limits hold`
  return `${missed.length} of ${limits.length} limits missed: ${missed.join('; ')}`
}

/** Markdown. */
export function markdownTable(table: Table): string {
  const lines = table.map((cells) => `| ${cells.join(' | ')} |`)
  const rule = `|${(table[0] ?? []).map((_, column) => (column < 2 ? ' --- |' : ' ---: |')).join('')}`
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}
