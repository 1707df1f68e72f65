// What a check that cron starts leaves of its failure, as a real file on a machine without logrotate.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { logFailure } from '../../agent/check/log.ts'
import { CloudError, HostError, UsageError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'

const host = createHost({ root: '/', env: {} })
const most = 8 * 1_048_576
const failure = new HostError('cannot write x')
let parent: string
let folder: string
let log: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'log-'))
  onTestFinished(() => rmSync(parent, { recursive: true }))
  folder = join(parent, 'idle-agent')
  log = join(folder, 'agent.log')
})

function logOf(bytes: number): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(log, '')
  truncateSync(log, bytes)
}

it.each<[string, unknown, readonly string[]]>([
  ['the host', failure, ['cannot write x']],
  ['the cloud', new CloudError('no', { code: 'x', retryable: false }), ['no']],
  [
    'the configuration',
    new UsageError(['a: must be a number', 'b: there is no such setting']),
    ['a: must be', 'b: there'],
  ],
  ['something with an escape in it', new HostError('cannot read \u001b[2J'), ['cannot read ?[2J']],
  ['a bug', new TypeError('x is undefined'), ['TypeError: x is undefined', '    at ']],
])('says when and what, of %s, and makes its folder anew', async (_, error, expected) => {
  await logFailure(host, log, error)
  const lines = readFileSync(log, 'utf8').split('\n')
  for (const [index, text] of expected.entries()) {
    expect(lines[index]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z /)
    expect(lines[index]).toContain(text)
  }
  expect([statSync(folder).mode & 0o777, statSync(log).mode & 0o777]).toEqual([0o750, 0o600])
})

it('keeps two of them, however often one has grown too large', async () => {
  for (const bytes of [most, most + 3, most + 2]) {
    logOf(bytes)
    await logFailure(host, log, failure)
    expect([readdirSync(folder), statSync(`${log}.1`).size > bytes]).toEqual([['agent.log.1'], true])
  }
})

it('leaves one alone that has not', async () => {
  logOf(most - 1000)
  await logFailure(host, log, failure)
  expect(readdirSync(folder)).toEqual(['agent.log'])
})

it('keeps no check from its work where it cannot be written', async () => {
  writeFileSync(folder, 'a file in its place')
  await logFailure(host, log, failure)
  rmSync(folder)
  logOf(most + 1)
  mkdirSync(join(folder, 'agent.log.1/full'), { recursive: true })
  await logFailure(host, log, failure)
  expect(readdirSync(folder)).toEqual(['agent.log', 'agent.log.1'])
})
