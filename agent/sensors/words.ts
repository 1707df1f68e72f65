/** The words in a reading's reason: short, printable, and without anybody's arguments or user name. */
import { isPlainAscii } from '../words.ts'

/** Text from outside, made safe to print: control and format characters out, cut to 32 characters. */
export function shown(text: string): string {
  const clean = (isPlainAscii(text) ? text : text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')).trim()
  const letters = [...clean]
  if (letters.length === 0) return '(no name)'
  return letters.length > 32 ? `${letters.slice(0, 31).join('')}…` : clean
}

/** "python3 (pid 4242)". */
export function processName(comm: string, pid: number): string {
  return `${shown(comm)} (pid ${pid})`
}

/** "12 s", "8 min", "3 h": a duration for a person, from milliseconds; never negative. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 120 * 60) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}

/** "800 B/s", "12.3 kB/s", "4.0 MB/s", from bytes per second; powers of 1000. */
export function rate(bytesPerSecond: number): string {
  if (bytesPerSecond < 1000) return `${Math.round(bytesPerSecond)} B/s`
  if (bytesPerSecond < 1_000_000) return `${(bytesPerSecond / 1000).toFixed(1)} kB/s`
  return `${(bytesPerSecond / 1_000_000).toFixed(1)} MB/s`
}

/** "1 terminal", "2 terminals". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
