// Bundles agent/main.ts into one script and, for each `await import()`, a chunk that is read only when it is needed.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type BuildOptions, build, type Metafile, transform } from 'esbuild'
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
      // node-cron asks where its file lies; CommonJS has no import.meta and would die when it is loaded.
      'import.meta.url': '"file:///idle-agent.cjs"',
    },
  }
}

/** `import()` becomes a deferred `require`, which tools/loader.cjs answers; the result is ASCII only. */
async function toCommonJs(text: string): Promise<string> {
  const supported = { 'dynamic-import': false }
  const { code } = await transform(text, { format: 'cjs', platform: 'node', target: 'node24', minify: true, supported })
  return code
}

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

/** What every check reads, as functions by name in one script: each script by itself takes 0.1 ms. */
function packed(folder: string, hot: readonly string[]): string {
  const functions = hot.map((name) => `"./${name}":${readFileSync(join(folder, name), 'utf8').slice(1, -1)}`)
  return `({${functions.join(',')}})`
}

/** Writes `agent.cjs`, the chunks, `hot.js` and `meta.json` into a folder that holds nothing else. */
export async function bundle(entry: string, folder: string, identity: Identity): Promise<Bundle> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { metafile, outputFiles } = await build({ ...options(entry, folder, identity), metafile: true, write: false })
  const chunks: string[] = []
  for (const file of outputFiles) {
    const name = basename(file.path)
    const code = await toCommonJs(file.text)
    writeFileSync(join(folder, name), `(function(exports,require,module){${code}})`)
    chunks.push(name)
  }
  copyFileSync('tools/loader.cjs', join(folder, 'agent.cjs'))
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(metafile))
  const names = (paths: ReadonlySet<string>) => [...paths].map((path) => basename(path)).sort()
  const hot = names(hotOutputs(metafile.outputs))
  writeFileSync(join(folder, 'hot.js'), packed(folder, hot))
  const whole = names(outputsOf([...hotRoots, ...writingRoots], metafile.outputs))
  return { script: 'agent.cjs', chunks: chunks.sort(), hot, whole: [...whole, 'hot.js'], metafile }
}
