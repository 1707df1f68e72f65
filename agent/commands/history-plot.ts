/** `history --plot`: a row a day, a cell an hour. Pure. */
import { duration } from '../decide/words.ts'
import { type Category, categories, type HourTotal } from '../history/hours.ts'
import type { LocalTime } from './local-time.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** Distinct without colour, and what they are called. */
const marks: Readonly<Record<Category, { readonly mark: string; readonly colour: number; readonly name: string }>> = {
  active: { mark: '#', colour: 32, name: 'in use' },
  idle: { mark: '.', colour: 36, name: 'idle' },
  held: { mark: 'h', colour: 33, name: 'idle and held' },
  unknown: { mark: '?', colour: 31, name: 'unknown' },
  off: { mark: '_', colour: 2, name: 'off' },
  unseen: { mark: '!', colour: 35, name: 'no check' },
}

interface Cell {
  readonly minutes: Partial<Record<Category, number>>
}

/** The days from `from` to `until` (wall times) in local time; each cell is what most of the hour was, a blank one is not recorded. */
export function plotLines(
  hours: readonly HourTotal[],
  range: { readonly from: number; readonly until: number },
  { local, colour }: { readonly local: LocalTime; readonly colour: boolean },
): readonly string[] {
  const days = daysOf(range, local)
  for (const { hour, minutes } of hours) {
    const cell = days.get(local.day(hour))?.[Number(local.clock(hour).slice(0, 2))]
    if (cell === undefined) continue
    for (const category of categories) {
      const more = minutes[category] ?? 0
      if (more > 0) cell.minutes[category] = (cell.minutes[category] ?? 0) + more
    }
  }
  const paint = (category: Category): string => {
    const { mark, colour: code } = marks[category]
    return colour ? `\u001b[${code}m${mark}\u001b[0m` : mark
  }
  const rows = [...days].map(([day, cells]) => {
    const row = cells.map((cell) => {
      const most = mostOf(cell)
      return most === undefined ? ' ' : paint(most)
    })
    return `${day} ${weekday(day)} |${row.join('')}| ${totalWords(sumOf(cells))}`.trimEnd()
  })
  const legend = categories.map((category) => `${paint(category)} ${marks[category].name}`).join('   ')
  return [`${' '.repeat(15)}|0     6     12    18    | ${local.zone}`, ...rows, '', legend]
}

function daysOf(
  { from, until }: { readonly from: number; readonly until: number },
  local: LocalTime,
): Map<string, Cell[]> {
  const days = new Map<string, Cell[]>()
  for (let at = from; at < until + HOUR_MS; at += HOUR_MS) {
    const day = local.day(Math.min(at, until))
    if (!days.has(day))
      days.set(
        day,
        Array.from({ length: 24 }, () => ({ minutes: {} })),
      )
  }
  return days
}

function mostOf({ minutes }: Cell): Category | undefined {
  const there = categories.filter((category) => (minutes[category] ?? 0) > 0)
  return there.toSorted((a, b) => (minutes[b] ?? 0) - (minutes[a] ?? 0))[0]
}

function sumOf(cells: readonly Cell[]): Cell['minutes'] {
  const sum: Cell['minutes'] = {}
  for (const { minutes } of cells)
    for (const category of categories) sum[category] = (sum[category] ?? 0) + (minutes[category] ?? 0)
  return sum
}

/** `in use 3 h 10, idle 25 min`; less than half a minute is not told. */
export function totalWords(minutes: Cell['minutes']): string {
  const told = categories.filter((category) => (minutes[category] ?? 0) >= 0.5)
  return told.map((category) => `${marks[category].name} ${duration((minutes[category] ?? 0) * MINUTE_MS)}`).join(', ')
}

/** `Sun` of `2026-11-22`. */
export function weekday(day: string): string {
  return 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')[new Date(`${day}T00:00:00Z`).getUTCDay()] ?? ''
}
