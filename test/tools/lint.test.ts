// The linters must fail on what the style forbids; a rule that cannot fail protects nothing.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'lint-'))
  mkdirSync(join(root, 'agent'))
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
  for (const file of ['biome.json', '.oxlintrc.json', 'tsconfig.json', 'package.json'])
    copyFileSync(file, join(root, file))
})
afterAll(() => {
  rmSync(root, { recursive: true })
})

function lint(text: string, ...argv: readonly string[]): string {
  const [tool = '', ...args] = argv
  writeFileSync(join(root, 'agent/planted.ts'), `// A planted file.\n${text}\n`)
  const bin = resolve('node_modules/.bin', tool)
  const { stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: root, encoding: 'utf8' })
  return stdout + stderr
}

const read = "import { readFile } from 'node:fs/promises'\n"

test.each([
  ['a promise of node:fs left alone', `${read}export function f(): void {\n  readFile('x')\n}`, 'no-floating-promises'],
  [
    'a promise given where nothing waits',
    'export const f = () => [1].map(String).forEach(async () => {})',
    'misused-promises',
  ],
  ['a promise as a condition', `${read}export const f = () => (readFile('x') ? 1 : 2)`, 'no-misused-promises'],
  [
    'a switch that forgets a case',
    "export function f(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n  }\n}",
    'exhaustive',
  ],
  [
    'blocks nested four deep',
    `export function f(): void {\n${'if (g()) {'.repeat(4)}g()${'}'.repeat(4)}\n}\ndeclare function g(): boolean`,
    'max-depth',
  ],
])('oxlint reports %s', (_what, text, rule) => {
  expect(lint(text, 'oxlint', 'agent')).toContain(rule)
})

test.each([
  ['any', 'export const x: any = 1', 'noExplicitAny'],
  ['!', 'export const f = (x?: string) => x!.length', 'noNonNullAssertion'],
  ['an unused import', "import { join } from 'node:path'", 'noUnusedImports'],
  ['an unused variable', 'const x = 1', 'noUnusedVariables'],
  ['console', "console.log('x')", 'noConsole'],
  ['a switched-off type check', '// @ts-ignore because\nexport const x: number = 1', 'noTsIgnore'],
  ['a default export', 'export default 1', 'noDefaultExport'],
  [
    'an error without its cause',
    "export function f(): void {\n  try {\n    g()\n  } catch (e) {\n    throw new Error('x')\n  }\n}\ndeclare function g(): void",
    'useErrorCause',
  ],
  [
    'a function over 40 lines',
    `export function f(): void {\n${'  g()\n'.repeat(45)}}\ndeclare function g(): void`,
    'noExcessiveLinesPerFunction',
  ],
  ['bad format', 'export const x = "a";', 'Formatter would have printed'],
])('biome reports %s', (_what, text, rule) => {
  expect(lint(text, 'biome', 'check', '--max-diagnostics=100', 'agent')).toContain(rule)
})
