// The executables say what they are, leak nothing of the build, keep their size, and come out the same from two folders.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '../../tools/base.ts'
import { readIdentity } from '../../tools/bundle.ts'
import { buildIn, cloneInto } from './clone.ts'

const executable = resolve('dist/idle-agent-linux-x64')
/** The second is missing where it can be neither fetched nor emulated; the build has said so. */
const names = ['idle-agent-linux-x64', 'idle-agent-linux-arm64'].filter((name) => existsSync(join('dist', name)))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** The sums of what a fresh clone builds. */
async function cloneSums(name: string): Promise<string> {
  const clone = join(folder, name)
  await cloneInto(clone)
  await buildIn(
    clone,
    names.map((one) => one.replace('idle-agent-linux-', '')),
  )
  expect(sumsIn(join(clone, 'dist'))).toBe(readFileSync(join(clone, 'dist/SHA256SUMS'), 'utf8'))
  return sumsIn(join(clone, 'dist'))
}

function sumsIn(dist: string): string {
  return names.map((name) => `${sha256(join(dist, name))}  ${name}\n`).join('')
}

/** Whether dist/ holds what a clone of the last commit should come out as. */
function isOfLastCommit(): boolean {
  const { commit } = readIdentity()
  const { stdout } = spawnSync(executable, ['version'], { encoding: 'utf8', env: {} })
  return !commit.endsWith('-dirty') && stdout.includes(`commit ${commit},`)
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

describe.each(names)('%s', (name) => {
  const path = resolve('dist', name)

  test('holds no path of the machine that built it', () => {
    expect(readFileSync(path).includes(resolve('.'))).toBe(false)
  })

  test('is at most 115 MB, and 36 MB compressed', async () => {
    // Level 12 takes twice the time for 1 % less.
    const params = { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_nbWorkers]: 2 }
    const compressed = await promisify(zstdCompress)(readFileSync(path), { params })
    expect(statSync(path).size).toBeLessThanOrEqual(115_000_000)
    expect(compressed.length).toBeLessThanOrEqual(36_000_000)
  })
})

test('SHA256SUMS names each of them, and dist/idle-agent is the one for this machine', () => {
  expect(readFileSync('dist/SHA256SUMS', 'utf8')).toBe(sumsIn('dist'))
  expect(statSync('dist/idle-agent').ino).toBe(statSync(executable).ino)
})

test('come out the same, byte for byte, from two trees of one commit in different folders', {
  timeout: 180_000,
}, async () => {
  const other = isOfLastCommit() ? sumsIn('dist') : await cloneSums('one')
  expect(await cloneSums('a-second-folder')).toBe(other)
})
