// A file that says nothing about itself must not get past `make check`.
import { expect, test } from 'vitest'
import { fileProblems } from '../../tools/check-files.ts'

test.each([
  ['agent/tags.ts', '// Turns the state into tags and back.\n', []],
  ['agent/tags.ts', '/**\n * Turns the state into tags.\n */\n', []],
  ['tools/x.ts', '#!/usr/bin/env node\n/** One sentence. */\n', []],
  ['agent/utils.ts', '// Things.\n', ['the name says nothing']],
  ['test/helper.test.ts', '// Things.\n', ['the name says nothing']],
  ['agent/tags.ts', "import { x } from './x.ts'\n", ['open with one sentence']],
  ['agent/tags.ts', '\n// Too late.\n', ['open with one sentence']],
  ['agent/common.ts', '', ['the name says nothing', 'open with one sentence']],
])('%s opening with %j', (path, text, expected) => {
  const problems = fileProblems(path, text)
  expect(problems).toEqual(expected.map((part) => expect.stringContaining(`${path}: ${part}`)))
})
