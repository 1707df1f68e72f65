/** A wrong configuration: every problem at once with its place, exit 2, nothing written. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { configCheck } from '../../agent/commands/config.ts'
import { loadConfig } from '../../agent/config.ts'
import { UsageError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'
import { createMemoryHost } from '../host/memory.ts'
import { contextFor } from './context.ts'
import { wrongConfigs } from './wrong-configs.ts'

const FILE = '/etc/idle-agent/config.yaml'

async function refusal(promise: Promise<unknown>): Promise<UsageError> {
  const error: unknown = await promise.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof UsageError)) throw error
  return error
}

describe('a wrong text', () => {
  test('is one of at least 30', () => expect(wrongConfigs.length).toBeGreaterThanOrEqual(30))

  test.each(wrongConfigs)('$name', async ({ text, problems }) => {
    const written: string[] = []
    const host = createMemoryHost({ files: { [FILE]: text }, onMutation: ({ path }) => written.push(path) })
    const { context, lines } = contextFor(host)
    const error = await refusal(configCheck(context))
    expect(error.problems).toEqual(problems.map((line) => line.replace('FILE', FILE)))
    expect(error.exitCode).toBe(2)
    expect(lines).toEqual([])
    await refusal(loadConfig(host, { path: FILE, explicit: false, cachePath: '/var/lib/idle-agent/config.json' }))
    expect(written).toEqual([])
  })

  test('with thousands of problems prints a hundred', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `  k${index}: 1\n`).join('')
    const host = createMemoryHost({ files: { [FILE]: `idle_detection:\n${many}` } })
    const { problems } = await refusal(loadConfig(host, { path: FILE, explicit: false }))
    expect(problems.length).toBe(101)
    expect(problems[0]).toBe(`${FILE}:2:3 idle_detection.k0: unknown setting`)
    expect(problems[100]).toBe(`${FILE}: and 4900 more`)
  })
})

describe('a file that cannot be used', () => {
  const host = createHost({ root: '/', env: {} })
  let folder = ''
  let path = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'))
    path = join(folder, 'config.yaml')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const problems = async () => {
    const before = readdirSync(folder)
    const source = { path, explicit: true, cachePath: join(folder, 'config.json') }
    const error = await refusal(loadConfig(host, source))
    expect(error.exitCode).toBe(2)
    expect(readdirSync(folder)).toEqual(before)
    return error.problems
  }

  test('is named when it is not there', async () => {
    expect(await problems()).toEqual([`${path}: no such file`])
  })

  test('is a folder', async () => {
    mkdirSync(path)
    expect(await problems()).toEqual([`cannot read ${path}: it is not a regular file`])
  })

  test('has 10 MB', async () => {
    writeFileSync(path, `idle_detection: {}\n# ${'x'.repeat(10_000_000)}\n`)
    expect(await problems()).toEqual([`${path}: must be at most 256 KiB`])
  })

  test('has 20 MB', async () => {
    writeFileSync(path, `idle_detection: {}\n# ${'x'.repeat(20_000_000)}\n`)
    expect(await problems()).toEqual([`cannot read ${path}: it is larger than 16777216 bytes`])
  })

  test('holds Latin-1 in the block', async () => {
    writeFileSync(path, Buffer.from('idle_detection:\n  tag_prefix: M\xfcller\n', 'latin1'))
    expect((await problems()).join()).toMatch(
      /config\.yaml:2:15 idle_detection\.tag_prefix: must be .*, got "M\ufffdller"$/,
    )
  })

  test('is not for this user', async () => {
    writeFileSync(path, 'idle_detection: {}\n')
    chmodSync(folder, 0o755)
    chmodSync(path, 0)
    const { geteuid, seteuid } = process
    if (geteuid === undefined || seteuid === undefined) throw new Error('no users on this system')
    const root = geteuid() === 0
    if (root) seteuid(65_534) // root reads everything
    try {
      const error = await refusal(loadConfig(host, { path, explicit: true }))
      expect(error.problems).toEqual([`cannot read ${path}: permission denied; run as the owner or as root (EACCES)`])
    } finally {
      if (root) seteuid(0)
    }
  })
})
