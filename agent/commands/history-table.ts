/** `history` as a table: days with their totals, and in each what it was from when until when, with the actions among it. Pure. */
import { type Category, categories, type HourTotal, hourTotals, spansOf } from '../history/hours.ts'
import { totalWords, weekday } from './history-plot.ts'
import type { LocalTime } from './local-time.ts'
import { deedInWords, lengthOf, type Stretch, stretchesOf, type Timeline } from './timeline.ts'

const MOST_HOURS = 8784

interface View {
  readonly local: LocalTime
  readonly nowMs: number
  readonly colour: boolean
}

/** Days in the order in which they were; those of which only hours are known have their totals alone. */
export function tableLines(timeline: Timeline, view: View): readonly string[] {
  const { local, colour } = view
  const totals = new Map<string, Partial<Record<Category, number>>>()
  const hours = [...timeline.hours, ...hourTotals(spansOf(timeline.segments), MOST_HOURS)]
  for (const { hour, minutes } of hours) add(totals, local.day(hour), minutes)
  const rows = rowsOf(timeline, view)
  for (const { at } of rows) add(totals, local.day(at), {})
  if (totals.size === 0) return ['nothing is recorded of that time']
  // Once for each, since a time zone is slow, and the history is long.
  const byDay = Map.groupBy(rows, ({ at }) => local.day(at))
  const hoursByDay = Map.groupBy(timeline.hours, ({ hour }) => local.day(hour))
  const bold = (text: string): string => (colour ? `\u001b[1m${text}\u001b[0m` : text)
  return [...totals].flatMap(([day, minutes]) => {
    const main = mainCause(hoursByDay.get(day) ?? [])
    const rest = main === undefined ? '' : `  (by the hour; most: ${main})`
    const own = (byDay.get(day) ?? []).map(({ text }) => text)
    return [bold(`${day} ${weekday(day)}  ${totalWords(minutes)}${rest}`.trimEnd()), ...own]
  })
}

function add(totals: Map<string, Partial<Record<Category, number>>>, day: string, minutes: HourTotal['minutes']): void {
  const sum = totals.get(day) ?? {}
  totals.set(day, sum)
  for (const category of categories) {
    const more = minutes[category] ?? 0
    if (more > 0) sum[category] = (sum[category] ?? 0) + more
  }
}

function mainCause(hours: readonly HourTotal[]): string | undefined {
  const [main] = hours.toSorted((a, b) => (b.causeMinutes ?? 0) - (a.causeMinutes ?? 0))
  return main?.cause === undefined ? undefined : causeWords(main.cause)
}

function causeWords({ sensor, veto, reason }: NonNullable<HourTotal['cause']>): string {
  const by = sensor ?? veto
  return by === undefined || reason.startsWith(by) ? reason : `${by}: ${reason}`
}

interface Row {
  readonly at: number
  readonly text: string
}

/** Stretches and deeds in one list: neither is sorted, so that a wall clock that was set back shows as it was. */
export function rowsOf({ segments, deeds }: Pick<Timeline, 'segments' | 'deeds'>, view: View): readonly Row[] {
  const rows: Row[] = []
  const left = deeds.map((deed) => {
    const time = `${view.local.clock(deed.at)} ${view.local.abbreviation(deed.at)}`
    return { at: deed.at, text: `  ${time.padEnd(15)} → ${view.local.sentence(deedInWords(deed), deed.at)}` }
  })
  let last: Stretch | undefined
  const all = stretchesOf(segments)
  for (const stretch of all) {
    while (left[0] !== undefined && left[0].at < stretch.from) rows.push(...left.splice(0, 1))
    if (last !== undefined && stretch.from < last.until - 60_000)
      rows.push({ at: stretch.from, text: '  the wall clock was set back' })
    // A first check judges no time.
    if (stretch.until > stretch.from || stretch.checks > 1 || stretch === all.at(-1))
      rows.push({ at: stretch.from, text: stretchLine(stretch, view) })
    while (left[0] !== undefined && left[0].at <= stretch.until) rows.push(...left.splice(0, 1))
    last = stretch
  }
  return [...rows, ...left]
}

const colours: Readonly<Record<Category, number>> = { active: 32, idle: 36, held: 33, unknown: 31, off: 2, unseen: 35 }

/** `  13:50-14:02 UTC  idle     12 min    nothing needed this machine`. */
function stretchLine(stretch: Stretch, { local, colour }: View): string {
  const { from, until, category, by, reason } = stretch
  const name = (category === 'unseen' ? 'no check' : category).padEnd(9)
  const painted = colour ? `\u001b[${colours[category]}m${name}\u001b[0m` : name
  const words = local.sentence(reason, until)
  const told = by === '' || words.startsWith(by) ? words : `${by}: ${words}`
  const days = local.day(from) === local.day(until) ? '' : ` (${local.day(until)})`
  const span = `${local.clock(from)}-${local.clock(until)} ${local.abbreviation(from)}`
  return `  ${span.padEnd(15)} ${painted} ${lengthOf(stretch).padEnd(9)} ${told}${days === '' ? '' : `; until${days}`}`
}
