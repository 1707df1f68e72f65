// Calls a second over time, for a page of text: what was accepted, what was throttled, and what the bucket gives.
import type { Action } from './account.ts'
import type { Result } from './cases.ts'

const height = 12
const most = 1_000
const least = 0.01
const widest = 72

/** From 0 at the bottom to the top; calls differ by factors. */
function lineOf(perSecond: number): number | undefined {
  if (perSecond <= 0) return undefined
  const clamped = Math.min(most, Math.max(least, perSecond))
  return Math.round((Math.log(clamped / least) / Math.log(most / least)) * (height - 1))
}

/** Sums of so many neighbours that they fit the page. */
function narrowed(values: readonly number[], by: number): readonly number[] {
  const sums: number[] = []
  for (const [at, value] of values.entries()) sums[Math.floor(at / by)] = (sums[Math.floor(at / by)] ?? 0) + value
  return sums
}

/** One action of one case; `refill` is what its bucket gives a second. */
export function plot({ share, stretch }: Result, action: Action, refill: number): readonly string[] {
  const { accepted, throttled, down } = stretch.bins[action]
  const by = Math.ceil(accepted.length / widest)
  const seconds = stretch.binMinutes * by * 60
  const width = Math.ceil(accepted.length / by)
  const cells = Array.from({ length: height }, () => Array.from({ length: width }, () => ' '))
  const bucket = lineOf(refill * share)
  if (bucket !== undefined) cells[bucket]?.fill('-')
  const draw = (values: readonly number[], letter: string) => {
    for (const [column, calls] of narrowed(values, by).entries()) {
      const line = lineOf(calls / seconds)
      const row = line === undefined ? undefined : cells[line]
      if (row !== undefined) row[column] = row[column] === '#' ? '+' : letter
    }
  }
  draw(accepted, '#')
  draw(throttled, 'x')
  draw(down, 'o')
  const label = (line: number) => {
    const value = least * (most / least) ** (line / (height - 1))
    return (value >= 1 ? value.toFixed(0) : value.toFixed(2)).padStart(6)
  }
  const body = cells
    .map((row, line) => `${line % 3 === 2 ? label(line) : '      '} |${row.join('').trimEnd()}`)
    .toReversed()
  const minutes = Math.round((seconds / 60) * width)
  return [
    `${stretch.name}: ${action} a second`,
    ...body,
    `       +${'-'.repeat(width)} ${minutes < 600 ? `${minutes} min` : `${Math.round(minutes / 60)} h`}`,
  ]
}
