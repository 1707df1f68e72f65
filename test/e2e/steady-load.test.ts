// Every way of loading more, or less, than a steady check may is told in a sentence; stories/steady-load.ts runs the real one.
import type { Metafile } from 'esbuild'
import { expect, test } from 'vitest'
import { type Budget, budgetProblems, type Loaded } from './steady-load.ts'

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
const good: Loaded = { scripts: new Map([['hot.js', 15]]), builtins: ['node:fs'] }
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
    { scripts: new Map([...good.scripts, ['rare.js', 0]]) },
    { modules: [...fits.modules, 'agent/rare.ts'] },
    [/rare\.js is loaded and not compiled ahead/],
  ],
])('%s', (_, loaded, other, problems) => {
  const found = budgetProblems({ ...good, ...loaded }, { outputs }, { ...fits, ...other })
  expect(found).toEqual(problems.map((problem) => expect.stringMatching(problem)))
})

test('a bundle of another executable is refused', () => {
  const loaded = { ...good, scripts: new Map([['main-OTHER.js', 1]]) }
  expect(() => budgetProblems(loaded, { outputs }, fits)).toThrow('not of this executable')
})
