/** The table of allSettings itself, and the pages that are made from it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allSettings, fitsAny, notYet, sentence } from '../../agent/config/lists.ts'

test('has each name once, and none that is refused as not yet there', () => {
  const names = allSettings.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of notYet) expect(names.filter((one) => one === name || one.startsWith(`${name}.`))).toEqual([])
})

test.each(allSettings)('$name: the default fits, the sentence is one', ({ option }) => {
  expect(sentence(option)).toMatch(/^[A-Z].{10,}[^.]\.$/)
  if ('default' in option && option.default !== undefined) expect(fitsAny(option, option.default)).toBe(true)
  if (option.type === 'choice' && option.default === undefined) expect(option.unset).toBeTypeOf('string')
  if (option.type === 'number') {
    expect(option.min).toBeLessThan(option.max)
    for (const value of [option.min - 0.001, option.max + 1, Number.NaN, Number.POSITIVE_INFINITY, '5', null]) {
      expect(fitsAny(option, value)).toBe(false)
    }
  }
})

test('sensors have options that are numbers', () => {
  const other = allSettings.filter(
    ({ path, option }) => path[0] === 'sensors' && path[2] !== 'enabled' && option.type !== 'number',
  )
  expect(other).toEqual([])
})

test('tools/docs.ts writes both pages, and --check fails when one is out of step', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'))
  const docs = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['tools/docs.ts', '--out', folder, ...args], { encoding: 'utf8', env: {} })
  try {
    const missing = docs('--check')
    expect(missing.status).toBe(1)
    expect(missing.stderr).toContain('configuration.md')
    expect(missing.stderr).toContain('config.schema.json')
    expect(docs().status).toBe(0)
    expect(docs('--check')).toMatchObject({ status: 0, stderr: '' })
    const page = join(folder, 'docs/configuration.md')
    const text = readFileSync(page, 'utf8')
    for (const { name } of allSettings)
      expect(text).toMatch(new RegExp(`^\\| \`${name.replaceAll('.', '\\.')}\` \\|.*\\|$`, 'm'))
    expect(allSettings.every(({ option }) => text.includes(sentence(option)))).toBe(true)
    writeFileSync(page, text.replace('| 5 minutes |', '| 6 minutes |'))
    expect(docs('--check').status).toBe(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
