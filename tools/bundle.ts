// Bundles agent/main.ts into one script and, for each `await import()`, a chunk that is read only when it is needed.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin, transform } from 'esbuild'
import { hotRoots } from './check-imports.ts'
import { shakeSchemas } from './shake.ts'

/** What the executable can say about itself; becomes the constants of agent/build.d.ts. */
export interface Identity {
  readonly version: string
  readonly commit: string
  readonly commitDate: string
}

/** The script, which is only the loader, the chunks that belong to it (file names in the same folder), and esbuild's account of both. */
export interface Bundle {
  readonly script: string
  readonly chunks: readonly string[]
  /** Those of the chunks that every check reads; `hot.js` holds them once more, in one piece. */
  readonly hot: readonly string[]
  /** Those of which every function is compiled ahead. */
  readonly whole: readonly string[]
  readonly metafile: Metafile
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim()
}

/** Version, commit and commit date of the tree in the current directory. */
export function readIdentity(): Identity {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const dirty = git('status', '--porcelain') === '' ? '' : '-dirty'
  const seconds = Number(git('log', '-1', '--format=%ct'))
  return {
    version,
    commit: git('rev-parse', '--short=12', 'HEAD') + dirty,
    commitDate: new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'),
  }
}

function options(entry: string, folder: string, identity: Identity): BuildOptions {
  return {
    entryPoints: { main: entry },
    outdir: folder,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm', // the only format that esbuild splits; each file is turned into CommonJS afterwards
    chunkNames: '[name]-[hash]',
    platform: 'node',
    target: 'node24',
    // The names of chunks come out of their paths: where node_modules is a link must not show.
    preserveSymlinks: true,
    // The SDK's CommonJS entry cannot be shaken: 1029 kB against 840 kB through `module`.
    mainFields: ['module', 'main'],
    plugins: [shakeSchemas],
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
    define: {
      __VERSION__: JSON.stringify(identity.version),
      __COMMIT__: JSON.stringify(identity.commit),
      __COMMIT_DATE__: JSON.stringify(identity.commitDate),
      // `open`, which @azure/identity brings, asks where its file lies; CommonJS has no import.meta and would die when it is loaded.
      'import.meta.url': '"file:///idle-agent.cjs"',
    },
  }
}

/** `import()` becomes a deferred `require`, which tools/loader.cjs answers; the result is ASCII only. */
const commonJs = {
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minify: true,
  supported: { 'dynamic-import': false },
} as const

/** A check that writes tags, or acts, also reads some of these. */
const writingRoots = [
  'agent/clouds/aws-calls.ts',
  'agent/clouds/aws-send.ts',
  'agent/clouds/aws-sdk.ts',
  'agent/check/act.ts',
  'agent/check/warning.ts',
]

/** The files that hold these entry points, and all that those import statically. */
function outputsOf(roots: readonly string[], outputs: Metafile['outputs']): ReadonlySet<string> {
  const entries = Object.entries(outputs).filter(([, { entryPoint = '' }]) => roots.includes(entryPoint))
  const found = new Set(entries.map(([path]) => path))
  for (const path of found) {
    for (const one of outputs[path]?.imports ?? []) {
      if (one.kind === 'import-statement' && one.external !== true) found.add(one.path)
    }
  }
  return found
}

/** The files of the executable that a check always reads. */
export function hotOutputs(outputs: Metafile['outputs']): ReadonlySet<string> {
  return outputsOf(hotRoots, outputs)
}

/** Those of the hot chunks that the others ask for, and the one that begins. */
function askedFor(outputs: Metafile['outputs'], hot: ReadonlySet<string>): readonly string[] {
  const others = Object.entries(outputs).filter(([path]) => !hot.has(path))
  const asked = new Set(others.flatMap(([, { imports }]) => imports.map(({ path }) => path)))
  return [...hot].filter((path) => asked.has(path) || basename(path) === 'main.js').map((path) => basename(path))
}

/**
 * What every check reads, in one script and one scope: each script by itself takes 0.1 ms, and what chunks do to import
 * from each other another 2 ms in all. `module.exports` gets a function for each name that is asked for from outside,
 * which runs the chunk, unless it has run, and gives its exports.
 */
async function packed(chunks: ReadonlyMap<string, string>, asked: readonly string[]): Promise<string> {
  const hot: Plugin = {
    name: 'hot',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\// }, ({ path }) =>
        chunks.has(path) ? { path, namespace: 'hot' } : { path, external: true },
      )
      onLoad({ filter: /^/, namespace: 'hot' }, ({ path }) => ({ contents: chunks.get(path) ?? '' }))
    },
  }
  const entries = asked.map((name) => `"./${name}":()=>require("./${name}")`)
  const { outputFiles } = await build({
    ...commonJs,
    stdin: { contents: `module.exports={${entries.join(',')}}`, resolveDir: '/' },
    bundle: true,
    plugins: [hot],
    logLevel: 'warning',
    write: false,
  })
  return `(function(require,module){${outputFiles[0]?.text ?? ''}})`
}

/** Writes `agent.cjs`, the chunks, `hot.js` and `meta.json` into a folder that holds nothing else. */
export async function bundle(entry: string, folder: string, identity: Identity): Promise<Bundle> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { metafile, outputFiles } = await build({ ...options(entry, folder, identity), metafile: true, write: false })
  const texts = new Map(outputFiles.map(({ path, text }) => [`./${basename(path)}`, text]))
  for (const [name, text] of texts) {
    const { code } = await transform(text, commonJs)
    writeFileSync(join(folder, name), `(function(exports,require,module){${code}})`)
  }
  copyFileSync('tools/loader.cjs', join(folder, 'agent.cjs'))
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(metafile))
  const names = (paths: ReadonlySet<string>) => [...paths].map((path) => basename(path)).sort()
  const hotPaths = hotOutputs(metafile.outputs)
  const hot = names(hotPaths)
  const hotTexts = new Map([...texts].filter(([name]) => hot.includes(basename(name))))
  writeFileSync(join(folder, 'hot.js'), await packed(hotTexts, askedFor(metafile.outputs, hotPaths)))
  const whole = names(outputsOf([...hotRoots, ...writingRoots], metafile.outputs))
  const chunks = [...texts.keys()].map((name) => basename(name)).sort()
  return { script: 'agent.cjs', chunks, hot, whole: [...whole, 'hot.js'], metafile }
}
