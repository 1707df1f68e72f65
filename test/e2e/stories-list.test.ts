// A story that no test file imports is never run: each is imported by one.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = 'test/e2e'
const imports = /^import '\.\/stories\/([\w-]+\.ts)'$/gm

test('every file with stories is run, and by one test file', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
  const run = files.flatMap((name) => {
    return [...readFileSync(`${folder}/${name}`, 'utf8').matchAll(imports)].map(([, story]) => story)
  })
  const told = readdirSync(`${folder}/stories`)
  expect(run.sort()).toEqual(told.sort())
})
