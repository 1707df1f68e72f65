/** Patterns of an operator: `*` for anything, everything else for itself; quick whatever is written. */
import { expect, test } from 'vitest'
import { matches, mayBegin } from '../../agent/sensors/glob.ts'

test.each<[string, string, boolean]>([
  ['rsync', 'rsync', true],
  ['rsync', 'rsyncd', false],
  ['rsync', 'Rsync', false],
  ['', '', true],
  ['', 'x', false],
  ['*', '', true],
  ['*', 'anything', true],
  ['train*', 'train', true],
  ['train*', 'train.py', true],
  ['*train', 'retrain', true],
  ['*train', 'trainer', false],
  ['a*b*c', 'aXbYbZc', true],
  ['a*b*c', 'acb', false],
  ['**x**', 'x', true],
  ['a.c', 'abc', false],
  ['[ab]', 'a', false],
  ['.*', 'x', false],
  ['a?c', 'abc', false],
])('%j and %j: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})

test.each<[string, string, boolean]>([
  ['long-program-name', 'long-program-na', true],
  ['long-program-name', 'long-program-no', false],
  ['long*', 'long-program-na', true],
  ['*name', 'long-program-na', true],
  ['longer*', 'long-program-na', false],
  ['long', 'long-program-na', false],
])('%j may begin with %j: %s', (pattern, start, expected) => {
  expect(mayBegin(pattern, start)).toBe(expected)
})

test('a pattern and a text that would stall a regular expression', () => {
  const pattern = `${'*a'.repeat(32)}b`
  const began = performance.now()
  expect(matches(pattern, 'a'.repeat(65_536))).toBe(false)
  expect(performance.now() - began).toBeLessThan(1000)
})
