/** What nvidia-smi prints, parsed: tables by the names in their heading, figures only where they are figures. Pure. */
import type { Accounts } from './gpu-sample.ts'

/** One line of a table, by the names of its columns. */
export type Row = ReadonlyMap<string, string>

export interface Table {
  readonly rows: readonly Row[]
  /** Lines that belong to no table: warnings, and what nvidia-smi says of a GPU that it cannot reach. */
  readonly rest: readonly string[]
}

function cells(line: string): readonly string[] {
  return line.split(',').map((cell) => cell.trim())
}

/** Parses `--format=csv` with its heading, whatever stands before it and in whatever order the columns are. Throws if there is no such heading. */
export function parseTable(text: string, fields: readonly string[]): Table {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  if (lines.length === 1 && lines[0] === 'No running processes found') return { rows: [], rest: [] }
  // "utilization.gpu [%]"
  const headings = lines.map((line) => cells(line).map((cell) => cell.replace(/ \[.*$/, '')))
  const at = headings.findIndex((names) => fields.every((field) => names.includes(field)))
  const names = headings[at]
  if (names === undefined) throw new Error(`nvidia-smi ${complaint(lines) ?? 'printed nothing'}`)
  const rows: Row[] = []
  const rest = lines.slice(0, at)
  for (const line of lines.slice(at + 1)) {
    const values = cells(line)
    if (values.length === names.length) rows.push(new Map(names.map((name, index) => [name, values[index] ?? ''])))
    else rest.push(line)
  }
  return { rows, rest }
}

/** `says: …`, from the first line, which a person may read; `undefined` without a line. */
export function complaint(lines: readonly string[]): string | undefined {
  const [first] = lines
  if (first === undefined) return undefined
  if (first.length > 500 || /[\p{C}\uFFFD]/u.test(first)) return 'printed something that is not understood'
  return `says: ${first.length > 120 ? `${first.slice(0, 119)}…` : first}`
}

/** The field that an older driver does not know, as it complains of it; `undefined` if it complains of something else. */
export function unknownField(text: string): string | undefined {
  return /Field "([\w.]+)" is not a valid field to query/.exec(text)?.[1]
}

/** A whole number, `undefined` where the driver does not tell it, or was not asked. Throws on anything else, such as `[Unknown Error]` and `ERR!`. */
export function figure(row: Row, field: string): number | undefined {
  const text = row.get(field)
  if (text === undefined || silent(text)) return undefined
  const digits = /^(\d{1,15})(?:\.\d+)?(?: (?:%|MiB|ms))?$/.exec(text)?.[1]
  if (digits === undefined) throw new Error(`${field} reads ${printed(text)}`)
  return Number(digits)
}

/** As `figure`, 0 to 100. */
export function percentage(row: Row, field: string): number | undefined {
  const value = figure(row, field)
  if (value !== undefined && value > 100) throw new Error(`${field} reads ${value}, which is no percentage`)
  return value
}

/** Enabled or Disabled; `undefined` where this GPU has no such thing. Throws on anything else. */
export function enabled(row: Row, field: string): boolean | undefined {
  const text = row.get(field)
  if (text === undefined || silent(text)) return undefined
  if (text !== 'Enabled' && text !== 'Disabled') throw new Error(`${field} reads ${printed(text)}`)
  return text === 'Enabled'
}

function silent(text: string): boolean {
  return /^\[?(N\/A|Not Supported|Not Available)\]?$/.test(text)
}

function printed(text: string): string {
  return /^[ -~]{1,40}$/.test(text) ? text : 'as something else'
}

/** `0000:00:1e.0`, as the kernel writes it, out of `00000000:00:1E.0`; `undefined` if it is no address. */
export function busAddress(text: string | undefined): string | undefined {
  const [, domain, rest] = /^([0-9a-f]{4,8})(:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i.exec(text ?? '') ?? []
  if (domain === undefined || rest === undefined) return undefined
  return `${Number.parseInt(domain, 16).toString(16).padStart(4, '0')}${rest.toLowerCase()}`
}

/**
 * Sums up the accounted programs of one GPU. One that never had memory on it is no program that ran there: it only asked,
 * as nvidia-smi does. A time of 0 means that it still runs. `undefined` where the driver leaves figures out.
 */
export function parseAccounts(rows: readonly Row[], size: number): Accounts | undefined {
  const running: [number, number][] = []
  let [ended, endedBusyMs] = [0, 0]
  for (const row of rows) {
    const [pid, percent, ms] = [figure(row, 'pid'), percentage(row, 'gpu_utilization'), figure(row, 'time')]
    if (pid === undefined || percent === undefined || ms === undefined) return undefined
    if (figure(row, 'max_memory_usage') === 0) continue
    if (ms === 0) running.push([pid, percent])
    else {
      ended += 1
      endedBusyMs += (percent * ms) / 100
    }
  }
  return { ended, endedBusyMs: Math.round(endedBusyMs), running, full: rows.length >= size }
}

/** Averages over the driver's own samples by address, out of `-q -d UTILIZATION`: the highest of GPU, encoder and decoder. Whatever is not understood is left out. */
export function parseAverages(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const section of text.split(/^GPU (?=[0-9A-Fa-f]{4,8}:)/m).slice(1)) {
    const id = busAddress(section.slice(0, section.indexOf('\n')).trim())
    const blocks = section.matchAll(/^ *(?:GPU|ENC|DEC) Utilization Samples\n((?: +[\w ]+: .*\n?)+)/gm)
    const percents = [...blocks].map(([, lines]) => Number(/^ *Avg +: (\d{1,3}) %/m.exec(lines ?? '')?.[1] ?? 0))
    if (id !== undefined) found.set(id, Math.min(100, Math.max(0, ...percents)))
  }
  return found
}
