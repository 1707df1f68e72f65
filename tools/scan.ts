// Reads one TypeScript file and lists what it imports and which globals of the outside world it uses.
import { parseSync } from 'oxc-parser'

/** One `import`, `export … from` or `import()`. */
export interface Import {
  readonly target: string
  readonly kind: 'static' | 'dynamic' | 'type'
  /** The names taken from the target; `*` for all of them. */
  readonly names: readonly string[]
  readonly line: number
}

/** A use of the clock, a timer, the process, the network or chance, as it is written. */
export interface Reach {
  readonly what: string
  readonly line: number
}

/** What `scan` found in one file. */
export interface Scan {
  readonly imports: readonly Import[]
  readonly reaches: readonly Reach[]
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

const globals = new Set(
  'process globalThis require fetch WebSocket performance setTimeout setInterval setImmediate'.split(' '),
)
const members = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout'])
const transparent = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'])

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** The nodes that run below this one: neither types nor the names of properties. */
function children(node: Node): readonly Node[] {
  const keys = Object.keys(node).filter((key) => {
    if (key === 'property' || key === 'key') return node['computed'] === true
    return key !== 'parent' && key !== 'label'
  })
  return keys
    .flatMap((key) => node[key])
    .filter(isNode)
    .filter((child) => !child.type.startsWith('TS') || transparent.has(child.type))
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  for (const child of children(node)) walk(child, visit)
}

function nameOf(value: unknown): string {
  return isNode(value) && typeof value['name'] === 'string' ? value['name'] : ''
}

/** What the node reaches for, if anything: `fetch`, `Date.now`, `new Date()`. */
function reachOf(node: Node): string | undefined {
  if (node.type === 'Identifier' && globals.has(nameOf(node))) return nameOf(node)
  if (node.type === 'MemberExpression') {
    const path = `${nameOf(node['object'])}.${nameOf(node['property'])}`
    if (members.has(path)) return path
  }
  const called = node.type === 'NewExpression' || node.type === 'CallExpression'
  if (!called || nameOf(node['callee']) !== 'Date') return undefined
  if (node.type === 'CallExpression') return 'Date()'
  return Array.isArray(node['arguments']) && node['arguments'].length === 0 ? 'new Date()' : undefined
}

/** Names that the file itself declares, which therefore are not the global of that name. */
function declaredNames(program: Node): ReadonlySet<string> {
  const names = new Set<string>()
  const bind = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) bind(item)
    if (!isNode(value)) return
    if (value.type === 'Identifier') names.add(nameOf(value))
    for (const key of ['properties', 'elements', 'value', 'left', 'argument']) bind(value[key])
  }
  walk(program, (node) => {
    if (node.type === 'VariableDeclarator') bind(node['id'])
    if (node.type.startsWith('Import')) bind(node['local'])
    if (node.type === 'CatchClause') bind(node['param'])
    if (node.type.includes('Function')) bind([node['id'], node['params']])
  })
  return names
}

function literal(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Literal' && typeof value['value'] === 'string' ? value['value'] : undefined
}

/** The import that this node is, if it is one. A target that is no string literal is given as `?`. */
function importOf(node: Node, line: number): Import | undefined {
  const target = literal(node['source'])
  if (node.type === 'ImportExpression') return { target: target ?? '?', kind: 'dynamic', names: ['*'], line }
  if (target === undefined) return undefined
  const isType = node['importKind'] === 'type' || node['exportKind'] === 'type'
  const specifiers = Array.isArray(node['specifiers']) ? node['specifiers'].filter(isNode) : []
  const names = specifiers.map((one) => nameOf(one['imported'] ?? one['local']) || '*')
  const all = node.type === 'ExportAllDeclaration' || specifiers.some((one) => one.type === 'ImportNamespaceSpecifier')
  return { target, kind: isType ? 'type' : 'static', names: all ? ['*'] : names, line }
}

/** Throws when the text is not TypeScript. */
export function scan(path: string, text: string): Scan {
  const { program, errors } = parseSync(path, text)
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const root: unknown = program
  if (!isNode(root)) throw new Error(`${path}: the parser gave no program`)
  const lineOf = (node: Node) => text.slice(0, node.start).split('\n').length
  const own = declaredNames(root)
  const imports: Import[] = []
  const reaches: Reach[] = []
  walk(root, (node) => {
    const line = lineOf(node)
    const imported = importOf(node, line)
    if (imported !== undefined) imports.push(imported)
    const what = reachOf(node)
    if (what !== undefined && !own.has(what)) reaches.push({ what, line })
  })
  return { imports, reaches }
}
