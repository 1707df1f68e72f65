// Which executable the user data fetches on machines of several architectures; programs of the machine are stood in for.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'user-data-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** The executable that "arrives" leaves a line when it is installed. */
const arrived = `#!/bin/sh\n[ "$1" != install ] || echo installed >>'FOLDER/installed'\n`

function standIn(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

/** Runs the script; the sum in it is right for one of the architectures only. */
function run(machine: string, rightSum: 'AGENT_SHA256' | 'AGENT_SHA256_ARM64') {
  const agent = arrived.replace('FOLDER', folder)
  writeFileSync(join(folder, 'agent'), agent)
  standIn('uname', `echo ${machine}`)
  // curl … -o FILE URL
  standIn('curl', `while [ $# -gt 2 ]; do shift; done; echo "$2" >>${folder}/asked; cp ${folder}/agent "$1"`)
  const sum = spawnSync('sha256sum', { input: agent, encoding: 'utf8' }).stdout.slice(0, 64)
  const script = readFileSync('cloud-init/user-data.sh', 'utf8').replace(
    new RegExp(`^${rightSum}=.*$`, 'm'),
    `${rightSum}='${sum}'`,
  )
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, IDLE_AGENT_TRIES: '1' }
  const { status, stdout } = spawnSync('sh', ['-c', script], { env, encoding: 'utf8' })
  const told = (name: string) => {
    try {
      return readFileSync(join(folder, name), 'utf8').trim()
    } catch {
      return ''
    }
  }
  return { status, last: stdout.trim().split('\n').at(-1), asked: told('asked'), installed: told('installed') }
}

const site = 'https://example.com/idle-agent-linux-'

test.each([
  ['x86_64', 'AGENT_SHA256', `${site}x64`],
  ['aarch64', 'AGENT_SHA256_ARM64', `${site}arm64`],
  ['arm64', 'AGENT_SHA256_ARM64', `${site}arm64`],
] as const)('%s: its own executable, checked against its own sum', (machine, sum, asked) => {
  expect(run(machine, sum)).toMatchObject({ status: 0, asked, installed: 'installed' })
})

test.each([
  ['x86_64', 'AGENT_SHA256_ARM64'],
  ['aarch64', 'AGENT_SHA256'],
] as const)('%s: not with the sum of the other', (machine, sum) => {
  const ran = run(machine, sum)
  expect(ran).toMatchObject({ status: 1, installed: '' })
  expect(ran.last).toContain('NOT INSTALLED: what')
})

test.each(['i686', 'riscv64', 'armv7l'])('%s: says that there is none, and fetches nothing', (machine) => {
  const ran = run(machine, 'AGENT_SHA256')
  expect(ran).toMatchObject({ status: 1, asked: '', installed: '' })
  expect(ran.last).toBe(`idle-agent: NOT INSTALLED: there is no executable for ${machine}`)
})
