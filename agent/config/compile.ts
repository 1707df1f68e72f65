/** From the text of a configuration file to the settings that it gives, or to everything that is wrong with it. */
import { UsageError } from '../errors.ts'
import type { Option } from '../types/options.ts'
import { type Found, findBlock } from './document.ts'
import { settings, type Value } from './options.ts'
import { type Place, type Problem, problemLines, unknownMessage, valueMessage } from './problems.ts'
import { contradictions, type Effective, type Finding, oddities } from './rules.ts'
import { schemaIssues } from './schema.ts'
import { placeKey, valueAt } from './tree.ts'

/** A setting that the file gives. */
export interface Given extends Place {
  readonly name: string
  readonly value: Value
}

/** What a file without problems says. */
export interface Compiled {
  /** In the order in which the settings are declared. */
  readonly given: readonly Given[]
  /** Legal oddities, one line each, with their place. */
  readonly warnings: readonly string[]
}

/** Parses and validates. Throws UsageError with all problems, each with its place in `file`. */
export function compile(text: string, file: string): Compiled {
  const found = findBlock(text, file)
  const { problems, broken } = blockProblems(found)
  const given = givenSettings(found, broken)
  const all = effective(given, broken)
  const locate = (finding: Finding) => located(finding, given)
  const wrong = [...problems, ...contradictions(all).map(locate)]
  if (wrong.length > 0) throw new UsageError(problemLines(file, wrong))
  const strays = found.strays.map((one) => ({ place: one.place, message: `${one.name}: ${strayWarning}` }))
  return { given, warnings: problemLines(file, [...oddities(all).map(locate), ...strays]) }
}

/** How the warning of a setting beside the block ends; a key of a template may have the name of one. */
export const strayWarning = 'stands beside idle_detection and has no effect there'

/** Problems of single settings, and the names of the settings that have one. */
function blockProblems({ block, strays }: Found): { problems: readonly Problem[]; broken: ReadonlySet<string> } {
  const problems = [...block.problems]
  for (const { path, kind } of schemaIssues(block.value)) {
    const places = block.places.get(placeKey(path))
    if (kind === 'unknown') {
      problems.push({ path, message: unknownMessage(path), ...placed(places?.key) })
    } else if (!block.unread.has(placeKey(path))) {
      const { setting, option } = optionAt(path)
      const message = valueMessage(option, valueAt(block.value, path))
      const hint = path.length === 0 && block.value === null ? '; write {} for the defaults' : ''
      problems.push({ path: setting, message: `${message}${hint}`, ...placed(places?.value) })
    }
  }
  // An empty block with its settings beside it is a block that lost its indentation.
  const lost = block.value === null ? strays : []
  problems.push(
    ...lost.map((one) => ({ place: one.place, message: `${one.name}: indent it, it belongs to idle_detection` })),
  )
  return { problems, broken: new Set(problems.map(({ path }) => (path ?? []).join('.'))) }
}

/** The setting at a path and what it can hold; an item of a list is held to one of the list's values. */
function optionAt(path: readonly string[]): {
  readonly setting: readonly string[]
  readonly option: Option | undefined
} {
  const optionOf = (names: readonly string[]) => settings.find(({ name }) => name === names.join('.'))?.option
  const list = path.slice(0, -1)
  const around = optionOf(list)
  if (around?.type !== 'choices') return { setting: path, option: optionOf(path) }
  return { setting: list, option: { type: 'choice', values: around.values, about: around.about } }
}

function placed(place: Place | undefined): { readonly place?: Place } {
  return place === undefined ? {} : { place }
}

function isValue(value: unknown): value is Value {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string')
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
}

function givenSettings({ block }: Found, broken: ReadonlySet<string>): readonly Given[] {
  return settings.flatMap(({ name, path }): readonly Given[] => {
    const value = valueAt(block.value, path)
    const place = block.places.get(placeKey(path))?.key
    if (!isValue(value) || broken.has(name) || place === undefined) return []
    return [{ name, value, line: place.line, column: place.column }]
  })
}

/** A setting with a problem of its own has no value: nothing is said about it twice. */
function effective(given: readonly Given[], broken: ReadonlySet<string>): Effective {
  const values = new Map(given.map(({ name, value }) => [name, value]))
  return {
    given: (name) => values.has(name),
    value(name) {
      if (broken.has(name)) return undefined
      return values.get(name) ?? settings.find((one) => one.name === name)?.option.default
    },
  }
}

function located({ names, message }: Finding, given: readonly Given[]): Problem {
  const place = names.map((name) => given.find((one) => one.name === name)).find((one) => one !== undefined)
  return { path: (names[0] ?? '').split('.'), message, ...placed(place) }
}
