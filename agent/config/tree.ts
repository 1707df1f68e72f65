/** Reads the nodes of a YAML block as plain data and keeps the place of every key and value. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml'
import { type Place, type Problem, printable } from './problems.ts'

/** Where a node begins; `undefined` for a value that is not written. */
export type Where = (node: Node | null | undefined) => Place | undefined

/** One `key: value` of the document. */
export type Entry = Pair<Node, Node | null>

/** A block as plain data, and what only its YAML shows. */
export interface Block {
  readonly value: unknown
  /** Places by `placeKey(path)`. */
  readonly places: ReadonlyMap<string, { readonly key: Place; readonly value: Place }>
  /** Keys set twice, aliases, tags. */
  readonly problems: readonly Problem[]
  /** `placeKey` of values that could not be taken, so that nothing more is said about them. */
  readonly unread: ReadonlySet<string>
}

/** Deeper than any setting; what lies below is refused by the name of its parent anyway. */
const deepest = 8

/** The key under which a path's places are kept. */
export function placeKey(path: readonly string[]): string {
  return path.join('\0')
}

/** What stands at a path of the plain data; `undefined` where nothing does. */
export function valueAt(block: unknown, path: readonly string[]): unknown {
  let value = block
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, key)?.value
  }
  return value
}

/** The name that a key gives, or `undefined` where it is a list, a block or an alias. */
export function keyName({ key }: Entry): string | undefined {
  return isScalar(key) ? String(key.value) : undefined
}

/** Reads the value of an entry and everything below it, as deep as any setting lies; the entry itself has the empty path. */
export function readTree(entry: Entry, where: Where): Block {
  return reading(where, ({ read }) => read(entry, []))
}

/** Reads these entries and everything below them; a key has its name as its path. */
export function readEntries(entries: readonly Entry[], where: Where): Block {
  return reading(where, ({ members }) => members(entries, []))
}

interface Reader {
  read(pair: Entry, path: readonly string[]): unknown
  members(pairs: readonly Entry[], path: readonly string[]): Readonly<Record<string, unknown>>
}

function reading(where: Where, begin: (reader: Reader) => unknown): Block {
  const places = new Map<string, { key: Place; value: Place }>()
  const problems: Problem[] = []
  const unread = new Set<string>()

  function read(pair: Entry, path: readonly string[]): unknown {
    const key = where(pair.key) ?? { line: 1, column: 1 }
    const value = (isScalar(pair.value) && pair.value.value === null ? undefined : where(pair.value)) ?? key
    places.set(placeKey(path), { key, value })
    const refused = path.at(-1) === '<<' ? undefined : refusal(pair.value) // refused as a key
    if (refused === undefined) return plain(pair.value, path)
    problems.push({ path, place: value, message: refused })
    unread.add(placeKey(path))
    return undefined
  }

  function plain(node: Node | null, path: readonly string[]): unknown {
    if (isScalar(node)) return typeof node.value === 'number' ? node.value + 0 : node.value // no -0
    if (isSeq<Node | null>(node))
      return (path.length < deepest ? node.items : []).map((item, at) => readItem(item, [...path, String(at)]))
    return isMap<Node, Node | null>(node) ? members(node.items, path) : null
  }

  function readItem(node: Node | null, path: readonly string[]): unknown {
    const place = where(node) ?? places.get(placeKey(path.slice(0, -1)))?.value ?? { line: 1, column: 1 }
    places.set(placeKey(path), { key: place, value: place })
    const refused = refusal(node)
    if (refused === undefined) return plain(node, path)
    problems.push({ path: path.slice(0, -1), place, message: refused })
    unread.add(placeKey(path))
    return undefined
  }

  function members(pairs: readonly Entry[], path: readonly string[]): Readonly<Record<string, unknown>> {
    // Without a prototype, or the key __proto__ would be more than a key.
    const members: Record<string, unknown> = Object.create(null)
    for (const pair of path.length < deepest ? pairs : []) {
      const name = keyName(pair)
      const place = where(pair.key) ?? { line: 1, column: 1 }
      if (name === undefined) problems.push({ path, place, message: 'holds a key that is not a name' })
      else {
        const own = [...path, name]
        const first = places.get(placeKey(own))
        if (first !== undefined)
          problems.push({ path: own, place, message: `set twice, first in line ${first.key.line}` })
        members[name] = read(pair, own)
      }
    }
    return members
  }

  const value = begin({ read, members })
  return { value, places, problems, unread }
}

function refusal(node: Node | null): string | undefined {
  if (isAlias(node))
    return `an alias (*${printable(node.source.slice(0, 40))}) cannot be used here; write the value out`
  const tag = node === null || isAlias(node) ? undefined : node.tag
  return tag === undefined
    ? undefined
    : `a tag (${printable(tag.replace(/^tag:yaml\.org,2002:/, '!!').slice(0, 60))}) cannot be used here; leave it out`
}
