// `make cloud` as a person runs it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { metadata, raw } from './clients.ts'
import { type AzureKind, createControlClient } from './control-client.ts'
import { parseFlags } from './flags.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

interface Running {
  readonly process: ChildProcess
  /** Resolves with the first line, past or future, that fits. */
  readonly line: (fits: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<number | null>
}

function run(...flags: string[]): Running {
  const process_ = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: process_.stdout }).on('line', (line) => {
    lines.push(line)
    for (const check of [...waiting]) check()
  })
  const line = (fits: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = lines.map((text) => fits.exec(text)).find((match) => match !== null)
        if (!found) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
    })
  const ended = new Promise<number | null>((resolve) => process_.once('exit', resolve))
  return { process: process_, line, ended }
}

describe('make cloud', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'prints what to export, then each request, and ends well on %s',
    async (signal) => {
      const cloud = run('--hibernate-ms', '1', '--metadata-tags', 'off')
      const [, url = ''] = await cloud.line(/^export AWS_EC2_METADATA_SERVICE_ENDPOINT=(http:\/\/127\.0\.0\.1:\d+)$/)
      await cloud.line(/^export AWS_ENDPOINT_URL_EC2=http:\/\/127\.0\.0\.1:\d+$/)
      const [, control = '', id = ''] = await cloud.line(/^# control: (\S+)\/_control\/ instance: (\S+)/)
      expect((await metadata(url, '/latest/meta-data/tags/instance')).status).toBe(404)
      await cloud.line(/metadata GET \/latest\/meta-data\/tags\/instance -> 404 \d+ms$/)
      await createControlClient(control).power(id, 'hibernate')
      await cloud.line(/running -> stopping \(Client\.UserInitiatedHibernate\)$/)
      await cloud.line(/stopping -> stopped/)
      const [, ca = ''] = await cloud.line(/^export NODE_EXTRA_CA_CERTS=(\S+)$/)
      await cloud.line(/^export AZURE_RESOURCE_MANAGER_ENDPOINT=https:\/\/127\.0\.0\.1:\d+$/)
      const [, imds = ''] = await cloud.line(/^export AZURE_POD_IDENTITY_AUTHORITY_HOST=(http:\/\/127\.0\.0\.1:\d+)$/)
      const [, azure = '', vm = ''] = await cloud.line(/^# azure control: (\S+)\/_control\/ instance: (\S+)/)
      const headers = { Metadata: 'true' }
      const { text } = await raw(`${imds}/metadata/instance/compute/vmId?api-version=2021-12-13&format=text`, {
        headers,
      })
      expect(text).toBe(vm)
      expect(existsSync(ca)).toBe(true)
      await createControlClient<AzureKind>(azure).power(vm, 'hibernate')
      await cloud.line(/running -> deallocating$/)
      await cloud.line(/deallocating -> hibernated$/)
      cloud.process.kill(signal)
      expect(await cloud.ended).toBe(0)
      expect(existsSync(ca)).toBe(false)
    },
  )
})

describe('flags', () => {
  test.each<readonly [string[], RegExp]>([
    [['--colour', 'red'], /^Unknown option '--colour'; --help lists the flags$/],
    [['here'], /^Unexpected argument 'here'/],
    [['--api-port'], /argument missing/],
    [['--api-port', '65536'], /whole number from 0 to 65535/],
    [['--stop-ms', '1s'], /^--stop-ms is a whole number/],
    [['--hibernation', 'maybe'], /^--hibernation is on or off, not 'maybe'$/],
    [['--hibernation'], /argument missing/],
  ])('%j is one line', (args, message) => {
    expect(() => parseFlags(args)).toThrow(message)
    expect(() => parseFlags(args)).not.toThrow(/\n/)
  })

  test('defaults', () => {
    expect(parseFlags([])).toMatchObject({
      help: false,
      aws: { instances: [{ hibernation: true, role: 'idle-agent', metadataTags: true }] },
      azure: { instances: [{ hibernation: true, role: 'idle-agent' }] },
    })
  })

  test.each<readonly [string[], number, RegExp]>([
    [['--port', '1'], 2, /^cloud: Unknown option '--port'; --help lists the flags\n$/],
    [['--bind', 'localhost'], 1, /^cloud: bind address 'localhost' is not an IP address\n$/],
  ])('%j ends with code %i', (args, code, stderr) => {
    const result = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
    expect([result.status, result.stdout]).toEqual([code, ''])
    expect(result.stderr).toMatch(stderr)
  })
})
