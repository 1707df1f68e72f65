/** Makes the history smaller: the latest segments stay as they are, those before them become totals of hours. Pure. */
import { type HourTotal, hourTotals, joinHours, spansOf } from './hours.ts'
import { type History, lineOf } from './lines.ts'

/** A hundred days, counted and not dated: a wall clock that is wrong for a while must not make the past look old. */
const MOST_HOURS = 2400
/** Of a reason in a total, so that all of them, 250 bytes each, have room in two thirds of the bytes. */
const LONGEST_REASON = 60

/** The text of a file of at most `maxBytes` (1 MiB for 100 days) with the same history; hours before the last 2400 are left out. */
export function compact({ hours, segments }: Omit<History, 'skipped'>, maxBytes: number): string {
  const lines = segments.map(lineOf)
  const kept = keptFrom(lines, maxBytes / 3)
  // With the first that is kept, the time before it is told by the hours.
  const spans = spansOf(segments.slice(0, kept + 1)).filter(({ segment, category }) => {
    const isGap = category === 'off' || category === 'unseen'
    return isGap || segment !== segments[kept]
  })
  const all = joined([...hours, ...hourTotals(spans, MOST_HOURS).map(rounded)]).slice(-MOST_HOURS)
  const told = all.map(lineOf)
  const first = keptFrom(told, (maxBytes * 2) / 3)
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

function rounded({ hour, minutes, cause, causeMinutes }: HourTotal): HourTotal {
  const tenth = (value: number): number => Math.round(value * 10) / 10
  const short = (text: string): string =>
    text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON - 1)}…` : text
  return {
    hour,
    minutes: Object.fromEntries(Object.entries(minutes).map(([name, value]) => [name, tenth(value)])),
    ...(cause === undefined ? {} : { cause: { ...cause, reason: short(cause.reason) } }),
    ...(causeMinutes === undefined ? {} : { causeMinutes: tenth(causeMinutes) }),
  }
}
