// The import check must fail, with the reason and the place, on each way of breaking the table.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hotRoots, importProblems } from '../../tools/check-imports.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check-imports-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return importProblems(root)
}

const broken: readonly (readonly [what: string, path: string, text: string, problem: string])[] = [
  ['upwards', 'agent/sensors/cpu.ts', "import { run } from '../agent.ts'", 'sensors may import host, errors'],
  ['a sibling', 'agent/sensors/cpu.ts', "import { x } from '../clouds/aws.ts'", 'agent/clouds/aws.ts is in clouds'],
  ['a sibling type file for its value', 'agent/vetoes/a.ts', "import { x } from '../clouds/cloud.ts'", 'is in clouds'],
  ['a type of a sibling that is no type file', 'agent/leases.ts', "import type { X } from './state.ts'", 'in state'],
  ['host from decide', 'agent/decide/a.ts', "import type { Host } from '../host/host.ts'", 'decide may import types'],
  ['errors from parse', 'agent/parse.ts', "import { x } from './errors.ts'", 'parse may import types'],
  ['code in types', 'agent/types.ts', "import { x } from './errors.ts'", 'holds no code'],
  ['a re-export upwards', 'agent/host/a.ts', "export * from '../state.ts'", 'host may import'],
  ['test code', 'agent/cli.ts', "import { x } from '../test/fake.ts'", 'test/fake.ts is in test'],
  [
    'provisioning from elsewhere',
    'agent/cli.ts',
    "await import('../provisioning/main.ts')",
    'only agent/commands/prov',
  ],
  [
    'provisioning up front',
    'agent/commands/provision.ts',
    "import { x } from '../../provisioning/a.ts'",
    'await import',
  ],
  [
    'more than permissions',
    'provisioning/iam.ts',
    "import { stop } from '../agent/clouds/aws.ts'",
    'only `permissions`',
  ],
  ['a file in no row', 'agent/extra.ts', 'export const x = 1', 'in no row'],
  ['files', 'agent/state.ts', "import { readFileSync } from 'node:fs'", 'node:fs reaches the outside'],
  ['timers', 'agent/commands/run.ts', "import { setTimeout } from 'node:timers/promises'", 'reaches the outside'],
  ['files, lazily', 'agent/agent.ts', "await import('node:child_process')", 'reaches the outside'],
  ['the wall clock', 'agent/agent.ts', 'export const now = Date.now()', 'Date.now reaches past the Host'],
  ['the wall clock, built', 'agent/decide/a.ts', 'export const f = () => new Date()', 'new Date() reaches'],
  ['the environment', 'agent/config.ts', 'export const e = process.env.HOME', 'process reaches past'],
  ['the process by another road', 'agent/config.ts', 'export const e = globalThis.process', 'globalThis reaches'],
  ['the network', 'agent/clouds/aws.ts', "await fetch('http://x')", 'fetch reaches past'],
  ['a timer', 'agent/cli.ts', 'export const f = () => setTimeout(() => 1, 1)', 'setTimeout reaches past'],
  [
    'a deadline that is a timer',
    'agent/cli.ts',
    'export const f = () => AbortSignal.timeout(1)',
    'AbortSignal.timeout',
  ],
  ['chance', 'agent/decide/a.ts', 'export const f = () => Math.random()', 'Math.random reaches'],
  ['the SDK elsewhere', 'agent/state.ts', "await import('@aws-sdk/client-ec2')", 'only in ^agent'],
  ['all of the SDK at once', 'agent/clouds/aws.ts', "await import('@aws-sdk/client-ec2')", '-sdk'],
  ['the SDK up front', 'agent/clouds/gcp.ts', "import { A } from '@aws-sdk/client-ec2'", '-sdk'],
  ['the inventory in a sensor', 'agent/sensors/cpu.ts', "await import('systeminformation')", 'only in'],
  ['it up front', 'agent/commands/doctor.ts', "import { cpu } from 'systeminformation'", 'only by await import()'],
  ['a package nobody decided on', 'agent/cli.ts', "await import('left-pad')", 'not in the table of packages'],
  ['a computed import', 'agent/cli.ts', 'export const f = (x: string) => import(x)', 'cannot be bundled'],
]

test.each(broken)('reports %s', (_what, path, text, problem) => {
  const problems = problemsOf({ [path]: `// A planted file.\n${text}\n` })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(problem)
  expect(problems[0]).toMatch(path.endsWith('extra.ts') ? `${path}: ` : `${path}:2: `)
})

describe('what a steady check loads', () => {
  test('names the chain of files that leads to the schema library', () => {
    const problems = problemsOf({
      'agent/main.ts': "import { read } from './config.ts'\nread()",
      'agent/config.ts': "import { object } from 'zod'\nexport const read = () => object({})",
    })
    expect(problems).toEqual([
      'agent/config.ts:1: every check would load zod (agent/main.ts > agent/config.ts); use await import()',
    ])
  })

  test('knows the built-in modules that are slow to load', () => {
    const problems = problemsOf({ 'agent/main.ts': "import { request } from 'node:http'\nrequest('')" })
    expect(problems).toEqual([expect.stringContaining('every check would load node:http')])
  })

  test('finds the SDK behind a static import', () => {
    const problems = problemsOf({
      'agent/commands/check.ts': "import { send } from '../clouds/aws.ts'",
      'agent/clouds/aws.ts': "import { EC2Client } from './aws-sdk.ts'",
      'agent/clouds/aws-sdk.ts': "export { EC2Client } from '@aws-sdk/client-ec2'",
    })
    const chain = 'agent/clouds/aws.ts > agent/clouds/aws-sdk.ts'
    expect(problems).toEqual([expect.stringContaining(`every check would load @aws-sdk/client-ec2 (${chain})`)])
  })

  test.each(hotRoots)('%s, where it starts, is there', (root) => {
    expect(existsSync(root)).toBe(true)
  })

  test('follows neither types nor deferred imports', () => {
    const problems = problemsOf({
      'agent/main.ts': "import type { C } from './config.ts'\nexport const f = () => import('./config.ts')",
      'agent/config.ts': "import { object } from 'zod'\nexport type C = object",
    })
    expect(problems).toEqual([])
  })
})

test('finds nothing wrong in a tree that keeps the rules', () => {
  const problems = problemsOf({
    'agent/main.ts': "import { read } from './host/real.ts'\nprocess.exitCode = read(process.env, Date.now())",
    'agent/host/real.ts': "import { readFileSync } from 'node:fs'\nexport const read = readFileSync",
    'agent/sensors/cpu.ts': "import type { Veto } from '../vetoes/veto.ts'\nimport { join } from 'node:path'",
    'agent/decide/clock.ts':
      "import type { Instant } from '../types.ts'\nexport const at = (ms: number) => new Date(ms)",
    'agent/clouds/aws-sdk.ts': "export { EC2Client } from '@aws-sdk/client-ec2'",
    'agent/clouds/aws.ts':
      "import type { A } from '@aws-sdk/client-ec2'\nexport const f = () => import('./aws-sdk.ts')",
    'agent/state-intents.ts': "import { x } from './state.ts'",
    'agent/commands/provision.ts': "export const f = () => import('../../provisioning/main.ts')",
    'agent/log.ts': 'export const f = (process: { fetch: () => void }) => process.fetch()',
    'provisioning/iam.ts': "import { permissions } from '../agent/clouds/aws.ts'\nexport const p = permissions",
    'test/any.ts': "import { main } from '../agent/main.ts'\nDate.now()",
  })
  expect(problems).toEqual([])
})
