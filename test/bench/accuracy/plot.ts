// A plot for a page of text: what is saved against what is disturbed, one letter a contender.
import type { Contest } from './rows.ts'

const [width, height] = [68, 16]
const [least, most] = [0.05, 200]

/** 0 to 1, on a logarithmic scale: false stops differ by factors. */
function across(falseStops: number): number {
  const clamped = Math.min(most, Math.max(least, falseStops))
  return Math.log(clamped / least) / Math.log(most / least)
}

/** Better is up and to the left. Who lands on the same cell shares it: `+`. */
export function plot({ rows }: Contest): readonly string[] {
  const cells = Array.from({ length: height }, () => Array.from({ length: width }, () => ' '))
  const bottom = Math.min(0.5, ...rows.map(({ captured }) => captured.mean))
  const legend: string[] = []
  for (const [at, { name, falseStops, captured }] of rows.entries()) {
    const letter = at === 0 ? '*' : String.fromCharCode(96 + at)
    legend.push(`${letter} ${name}`)
    const column = Math.round(across(falseStops.mean) * (width - 1))
    const line = Math.round(((1 - Math.min(1, captured.mean)) / (1 - bottom)) * (height - 1))
    const row = cells[line]
    if (row !== undefined) row[column] = row[column] === ' ' ? letter : '+'
  }
  const label = (line: number) => `${Math.round((1 - (line / (height - 1)) * (1 - bottom)) * 100)} %`.padStart(6)
  const body = cells.map((row, line) => `${line % 5 === 0 ? label(line) : '      '} |${row.join('').trimEnd()}`)
  const marks = [0.05, 0.5, 5, 50]
  const axis = Array.from({ length: width + 4 }, () => ' ')
  for (const mark of marks) {
    const from = Math.round(across(mark) * (width - 1))
    for (const [offset, character] of [...String(mark)].entries()) axis[from + offset] = character
  }
  return [
    'avoidable idle time saved',
    ...body,
    `       +${'-'.repeat(width)}`,
    `        ${axis.join('').trimEnd()}`,
    `        ${'false stops a week and machine'.padStart(width)}`,
    legend.join(' · '),
  ]
}
