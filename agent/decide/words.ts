/** Durations and times as a person reads them. */
import type { Clocks, Instant } from '../types.ts'

/** `45 s`, `6 min`, `2 h 05`, `3 d 04 h`; negative counts as 0. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 72) return `${hours} h ${String(minutes % 60).padStart(2, '0')}`
  return `${Math.floor(hours / 24)} d ${String(hours % 24).padStart(2, '0')} h`
}

/** Wall clock time of a moment of this run, by the present distance of the clocks. */
export function toWall(at: Instant, now: Clocks): number {
  return now.wallMs + (at - now.monoMs)
}

const YEAR_0_MS = Date.UTC(2000, 0) - 2000 * 365.2425 * 86_400_000
const YEAR_9999_MS = Date.UTC(9999, 11, 31, 23, 59, 59)

/** `2026-11-22T18:04:00Z`, whole seconds; years before 0 and after 9999, which no text has room for, read as these. */
export function iso(wallMs: number): string {
  const shown = Math.min(Math.max(wallMs, YEAR_0_MS), YEAR_9999_MS)
  return `${new Date(Math.floor(shown / 1000) * 1000).toISOString().slice(0, 19)}Z`
}

/** `18:04 UTC`, with seconds where it is less than ten minutes away, with the date where it is over 20 hours away. */
export function timeOfDay(at: Instant, now: Clocks): string {
  const text = iso(toWall(at, now))
  const away = Math.abs(at - now.monoMs)
  if (away > 20 * 3_600_000) return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`
  return `${text.slice(11, away < 600_000 ? 19 : 16)} UTC`
}
