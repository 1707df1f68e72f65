// The executable says what it is, leaks nothing of the build, ignores NODE_OPTIONS, and comes out the same from two clones.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sha256 } from '../../tools/base.ts'
import { readIdentity } from '../../tools/bundle.ts'

const executable = resolve('dist/idle-agent-linux-x64')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function must(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
}

function buildClone(name: string): string {
  const clone = join(folder, name)
  must('git', ['clone', '--quiet', '.', clone], '.')
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'))
  must(process.execPath, ['tools/build.ts'], clone)
  return sha256(join(clone, 'dist/idle-agent'))
}

test('prints its version, commit and date, and nothing on stderr', () => {
  const { status, stdout, stderr } = spawnSync(executable, ['version'], { encoding: 'utf8', env: {} })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain(readIdentity().version)
  expect(stdout).toMatch(/\b[0-9a-f]{12}(-dirty)?\b/)
  expect(stdout).toMatch(/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/)
})

test('is not steered by NODE_OPTIONS of whoever calls it', () => {
  const env = { NODE_OPTIONS: '--require=/nonexistent/hook.js' }
  const { status, stderr } = spawnSync(executable, ['version'], { encoding: 'utf8', env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('holds no path of the machine that built it', () => {
  expect(readFileSync(executable).includes(resolve('.'))).toBe(false)
})

test('is listed in SHA256SUMS, and dist/idle-agent is the same file', () => {
  expect(readFileSync('dist/SHA256SUMS', 'utf8')).toBe(`${sha256(executable)}  idle-agent-linux-x64\n`)
  expect(statSync('dist/idle-agent').ino).toBe(statSync(executable).ino)
})

test('comes out the same, byte for byte, from two clones of one commit in different folders', {
  timeout: 180_000,
}, () => {
  expect(buildClone('one')).toBe(buildClone('a-second-folder'))
})
