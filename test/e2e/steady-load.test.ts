// A steady `check --act` of the built executable loads what tools/steady-load.json lists and nothing else; more is noticed.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import budget from '../../tools/steady-load.json' with { type: 'json' }
import { executable, quick, startMachine } from './machine.ts'
import { type Budget, budgetProblems, type Loaded, loadedIn } from './steady-load.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steady-load-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** What a check loads that finds its history, has nothing to write and calls nobody but metadata. */
async function steadyLoad(program: string): Promise<Loaded> {
  const settings = { ...quick, idle_threshold_minutes: 5, hibernate_threshold_minutes: 10 }
  const machine = await startMachine({ program: [program], settings })
  try {
    let coverage = ''
    await machine.until(({ code, stderr, api, check }) => {
      const steady = `${code}${stderr}` === '0' && check.state === 'counting' && api.length + check.actions.length === 0
      if (steady && coverage !== '') return true
      coverage = mkdtempSync(join(folder, 'coverage-'))
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

function must(argv: readonly string[], cwd: string): void {
  const [command = '', ...args] = argv
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${String(status)}: ${stderr}`)
}

/** An executable of this tree with more text at the head of some files. */
function buildPlanted(files: Readonly<Record<string, string>>): string {
  const root = join(folder, 'planted')
  must(['git', 'clone', '--quiet', '.', root], '.')
  for (const name of ['agent', 'tools']) {
    rmSync(join(root, name), { recursive: true })
    cpSync(name, join(root, name), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
  for (const [path, text] of Object.entries(files)) {
    const before = path === 'agent/planted.ts' ? '' : readFileSync(join(root, path), 'utf8')
    writeFileSync(join(root, path), `${text}\n${before}`)
  }
  must([process.execPath, 'tools/build.ts', '--arch', process.arch], root)
  return root
}

const slow = { timeout: 90_000 }

test.concurrent('nothing but what is listed, within the bytes', slow, async () => {
  expect(budgetProblems(await steadyLoad(executable), metafile('.'), budget)).toEqual([])
})

test.concurrent(
  'a package, a built-in module and a file that were planted are noticed, and the bytes',
  slow,
  async () => {
    const root = buildPlanted({
      'agent/sensors/cpu.ts': "import { parse } from 'yaml'\nObject.assign(globalThis, { parse })",
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
    ]) {
      expect(problems).toContainEqual(expect.stringMatching(found))
    }
  },
)

const outputs: Metafile['outputs'] = {
  'build/main.js': {
    bytes: 10,
    imports: [{ path: 'build/shared.js', kind: 'import-statement' }],
    exports: [],
    entryPoint: 'agent/main.ts',
    inputs: { 'agent/main.ts': { bytesInOutput: 8 }, 'agent/types.ts': { bytesInOutput: 0 } },
  },
  'build/shared.js': { bytes: 5, imports: [], exports: [], inputs: { 'agent/shared.ts': { bytesInOutput: 5 } } },
  'build/rare.js': { bytes: 7, imports: [], exports: [], inputs: { 'agent/rare.ts': { bytesInOutput: 7 } } },
}
const good: Loaded = { chunks: new Map(Object.entries({ 'main.js': 10, 'shared.js': 5 })), builtins: ['node:fs'] }
const fits: Budget = { maxBytes: 15, modules: ['agent/main.ts', 'agent/shared.ts'], builtins: ['node:fs'] }

test.each<[string, Partial<Loaded>, Partial<Budget>, RegExp[]]>([
  ['what is listed', {}, {}, []],
  ['one byte too many', {}, { maxBytes: 14 }, [/15 bytes .* more than 14/]],
  ['a file that is not listed', {}, { modules: ['agent/main.ts'] }, [/agent\/shared\.ts \(5 bytes\)/]],
  ['a built-in module that is not listed', { builtins: ['node:fs', 'node:net'] }, {}, [/node:net is loaded/]],
  ['a file that is listed in vain', {}, { modules: [...fits.modules, 'agent/gone.ts'] }, [/gone\.ts .* no longer/]],
  ['a module that is listed in vain', { builtins: [] }, {}, [/node:fs .* no longer/]],
  [
    'a chunk that is not compiled ahead',
    { chunks: new Map([...good.chunks, ['rare.js', 0]]) },
    { modules: [...fits.modules, 'agent/rare.ts'] },
    [/rare\.js is loaded and not compiled ahead/],
  ],
  [
    'a chunk that is compiled ahead in vain',
    { chunks: new Map([['main.js', 10]]) },
    { modules: ['agent/main.ts'] },
    [/shared\.js is compiled ahead and not loaded/],
  ],
])('%s', (_, loaded, other, problems) => {
  const found = budgetProblems({ ...good, ...loaded }, { outputs }, { ...fits, ...other })
  expect(found).toEqual(problems.map((problem) => expect.stringMatching(problem)))
})

test('a bundle of another executable is refused', () => {
  const loaded = { ...good, chunks: new Map([['main-OTHER.js', 1]]) }
  expect(() => budgetProblems(loaded, { outputs }, fits)).toThrow('not of this executable')
})
