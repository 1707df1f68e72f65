/** What is wrong with a configuration, in one line that names the place, the setting and the way out. */
import { allSettings, type Kind, notYet, type Spot, spotAt } from './lists.ts'

/** Where something stands in the file; both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** One thing that is wrong. */
export interface Problem {
  /** The setting, below `idle_detection`; empty for the block itself; `undefined` where it is about the file. */
  readonly path?: readonly string[]
  readonly place?: Place
  readonly message: string
}

const shownProblems = 100
const shownLength = 60

/** Characters that would act on a terminal, or hide what is written, instead of being seen. */
const hidden = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

function inFile(value: string | number): string {
  return printable(short(String(value)))
}

/** Text of the file, made safe to print. */
export function printable(text: string): string {
  return text.replace(hidden, (one) => `\\u${(one.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

function short(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text
}

/** A value as it would be written in the file. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return `"${printable(short(value))}"`
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : yamlNumber(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Date) return 'a date'
  return Array.isArray(value) ? 'a list' : 'a block'
}

function yamlNumber(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  return value > 0 ? '.inf' : '-.inf'
}

/** `FILE:LINE:COL idle_detection.a.b: message`. */
function problemLine(file: string, { path, place, message }: Problem): string {
  const at = place === undefined ? file : `${file}:${place.line}:${place.column}`
  if (path === undefined) return place === undefined ? `${at}: ${message}` : `${at} ${message}`
  return `${at} ${['idle_detection', ...path].map((key) => printable(short(key))).join('.')}: ${message}`
}

/** The problems in the order of the file, one line each, at most a hundred. */
export function problemLines(file: string, problems: readonly Problem[]): readonly string[] {
  const sorted = problems.toSorted((a, b) => order(a) - order(b))
  const lines = sorted.slice(0, shownProblems).map((problem) => problemLine(file, problem))
  const rest = sorted.length - lines.length
  return rest > 0 ? [...lines, `${file}: and ${rest} more`] : lines
}

function order({ place }: Problem): number {
  return place === undefined ? 0 : place.line * 1_000_000 + place.column
}

/** Why this value cannot stand there, and what would help. */
export function valueMessage(option: Kind | undefined, value: unknown): string {
  if (option === undefined) return `must be a block of settings, got ${shown(value)}`
  const got = `got ${shown(value)}`
  if (option.type === 'block') {
    const [key = ''] = Object.keys(option.fields)
    const hint = typeof value === 'string' || typeof value === 'number' ? `; write { ${key}: ${inFile(value)} }` : ''
    return `must be a block of ${listed(Object.keys(option.fields), 'and')}, ${got}${hint}`
  }
  if (option.type === 'blocks' || option.type === 'texts') {
    if (Array.isArray(value) && value.length > option.most)
      return `must have at most ${option.most} entries, got ${value.length}`
    const hint = typeof value === 'string' && option.type === 'texts' ? `; write [${inFile(value)}]` : ''
    return `must be a list of ${option.type}, ${got}${hint}`
  }
  if (option.type === 'number') return `must be ${numberRule(option, value)}, ${got}${numberHint(option.unit, value)}`
  if (option.type === 'boolean') return `must be true or false, ${got}${booleanHint(value)}`
  if (option.type === 'choice') {
    const near = typeof value === 'string' ? nearest(value, option.values) : undefined
    return `must be ${listed(option.values)}, ${got}${near === undefined ? '' : `; did you mean ${near}?`}`
  }
  if (option.type === 'choices') {
    const hint = typeof value === 'string' ? `; write [${inFile(value)}]` : ''
    return `must be a list of ${listed(option.values)}, ${got}${hint}`
  }
  return `must be ${typeof value === 'string' ? option.rule : 'text'}, ${got}`
}

function numberRule(option: Extract<Kind, { type: 'number' }>, value: unknown): string {
  const unit = option.unit === '' ? '' : ` ${option.unit}`
  const whole = 'whole' in option && option.whole === true ? 'a whole number' : 'a number'
  if (typeof value !== 'number' || !Number.isFinite(value)) return `${whole}${unit === '' ? '' : ` of${unit}`}`
  if (value < option.min) return `at least ${option.min}${unit}`
  return value > option.max ? `at most ${option.max}${unit}` : whole
}

function numberHint(unit: string, value: unknown): string {
  if (typeof value !== 'string') return ''
  if (/^\s*-?[0-9.]+\s*$/.test(value)) return '; leave out the quotes'
  return unit !== '' && /^\s*[0-9.]+\s*[a-z]+\s*$/i.test(value) ? `; write only the number, in ${unit}` : ''
}

/** YAML 1.2 takes these words as text; older parsers took them as true and false. */
function booleanHint(value: unknown): string {
  if (typeof value !== 'string') return ''
  if (/^(yes|y|on|true)$/i.test(value)) return '; write true'
  return /^(no|n|off|false)$/i.test(value) ? '; write false' : ''
}

function listed(values: readonly string[], last = 'or'): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} ${last} ${values.at(-1)}`
}

/** Why there is no such setting: planned, misspelt, in the wrong place, or unknown. */
export function unknownMessage(path: readonly string[]): string {
  const name = path.join('.')
  if (notYet.includes(name)) return 'not supported by this version'
  if (path.at(-1) === '<<') return 'merge keys are not supported here; write the settings out'
  if (allSettings.some((one) => one.name === name)) return 'write the dots as nested blocks'
  const near = nearestField(spotAt(path), path.at(-1) ?? '') ?? nearestSetting(path)
  return near === undefined ? 'unknown setting' : `unknown setting, did you mean ${near}?`
}

/** Within an entry of a list only its own names are near. */
function nearestField(spot: Spot | undefined, key: string): string | undefined {
  if (spot === undefined || spot.setting.option.type !== 'blocks') return undefined
  return nearest(key, Object.keys(spot.setting.option.fields))
}

/** First among its neighbours, then anywhere in the block, then without its unit. */
function nearestSetting(path: readonly string[]): string | undefined {
  const parent = path.slice(0, -1)
  const key = path.at(-1) ?? ''
  const known = [...allSettings.map((one) => one.path), ...notYet.map((name) => name.split('.'))]
  const beside = known.filter((one) => parent.every((part, depth) => one[depth] === part))
  const neighbours = [...new Set(beside.flatMap((one) => one[parent.length] ?? []))]
  const near = nearest(key, neighbours)
  if (near !== undefined) return near
  const elsewhere = allSettings.filter((one) => nearest(key, [one.path.at(-1) ?? '']) !== undefined)
  if (elsewhere.length === 1) return elsewhere[0]?.name
  const longer = neighbours.filter((one) => key.length > 3 && one.includes(folded(key)))
  return longer.length === 1 ? longer[0] : undefined
}

function folded(word: string): string {
  return word
    .slice(0, 2 * shownLength)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[-\s]/g, '_')
    .toLowerCase()
}

/** The candidate that differs by the fewest letters, at most a third of the word and at most three. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const from = folded(word)
  const limit = Math.min(3, Math.floor(Math.max(from.length, 2) / 3) || 1)
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const name of candidates) {
    const distance = Math.abs(name.length - from.length) > limit ? limit + 1 : editDistance(from, name)
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance }
  }
  return best?.name
}

/** Letters to insert, delete or replace to get from one word to the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
