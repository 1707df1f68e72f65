// What cloud-init is given, read by the parser that cloud-init reads it with: Python's own.
import { spawnSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Changes, inImage, made, onAzure, problems, template } from './make.ts'

interface Part {
  readonly name: string
  readonly type: string
  readonly text: string
}

const reader = `
import email, json, sys
message = email.message_from_string(sys.stdin.buffer.read().decode('utf-8'))
parts = [p for p in message.walk() if p.get_content_maintype() != 'multipart']
json.dump([{'name': p.get_filename(), 'type': p.get_content_type(),
  'text': p.get_payload(decode=True).decode('utf-8')} for p in parts], sys.stdout)
`

function bytes(changes: Changes): Buffer {
  const [file] = made(template(changes), { format: 'user-data' }).files
  return Buffer.from(file?.text ?? '')
}

function parts(changes: Changes): readonly Part[] {
  const data = bytes(changes)
  const input = data[0] === 0x1f ? gunzipSync(data) : data
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-I', '-c', reader], { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as readonly Part[]
}

const scripts: readonly (readonly [name: string, text: string])[] = [
  ['quotes and variables', '#!/bin/sh\necho "it\'s $HOME" `id` $(id) \\\\ \\n\n'],
  ['without an end of line', '#!/bin/sh\necho x'],
  ['with two ends of line', '#!/bin/sh\necho x\n\n\n'],
  ['beyond ASCII', '#!/bin/sh\necho "Grüße, 世界 🚀"\n'],
  ['with carriage returns', '#!/bin/sh\r\necho x\r\n'],
  ['a line of 5000 characters', `#!/bin/sh\n: ${'x'.repeat(5000)}\n`],
  ['what looks like a boundary', '#!/bin/sh\n# --==idle-agent==\n# --==idle-agent===--\n'],
  ['what looks like a header', '#!/bin/sh\nFrom me to you\n.\nContent-Type: text/html\n'],
  ['trailing blanks', '#!/bin/sh\necho \t \n   \n'],
  ['Python', '#!/usr/bin/env python3\nprint("%s" % "$x")\n'],
]

describe('own user data arrives as it is', () => {
  test.each(scripts)('%s', (_, text) => {
    const [agent, own, ...more] = parts({ user_data: text })
    expect(agent).toMatchObject({ name: '01-idle-agent.sh', type: 'text/x-shellscript' })
    expect(own).toEqual({ name: '02-user-data', type: 'text/x-shellscript', text })
    expect(more).toEqual([])
  })

  test('as every kind that cloud-init knows', () => {
    const kinds = [
      '#cloud-config',
      '#cloud-config-archive',
      '#cloud-boothook',
      '#include',
      '#include-once',
      '## template: jinja',
    ]
    const types = kinds.map((first) => parts({ user_data: `${first}\n` })[1]?.type)
    expect(types).toEqual([
      'text/cloud-config',
      'text/cloud-config-archive',
      'text/cloud-boothook',
      'text/x-include-url',
      'text/x-include-once-url',
      'text/jinja2',
    ])
  })
})

test('packages, accounts and time zone are a part of their own, after the operator’s', () => {
  const config = '#cloud-config\npackages: [jq]\n'
  const users = [{ name: 'alice', ssh_keys: ['ssh-ed25519 AAAA alice'], groups: ['docker', 'adm'], sudo: true }]
  const found = parts({
    user_data: config,
    packages: ['git'],
    users,
    time_zone: 'Europe/Berlin',
    proxy: 'http://p:3128',
  })
  expect(found.map(({ name }) => name)).toEqual(['01-idle-agent.sh', '02-user-data', '03-template.yaml'])
  expect(found[1]?.text).toBe(config)
  expect(found[2]?.text).toMatch(/^#cloud-config\n/)
  expect(parse(found[2]?.text ?? '')).toEqual({
    timezone: 'Europe/Berlin',
    apt: { proxy: 'http://p:3128' },
    package_update: true,
    packages: ['git'],
    users: [
      'default',
      {
        name: 'alice',
        lock_passwd: true,
        shell: '/bin/bash',
        groups: 'docker, adm',
        ssh_authorized_keys: ['ssh-ed25519 AAAA alice'],
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
      },
    ],
    merge_how: [
      { name: 'list', settings: ['append'] },
      { name: 'dict', settings: ['no_replace', 'recurse_list'] },
    ],
  })
})

test('what YAML 1.1 takes for something else stays text', () => {
  const users = [{ name: 'no', groups: ['on', 'off'] }]
  const found = parts({ packages: ['yes', '1_000', '12:30:45', '0x10'], users })
  const reader = 'import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin.read()), sys.stdout)'
  const { stdout, status } = spawnSync('python3', ['-c', reader], { input: found[1]?.text ?? '', encoding: 'utf8' })
  if (status !== 0) return // no PyYAML here
  expect(JSON.parse(stdout)).toMatchObject({
    packages: ['yes', '1_000', '12:30:45', '0x10'],
    users: ['default', { name: 'no', groups: 'on, off' }],
  })
})

describe('it is as large as the vendor takes', () => {
  const noise = (length: number): string =>
    Array.from({ length }, (_, index) => String.fromCharCode(33 + ((index * index * 7919 + index * 31) % 89))).join('')
  const script = (length: number): string => `#!/bin/sh\n: ${noise(length)}\n`

  test('as text where that fits, compressed where only that does', () => {
    expect(bytes({ user_data: script(8_000) }).toString()).toMatch(/^Content-Type: multipart/)
    const large = `#!/bin/sh\n${'# the same line again and again\n'.repeat(1_300)}`
    expect(large.length).toBeGreaterThan(40_000)
    const packed = bytes({ user_data: large })
    expect(packed.length).toBeLessThan(16_384)
    expect(packed.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    expect(parts({ user_data: large })[1]?.text).toBe(large)
    expect(bytes({ user_data: large })).toEqual(packed)
  })

  test('or it is said how large each part is', () => {
    const random = Array.from({ length: 40_000 }, (_, index) =>
      (((Math.sin(index + 1) * 1e9) % 36) | 0).toString(36),
    ).join('')
    expect(problems(template({ user_data: `#!/bin/sh\n: ${random}\n` }))[0]).toMatch(
      /^user_data: \d+ bytes compressed, and aws takes 16384 \(01-idle-agent\.sh \d+, 02-user-data \d+\); fetch the larger part from the machine$/,
    )
    expect(problems(template({ ...onAzure, user_data: `#!/bin/sh\n: ${random}\n` }))).toEqual([])
  })
})

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0
if (!hasShellcheck) process.stderr.write('SKIPPED: shellcheck is not here; the scripts are only run\n')

test.skipIf(!hasShellcheck)('shellcheck finds nothing in our scripts', () => {
  const texts = [
    parts({})[0]?.text,
    parts({
      size: 'm7i.large',
      proxy: 'http://p:1',
      idle_detection: { check_interval_minutes: 7 },
      time_zone: 'UTC',
    })[0]?.text,
    parts({ ...inImage, agent_url: undefined, agent_sha256: undefined })[0]?.text,
    made(template(), { format: 'image' }).files[0]?.text.toString(),
  ]
  for (const input of texts) {
    const { stdout, status } = spawnSync('shellcheck', ['--shell=sh', '-'], { input: input ?? '', encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  }
})
