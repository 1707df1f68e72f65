// The real series of ../shared/data, read only: what one machine did, sample by sample.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { SLOT_MINUTES } from './constants.ts'

/** Evenly spaced samples of one machine; `NaN` where there is none, or the machine was switched off. */
export interface Series {
  readonly name: string
  /** Wall clock of the first sample, milliseconds since the epoch. */
  readonly startMs: number
  readonly cores: number
  /** Core-seconds per second. */
  readonly cpu: Float64Array
  /** Bytes per second; `undefined` where the series has no such signal. */
  readonly received?: Float64Array
  readonly sent?: Float64Array
  readonly disk?: Float64Array
}

export const dataFolder = join(import.meta.dirname, '../../../../shared/data')

function lines(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.split(','))
}

/** The 49 machines of Bitbrains. Rows with nothing but zeros are hours in which the machine was switched off (data README). */
export function readBitbrains(): readonly Series[] {
  const folder = join(dataFolder, 'bitbrains')
  return lines(readFileSync(join(folder, 'index.csv'), 'utf8')).map(([name = '', , , cores]) => {
    const rows = lines(gunzipSync(readFileSync(join(folder, `${name}.csv.gz`))).toString()).map((row) =>
      row.map(Number),
    )
    const length = (rows.at(-1)?.[0] ?? -1) + 1
    const empty = () => new Float64Array(length).fill(Number.NaN)
    const [cpu, received, sent, disk] = [empty(), empty(), empty(), empty()]
    for (const [slot = 0, percent = 0, memory = 0, read = 0, written = 0, rx = 0, tx = 0] of rows) {
      if (percent + memory + read + written + rx + tx === 0) continue
      cpu[slot] = (percent / 100) * Number(cores)
      disk[slot] = (read + written) * 1_000
      received[slot] = rx * 1_000
      sent[slot] = tx * 1_000
    }
    // Two machines show no byte at all: the signal is missing, not silent.
    const wired = received.some((rate) => rate > 0) || sent.some((rate) => rate > 0)
    const startMs = 1_372_629_600_000
    return { name, startMs, cores: Number(cores), cpu, disk, ...(wired ? { received, sent } : {}) }
  })
}

/** CPU of the EC2 and RDS instances of NAB, taken as machines of two cores: percent of the instance is all that is told. */
export function readNab(): readonly Series[] {
  const folder = join(dataFolder, 'nab')
  const names = readdirSync(folder).filter((name) => name.includes('cpu_utilization'))
  return names.map((name) => {
    const rows = lines(readFileSync(join(folder, name), 'utf8'))
    const at = (row: readonly string[] | undefined) => Date.parse(`${row?.[0] ?? ''}Z`)
    const startMs = at(rows[0])
    const length = Math.round((at(rows.at(-1)) - startMs) / (SLOT_MINUTES * 60_000)) + 1
    const cpu = new Float64Array(length).fill(Number.NaN)
    for (const row of rows) cpu[Math.round((at(row) - startMs) / (SLOT_MINUTES * 60_000))] = (Number(row[1]) / 100) * 2
    return { name: name.replace('.csv', ''), startMs, cores: 2, cpu }
  })
}

/** One developer's commits, in milliseconds since the epoch. */
export interface Developer {
  readonly name: string
  readonly commits: readonly number[]
}

export function readDevelopers(): readonly Developer[] {
  const commits = new Map<string, number[]>()
  for (const [name = '', time = ''] of lines(readFileSync(join(dataFolder, 'commits/commits.csv'), 'utf8'))) {
    commits.set(name, [...(commits.get(name) ?? []), Date.parse(time)])
  }
  return [...commits].map(([name, times]) => ({ name: `dev${name}`, commits: times.sort((a, b) => a - b) }))
}
