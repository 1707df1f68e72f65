/** The only place of provisioning that touches files: what was generated goes below a folder. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostError, messageOf, UsageError } from '../agent/errors.ts'
import type { OutputFile } from './output.ts'

/** Largest template, in bytes. */
const mostBytes = 1_048_576

/** Reads the template. Throws UsageError where that is not possible: the operator chose the file. */
export function readText(path: string): string {
  let text: Buffer
  try {
    text = readFileSync(path)
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
  if (text.length > mostBytes) throw new UsageError(`${path}: must be at most 1 MiB`)
  return text.toString()
}

/** What is there now, by name; `undefined` where nothing is. Throws HostError where it cannot be read. */
export function present(folder: string, files: readonly OutputFile[]): ReadonlyMap<string, string | undefined> {
  return new Map(files.map(({ name }) => [name, contentOf(join(folder, name))?.toString()]))
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new HostError(`cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Writes all files, each beside its place first; where one cannot be, those that are there stay as they were. Throws HostError. */
export function write(folder: string, files: readonly OutputFile[]): void {
  const beside = files.map(({ name }) => join(folder, `.${name}.new`))
  try {
    mkdirSync(folder, { recursive: true })
    for (const [index, { text }] of files.entries()) writeFileSync(beside[index] ?? '', text, { mode: 0o644 })
    for (const [index, { name }] of files.entries()) renameSync(beside[index] ?? '', join(folder, name))
  } catch (error) {
    for (const path of beside) rmSync(path, { force: true })
    throw new HostError(`cannot write below ${folder}: ${messageOf(error)}`, { cause: error })
  }
}
