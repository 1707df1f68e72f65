/** Makes the history smaller: the latest segments stay as they are, those before them become totals of hours. Pure. */
import { type HourTotal, hourTotals, joinHours, spansOf } from './hours.ts'
import { type History, lineOf } from './lines.ts'

/** A hundred days, counted and not dated: a wall clock that is wrong for a while must not make the past look old. */
const MOST_HOURS = 2400

/** The text of a file of at most `maxBytes` (300 kB or more) with the same history; hours before the last 2400 are left out. */
export function compact({ hours, segments }: Omit<History, 'skipped'>, maxBytes: number): string {
  const lines = segments.map(lineOf)
  const kept = keptFrom(lines, maxBytes / 2)
  // With the first that is kept, the time before it is told by the hours.
  const spans = spansOf(segments.slice(0, kept + 1)).filter(({ segment, category }) => {
    const isGap = category === 'off' || category === 'unseen'
    return isGap || segment !== segments[kept]
  })
  const all = joined([...hours, ...hourTotals(spans, MOST_HOURS).map(rounded)]).slice(-MOST_HOURS)
  const told = all.map(lineOf)
  const first = keptFrom(told, maxBytes / 2)
  return [...told.slice(first), ...lines.slice(kept)].join('')
}

/** The first of the last lines that together take at most `bytes`. */
function keptFrom(lines: readonly string[], bytes: number): number {
  let left = bytes
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    left -= Buffer.byteLength(lines[index] ?? '')
    if (left < 0) return index + 1
  }
  return 0
}

function joined(hours: readonly HourTotal[]): readonly HourTotal[] {
  const made: HourTotal[] = []
  for (const hour of hours) {
    const last = made.at(-1)
    if (last?.hour === hour.hour) made[made.length - 1] = joinHours(last, hour)
    else made.push(hour)
  }
  return made
}

function rounded(total: HourTotal): HourTotal {
  const tenth = (value: number): number => Math.round(value * 10) / 10
  const minutes = Object.fromEntries(Object.entries(total.minutes).map(([name, value]) => [name, tenth(value)]))
  const { causeMinutes } = total
  return { ...total, minutes, ...(causeMinutes === undefined ? {} : { causeMinutes: tenth(causeMinutes) }) }
}
