/** Durations and times of day as people write them on the command line. */
import type { Clocks } from '../types.ts'

const DAY_MS = 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = { d: DAY_MS, h: 3_600_000, m: 60_000, s: 1000 }
/** Ten years; beyond that somebody mistyped. */
const LONGEST_MS = 3650 * DAY_MS

/** Milliseconds of `90s`, `10m`, `4h`, `1d`, `1h30m` (each unit once, the largest first), or why it is none. */
export function parseDuration(text: string): number | string {
  const [whole, ...parts] = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(text) ?? []
  if (whole === undefined || whole === '') return `"${text}" is no duration; write it as 90s, 10m, 4h, 1d or 1h30m`
  const units = Object.values(UNIT_MS)
  const ms = parts.reduce((sum, part, index) => sum + Number(part ?? 0) * (units[index] ?? 0), 0)
  if (ms === 0) return `"${text}" is no time at all`
  return ms > LONGEST_MS ? `"${text}" is more than ten years` : ms
}

/** The next time that a clock on the wall shows `hours:minutes`, local time. */
function nextTimeOfDay(hours: number, minutes: number, now: Clocks): number {
  const time = new Date(now.wallMs)
  time.setHours(hours, minutes, 0, 0)
  if (time.getTime() <= now.wallMs) time.setDate(time.getDate() + 1)
  // Again, since a day with a clock change moves it.
  time.setHours(hours, minutes, 0, 0)
  return time.getTime()
}

/** Is the day in the calendar? `Date` takes 30 February for 2 March. */
export function isDay(date: string): boolean {
  const time = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(date)
}

/** Wall time of `18:00` (local, today or tomorrow) or an ISO 8601 date with time (a space for the T will do), local unless it names a zone; or why it is none. */
export function parseUntil(text: string, now: Clocks): number | string {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  if (hours !== undefined) return nextTimeOfDay(Number(hours), Number(minutes), now)
  const date = /^(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?$/.exec(text)?.[1]
  const wallMs = date !== undefined && isDay(date) ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(wallMs)) {
    const tomorrow = new Date(now.wallMs + DAY_MS).toISOString().slice(0, 10)
    return `"${text}" is no time; write it as 18:00 or "${tomorrow} 18:00" (local time), or ${tomorrow}T18:00Z`
  }
  if (wallMs <= now.wallMs) return `${text} is over`
  return wallMs - now.wallMs > LONGEST_MS ? `${text} is more than ten years away` : wallMs
}
