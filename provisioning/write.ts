/** The only place of provisioning that touches files: what was generated goes below a folder. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { HostError, messageOf, UsageError } from '../agent/errors.ts'
import { makeParents } from '../agent/host/real-files.ts'
import { isObject } from '../agent/parse.ts'
import { jsonFile, type OutputFile } from './output.ts'

/** Largest template, and largest file to compare with, in bytes. */
const mostBytes = 1_048_576

/** Reads the template. Throws UsageError where that is not possible: the operator chose the file. */
export function readText(path: string): string {
  try {
    return textOf(path)
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** Of a file, not of a pipe, which would be waited for, nor of something without an end. */
function textOf(path: string): string {
  const stat = statSync(path)
  if (!stat.isFile()) throw new Error('no file')
  if (stat.size > mostBytes) throw new Error('larger than 1 MiB')
  return readFileSync(path, 'utf8')
}

/** What is there now, by name; `undefined` where nothing is. Throws HostError where it cannot be read. */
export function present(folder: string, files: readonly OutputFile[]): ReadonlyMap<string, string | undefined> {
  return new Map(files.map(({ name }) => [name, contentOf(join(folder, name))]))
}

/** Whether a folder is there. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function contentOf(path: string): string | undefined {
  try {
    return textOf(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new HostError(`cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** What was written into a folder: by name, the SHA-256 of each file. */
const manifestName = '.idle-agent-provision.json'

/**
 * Throws UsageError where a file would be lost that this did not write, or that somebody has changed since, or the template.
 * HostError where that cannot be told.
 */
export function refuseStrangers(folder: string, files: readonly OutputFile[], template: string): void {
  const ours = manifestOf(folder)
  const problems = files.flatMap(({ name }) => {
    const path = join(folder, name)
    if (resolve(path) === resolve(template)) return [`${path}: is the template; choose another folder`]
    const there = contentOf(path)
    if (there === undefined || ours[name] === sumOf(there)) return []
    return [`${path}: is there, and not as provision made it; choose another folder, or remove it`]
  })
  if (problems.length > 0) throw new UsageError(problems)
}

function manifestOf(folder: string): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(contentOf(join(folder, manifestName)) ?? '{}')
    return isObject(found) ? found : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function sumOf(text: string | Buffer): string {
  return createHash('sha256').update(text.toString()).digest('hex')
}

/** Writes all files, each beside its place first, under a name of its own; then each takes its place. Throws HostError. */
export function write(folder: string, made: readonly OutputFile[]): void {
  const sums = { ...manifestOf(folder), ...Object.fromEntries(made.map(({ name, text }) => [name, sumOf(text)])) }
  const files = [...made, jsonFile(manifestName, sums)]
  const mark = randomBytes(6).toString('hex')
  const moves = files.map(({ name, text }) => ({
    text,
    from: join(folder, `.${name}.${mark}`),
    to: join(folder, name),
  }))
  try {
    makeParents(resolve(folder))
    for (const { to } of moves) refuseFolder(to)
    for (const { from, text } of moves) writeFileSync(from, text, { mode: 0o644, flag: 'wx' })
    for (const { from, to } of moves) renameSync(from, to)
  } catch (error) {
    for (const { from } of moves) remove(from)
    throw new HostError(`cannot write below ${folder}: ${messageOf(error)}`, { cause: error })
  }
}

function refuseFolder(path: string): void {
  if (isFolder(path)) throw new Error(`${path} is a folder`)
}

/** What cannot be removed was not written. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // the first error is the one to tell
  }
}
