/** Finds the `idle_detection` block in a text that is YAML, and says what stands there instead where there is none. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from 'yaml'
import { UsageError } from '../errors.ts'
import { allSettings } from './lists.ts'
import { nearest, type Place, type Problem, printable, problemLines } from './problems.ts'
import { type Block, type Entry, keyName, readTree, type Where } from './tree.ts'

/** The block, and the template around it as far as it matters. */
export interface Found {
  readonly block: Block
  /** Settings that stand beside the block, where they have no effect. */
  readonly strays: readonly { readonly name: string; readonly place: Place }[]
}

interface Named {
  readonly pair: Entry
  readonly name: string
  readonly place: Place
}

const example = 'for example:\n  idle_detection:\n    idle_threshold_minutes: 5\n    hibernate_threshold_minutes: 10'

const shownErrors = 10

/** The parser's messages that say little to a person, in other words. */
const parserWords: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indented with a tab; use spaces',
  MULTILINE_IMPLICIT_KEY: 'a name without a colon',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon in the line, or a line that is indented too far',
  MULTIPLE_DOCS: 'a second document begins here (---); keep one',
}

/** A text that is a YAML map: its entries, and where each node stands. Throws UsageError where it is something else. */
export function parseEntries(
  source: string,
  file: string,
): { readonly entries: readonly Entry[]; readonly where: Where } {
  const text = source.replace(/^\uFEFF/, '')
  const refused = (problems: readonly Problem[]) => new UsageError(problemLines(file, problems))
  if (text.includes('\0')) throw refused([{ message: 'is not UTF-8 text' }])
  const lines = new LineCounter()
  // Keys are compared in tree.ts, not by the parser: that one takes quadratic time and cannot name the setting.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false } as const
  const { contents, errors } = parseDocument(text, options)
  const toPlace = (offset: number): Place => ({ line: lines.linePos(offset).line, column: lines.linePos(offset).col })
  if (errors.length > 0) throw refused(syntaxProblems(errors, toPlace))
  if (!isMap<Node, Node | null>(contents)) throw refused([{ message: `${notMap(contents)}; ${example}` }])
  return { entries: contents.items, where: (node) => (node?.range ? toPlace(node.range[0]) : undefined) }
}

/** Reads the block. Throws UsageError where the text is not YAML, or holds no block. */
export function findBlock(source: string, file: string): Found {
  const refused = (problems: readonly Problem[]) => new UsageError(problemLines(file, problems))
  const { entries, where } = parseEntries(source, file)
  const named = entries.map((pair) => name(pair, where))
  const blocks = named.filter((one) => one.name === 'idle_detection')
  const [first, second] = blocks
  const strays = named.filter((one) => allSettings.some(({ path }) => path[0] === one.name))
  if (first === undefined) throw refused(missingBlock(named, strays))
  if (second !== undefined) {
    throw refused([{ path: [], place: second.place, message: `set twice, first in line ${first.place.line}` }])
  }
  return { block: readTree(first.pair, where), strays }
}

function name(pair: Entry, where: Where): Named {
  return { pair, name: keyName(pair) ?? '', place: where(pair.key) ?? { line: 1, column: 1 } }
}

function notMap(contents: Node | null): string {
  if (contents === null || (isScalar(contents) && contents.value === null)) return 'is empty'
  return `holds no idle_detection block, only ${isSeq(contents) ? 'a list' : 'text'}`
}

/** A parser that has lost its way reports the rest of the file too: the first errors tell enough. */
function syntaxProblems(errors: readonly YAMLError[], toPlace: (offset: number) => Place): readonly Problem[] {
  // Where the parser ran out of stack depends on the stack, not on the file: no place.
  if (errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION'))
    return [{ message: 'not valid YAML: nested too deeply' }]
  const problems = errors.map(({ code, message, pos }) => ({
    place: toPlace(pos[0]),
    message: `not valid YAML: ${parserWords[code] ?? printable(message)}`,
  }))
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()].slice(0, shownErrors)
}

function missingBlock(named: readonly Named[], strays: Found['strays']): readonly Problem[] {
  const misspelt = named.filter((one) => nearest(one.name, ['idle_detection']) !== undefined)
  if (misspelt.length > 0) {
    return misspelt.map((one) => ({
      place: one.place,
      message: `${printable(one.name)}: did you mean idle_detection?`,
    }))
  }
  return [
    { message: `holds no idle_detection block; ${example}` },
    ...strays.map((one) => ({ place: one.place, message: `${one.name}: belongs below idle_detection, indented` })),
  ]
}
