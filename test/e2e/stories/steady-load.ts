// A steady `check --act` of the built executable loads what tools/steady-load.json lists and nothing else; more is noticed.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'
import { expect, test } from 'vitest'
import budget from '../../../tools/steady-load.json' with { type: 'json' }
import { buildIn, cloneInto } from '../clone.ts'
import { executable, quick, startMachine } from '../machine.ts'
import { budgetProblems, type Loaded, loadedIn } from '../steady-load.ts'

/** What a check loads that finds its history, has nothing to write and calls nobody but metadata. */
async function steadyLoad(program: string): Promise<Loaded> {
  const settings = { ...quick, idle_threshold_minutes: 5, hibernate_threshold_minutes: 10 }
  const machine = await startMachine({ program: [program], settings })
  try {
    let coverage = ''
    let last = ''
    await machine.until(({ code, stderr, api, check }) => {
      // One that says the same as the one before: at a change the history is written.
      const same = check.state === 'counting' && last === check.state
      const steady = `${code}${stderr}` === '0' && same && api.length + check.actions.length === 0
      last = check.state
      if (steady && coverage !== '') return true
      coverage = mkdtempSync(join(machine.folder, 'coverage-'))
      machine.env = { ...machine.env, NODE_V8_COVERAGE: coverage }
      return false
    })
    return loadedIn(coverage)
  } finally {
    await machine.close()
  }
}

function metafile(root: string): Metafile {
  return JSON.parse(readFileSync(join(root, 'build/bundle/meta.json'), 'utf8')) as Metafile
}

/** Builds this tree, as it is, with more text at the head of some files. */
async function buildPlanted(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  await cloneInto(root)
  for (const name of ['agent', 'tools']) {
    rmSync(join(root, name), { recursive: true })
    cpSync(name, join(root, name), { recursive: true })
  }
  for (const [path, text] of Object.entries(files)) {
    const before = path === 'agent/planted.ts' ? '' : readFileSync(join(root, path), 'utf8')
    writeFileSync(join(root, path), `${text}\n${before}`)
  }
  await buildIn(root, [process.arch])
}

const slow = { timeout: 90_000 }

test.concurrent('a steady check loads nothing but what is listed, within the bytes', slow, async () => {
  expect(budgetProblems(await steadyLoad(executable), metafile('.'), budget)).toEqual([])
})

test.concurrent(
  'a package, the SDK of AWS, a built-in module and a file that are planted in it are noticed, and the bytes',
  slow,
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), 'planted-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const root = join(folder, 'tree')
    await buildPlanted(root, {
      'agent/sensors/cpu.ts': "import { parse } from 'yaml'\nObject.assign(globalThis, { parse })",
      'agent/clouds/aws.ts':
        "import { EC2Client } from '@aws-sdk/client-ec2'\nObject.assign(globalThis, { EC2Client })",
      'agent/agent.ts': "import { createHash } from 'node:crypto'\nObject.assign(globalThis, { createHash })",
      'agent/cli.ts': "import { planted } from './planted.ts'\nObject.assign(globalThis, { planted })",
      'agent/planted.ts': "export const planted = [1, 2, 3].join('planted')",
    })
    const problems = budgetProblems(await steadyLoad(join(root, 'dist/idle-agent')), metafile(root), budget)
    for (const found of [
      /^\d+ bytes of source are loaded, more than \d+$/,
      /^agent\/planted\.ts \(\d+ bytes\) is loaded and not in /,
      /^node:crypto is loaded and not in /,
      /^yaml \(1\d{5} bytes\) is loaded and not in /,
      /^@aws-sdk\/client-ec2 \(\d{5,} bytes\) is loaded and not in /,
    ]) {
      expect(problems).toContainEqual(expect.stringMatching(found))
    }
  },
)
