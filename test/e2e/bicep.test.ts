// The Bicep that `provision` writes, by a grammar that others wrote; the vendor's compiler cannot be had from a registry.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bicepText } from '../../provisioning/bicep.ts'
import { provision } from '../../provisioning/main.ts'
import { made, onAzure, template } from '../provisioning/make.ts'
import { npmTool } from './npm-tool.ts'

const parser = npmTool('web-tree-sitter', '0.27.2')
const grammar = npmTool('tree-sitter-bicep', '1.1.0')

const script = `
const { Language, Parser } = await import(process.argv[1])
const { text } = await import('node:stream/consumers')
await Parser.init()
const parser = new Parser()
parser.setLanguage(await Language.load(process.argv[2]))
const found = JSON.parse(await text(process.stdin)).map((source) => {
  const tree = parser.parse(source)
  const wrong = []
  const kinds = new Set()
  const walk = (node) => {
    kinds.add(node.type)
    if (node.isError || node.isMissing) wrong.push(node.startPosition.row + 1 + ': ' + node.text.slice(0, 80))
    for (const child of node.children) walk(child)
  }
  walk(tree.rootNode)
  return { wrong, kinds: [...kinds] }
})
process.stdout.write(JSON.stringify(found))
`

interface Parsed {
  /** Lines that the grammar does not know. */
  readonly wrong: readonly string[]
  readonly kinds: readonly string[]
}

function parse(sources: readonly string[]): readonly Parsed[] {
  const files = [join(parser ?? '', 'web-tree-sitter.js'), join(grammar ?? '', 'tree-sitter-bicep.wasm')]
  const argv = ['--input-type=module', '--eval', script, ...files]
  const options = { input: JSON.stringify(sources), encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, options)
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as readonly Parsed[]
}

const here = parser !== undefined && grammar !== undefined

test.skipIf(!here)('every template is Bicep, and what is not is told', { timeout: 60_000 }, () => {
  const folder = 'test/provisioning/templates'
  const onAzure = readdirSync(folder).filter((name) => name.startsWith('azure'))
  const sources = onAzure.map((name) => {
    const made = provision({ template: join(folder, name), cloud: undefined, format: 'bicep' })
    return made.files[0]?.text.toString() ?? ''
  })
  const results = parse([...sources, 'resource x = {\n  a: \n'])
  const last = results.at(-1)
  expect(results.slice(0, -1).map(({ wrong }) => wrong)).toEqual(onAzure.map(() => []))
  expect(results[0]?.kinds).toEqual(expect.arrayContaining(['resource_declaration', 'parameter_declaration']))
  expect(last?.wrong.length).toBeGreaterThan(0)
})

test.skipIf(!here)('a text is one text, without anything to evaluate in it', { timeout: 60_000 }, () => {
  const dollar = '$'
  const texts = ["it's", `${dollar}{x}`, `${dollar}${dollar}{x}`, 'a\\b', 'line\nline', "'''", "\\'", 'ä🚀', '\u0007']
  const [found] = parse([texts.map((text, index) => `var x${String(index)} = ${bicepText(text)}\n`).join('')])
  expect(found?.wrong).toEqual([])
  expect(found?.kinds).not.toContain('interpolation')
})

test('a tag of any name is text, in Bicep and in the template of Resource Manager', () => {
  const tags = {
    expression: "loadTextContent('/etc/passwd')",
    true: 'x',
    copy: 'y',
    "[concat('a','b')]": '[draft] x',
    z: '[x]',
  }
  const bicep = made(template({ ...onAzure, tags }), { format: 'bicep' }).files[0]?.text.toString() ?? ''
  expect(bicep).toContain("  expression: 'loadTextContent(\\'/etc/passwd\\')'\n  'true': 'x'\n")
  const arm = JSON.parse(made(template({ ...onAzure, tags }), { format: 'arm' }).files[0]?.text.toString() ?? '')
  expect(arm.variables.tags).toEqual({
    expression: "loadTextContent('/etc/passwd')",
    true: 'x',
    "[string('copy')]": 'y',
    "[[concat('a','b')]": '[draft] x',
    z: '[[x]',
  })
})
