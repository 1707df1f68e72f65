/** Durations and times as a person reads them. */
import type { Clocks, Instant } from '../types.ts'
import { timeInWords } from '../words.ts'

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

/** A moment of this run as a person reads it (words.ts). */
export function timeOfDay(at: Instant, now: Clocks): string {
  return timeInWords(toWall(at, now), now.wallMs)
}
