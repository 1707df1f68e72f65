// Enforces what a file is called and how it opens: a noun it owns, and one sentence saying what it is for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const folders = ['agent', 'provisioning', 'test', 'tools']
const emptyNames = /^(utils?|helpers?|commons?|managers?|services?|factory|factories|misc)$/

/** What is wrong with one file, or nothing. */
export function fileProblems(path: string, text: string): readonly string[] {
  const problems: string[] = []
  const name = basename(path).replace(/(\.test|\.d)?\.ts$/, '')
  if (emptyNames.test(name)) problems.push(`${path}: the name says nothing; name the file for the noun it owns`)
  const opening = text.replace(/^#!.*\n/, '')
  if (!/^(\/\/ |\/\*\*?\s+(\* )?)\S/.test(opening))
    problems.push(`${path}: open with one sentence saying what the file is for`)
  return problems
}

function sources(): readonly string[] {
  const all = folders
    .filter((folder) => existsSync(folder))
    .map((folder) => {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
    })
  return all.flat().filter((path) => path.endsWith('.ts') && !/^test\/(fixtures|golden)\//.test(path))
}

if (import.meta.main) {
  const problems = sources().flatMap((path) => fileProblems(path, readFileSync(path, 'utf8')))
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
