// The executables say what they are, leak nothing of the build, keep their size, and come out the same from two clones.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '../../tools/base.ts'
import { readIdentity } from '../../tools/bundle.ts'

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

/** Ends without blocking: the two clones are built side by side. */
async function must(argv: readonly string[], cwd: string): Promise<void> {
  const [command = '', ...args] = argv
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const code = await new Promise((end, fail) => child.on('error', fail).on('close', end))
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${String(code)}: ${said}`)
}

async function buildClone(name: string): Promise<string> {
  const clone = join(folder, name)
  await must(['git', 'clone', '--quiet', '.', clone], '.')
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'))
  const architectures = names.flatMap((one) => ['--arch', one.replace('idle-agent-linux-', '')])
  await must([process.execPath, 'tools/build.ts', ...architectures], clone)
  const sums = readFileSync(join(clone, 'dist/SHA256SUMS'), 'utf8')
  expect(names.map((one) => `${sha256(join(clone, 'dist', one))}  ${one}\n`).join('')).toBe(sums)
  return sums
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
    const params = { [constants.ZSTD_c_compressionLevel]: 9 } // 12 takes twice the time for 1 % less
    const compressed = await promisify(zstdCompress)(readFileSync(path), { params })
    expect(statSync(path).size).toBeLessThanOrEqual(115_000_000)
    expect(compressed.length).toBeLessThanOrEqual(36_000_000)
  })
})

test('SHA256SUMS names each of them, and dist/idle-agent is the one for this machine', () => {
  const sums = names.map((name) => `${sha256(join('dist', name))}  ${name}\n`)
  expect(readFileSync('dist/SHA256SUMS', 'utf8')).toBe(sums.join(''))
  expect(statSync('dist/idle-agent').ino).toBe(statSync(executable).ino)
})

test('come out the same, byte for byte, from two clones of one commit in different folders', {
  timeout: 180_000,
}, async () => {
  const [one, other] = await Promise.all([buildClone('one'), buildClone('a-second-folder')])
  expect(one).toBe(other)
})
