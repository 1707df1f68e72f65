// The log that cron appends to, as a real file on a machine without logrotate.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { boundLog } from '../../agent/check/bound-log.ts'
import { createHost } from '../../agent/host/real.ts'

const host = createHost({ root: '/', env: {} })
const most = 8 * 1_048_576
let folder: string
let log: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  log = join(folder, 'agent.log')
})

function logOf(bytes: number): void {
  writeFileSync(log, '')
  truncateSync(log, bytes)
}

it('keeps two of them, however often one has grown too large', async () => {
  for (const bytes of [most + 1, most + 3, most + 2]) {
    logOf(bytes)
    await boundLog(host, log)
    expect([readdirSync(folder), statSync(`${log}.1`).size]).toEqual([['agent.log.1'], bytes])
  }
})

it('leaves one alone that has not, or is not there, or not of this machine', async () => {
  await boundLog(host, log)
  logOf(most)
  await boundLog(host, log)
  logOf(most + 1)
  await boundLog({ ...host, root: '/mnt' }, log)
  expect(readdirSync(folder)).toEqual(['agent.log'])
})

it('keeps no check from its work', async () => {
  logOf(most + 1)
  mkdirSync(join(folder, 'agent.log.1/full'), { recursive: true })
  await boundLog(host, log)
  expect(readdirSync(folder)).toEqual(['agent.log', 'agent.log.1'])
})
