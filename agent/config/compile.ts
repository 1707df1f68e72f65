/** From the text of a configuration file to the settings that it gives, or to everything that is wrong with it. */
import { UsageError } from '../errors.ts'
import { type Found, findBlock } from './document.ts'
import { allSettings, fitsAny, type Spot, spotAt } from './lists.ts'
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
  const wrong = [...problems, ...portsListedTwice(found), ...contradictions(all).map(locate)]
  if (wrong.length > 0) throw new UsageError(problemLines(file, wrong))
  const strays = found.strays.map((one) => ({ place: one.place, message: `${one.name}: ${strayWarning}` }))
  return { given, warnings: problemLines(file, [...oddities(all).map(locate), ...strays]) }
}

/** How the warning of a setting beside the block ends; a key of a template may have the name of one. */
export const strayWarning = 'stands beside idle_detection and has no effect there'

/** Problems of single settings, and the names of the settings that have one. */
function blockProblems({ block, strays }: Found): { problems: readonly Problem[]; broken: ReadonlySet<string> } {
  const broken = new Set<string>()
  const spotOf = (path: readonly string[]): Pick<Spot, 'path'> & Partial<Spot> => {
    const spot = spotAt(path) ?? { path }
    broken.add('setting' in spot ? spot.setting.name : path.join('.'))
    return spot
  }
  const problems = block.problems.map((one) => ({ ...one, path: spotOf(one.path ?? []).path }))
  for (const { path, kind } of schemaIssues(block.value)) {
    const place = placeOf(block.places, path, kind)
    if (kind === 'unknown') problems.push({ path: spotOf(path).path, message: unknownMessage(path), ...place })
    else if (!block.unread.has(placeKey(path))) {
      const spot = spotOf(path)
      const message = valueMessage(spot.kind, valueAt(block.value, path))
      const hint = path.length === 0 && block.value === null ? '; write {} for the defaults' : ''
      problems.push({ path: spot.path, message: `${message}${hint}`, ...place })
    }
  }
  // An empty block with its settings beside it is a block that lost its indentation.
  const lost = block.value === null ? strays : []
  const more = lost.map((one) => ({
    place: one.place,
    message: `${one.name}: indent it, it belongs to idle_detection`,
  }))
  return { problems: [...problems, ...more], broken }
}

/** Also in a list with other problems. */
function portsListedTwice({ block }: Found): readonly Problem[] {
  const services = valueAt(block.value, ['services'])
  if (!Array.isArray(services)) return []
  const ports: readonly unknown[] = services.map((one) => valueAt(one, ['port']))
  return ports.flatMap((port, index) => {
    if (typeof port !== 'number' || ports.indexOf(port) === index) return []
    const at = placeOf(block.places, ['services', String(index), 'port'], 'value')
    return [{ path: [`services[${index}]`, 'port'], message: `port ${port} is listed twice`, ...at }]
  })
}

/** Where a value stands, or the nearest block around one that is not there. */
function placeOf(
  places: Found['block']['places'],
  path: readonly string[],
  kind: 'unknown' | 'value',
): { readonly place?: Place } {
  for (let length = path.length; length >= 0; length -= 1) {
    const found = places.get(placeKey(path.slice(0, length)))
    if (found !== undefined) return { place: kind === 'unknown' ? found.key : found.value }
  }
  return {}
}

function placed(place: Place | undefined): { readonly place?: Place } {
  return place === undefined ? {} : { place }
}

function givenSettings({ block }: Found, broken: ReadonlySet<string>): readonly Given[] {
  return allSettings.flatMap(({ name, path, option }): readonly Given[] => {
    const value = valueAt(block.value, path)
    const place = block.places.get(placeKey(path))?.key
    if (broken.has(name) || place === undefined || !fitsAny(option, value)) return []
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
