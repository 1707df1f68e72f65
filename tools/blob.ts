// Has the Node of an architecture make the code caches of a bundle, and the blob that holds both.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Arch, checkBase } from './base.ts'
import type { Bundle, Identity } from './bundle.ts'
import { emulator } from './emulator.ts'

/** A bundle, the folder it lies in, and what it says of itself. */
export type Bundled = Bundle & { readonly folder: string; readonly identity: Identity }

/** What an architecture is built with; `argv` runs its Node on this machine. */
export interface Platform {
  readonly arch: Arch
  readonly node: string
  readonly argv: readonly string[]
}

/** Throws if something is missing that cannot be fetched or installed from here. */
export function platformOf(arch: Arch): Platform {
  const node = resolve(checkBase(arch).path)
  return { arch, node, argv: [...emulator(arch), node] }
}

// Without a fixed seed the code cache differs at every build; a fixed hash seed would be rejected at run time.
const seeded = '--random-seed=1'

const start = promisify(execFile)

/** Has the base make the code caches that it will later find in itself: one of another architecture would be rejected. */
async function makeCaches(
  { arch, argv }: Platform,
  { folder, whole }: Bundled,
  scripts: readonly string[],
): Promise<void> {
  mkdirSync(join(folder, arch))
  const run = (flags: readonly string[], mode: string) => {
    const [program = '', ...args] = [
      ...argv,
      ...flags,
      resolve('tools/code-cache.cjs'),
      mode,
      arch,
      whole.join(),
      ...scripts,
    ]
    return start(program, args, { cwd: folder, env: {} })
  }
  await run([seeded], 'write')
  await run([], 'check')
}

/** The scripts that the executable holds: what every check reads is in one. */
function scriptsOf({ chunks, hot }: Pick<Bundle, 'chunks' | 'hot'>): readonly string[] {
  return ['hot.js', ...chunks.filter((name) => !hot.includes(name))]
}

/**
 * All scripts in one piece, each with its code cache behind it; and by name where each begins, where its cache does, and
 * where that ends. Node reads the beginning of every asset when it starts: of two for each script, that mapped nearly all
 * of them into every process.
 */
export function packed(scripts: readonly (readonly [name: string, source: Buffer, cache: Buffer])[]): {
  readonly bytes: Buffer
  readonly places: string
} {
  const places: Record<string, readonly number[]> = {}
  let end = 0
  for (const [name, source, cache] of scripts) {
    const begin = end
    end += source.length + cache.length
    places[`./${name}`] = [begin, begin + source.length, end]
  }
  return { bytes: Buffer.concat(scripts.flatMap(([, ...pieces]) => pieces)), places: JSON.stringify(places) }
}

/** What its Node is to find in itself: the loader, the scripts it loads and their code caches, which stay below the folder, too. */
export async function makeBlob(platform: Platform, bundled: Bundled, scripts = scriptsOf(bundled)): Promise<Buffer> {
  await makeCaches(platform, bundled, scripts)
  const { arch, argv } = platform
  const { folder, script } = bundled
  const output = `${arch}.blob`
  const read = (name: string) => readFileSync(join(folder, name))
  const { bytes, places } = packed(scripts.map((name) => [name, read(name), read(join(arch, `${name}.cache`))]))
  writeFileSync(join(folder, `${arch}.scripts`), bytes)
  writeFileSync(join(folder, `${arch}.places`), places)
  const config = {
    main: script, // relative, or the folder of the build would end up in the executable
    output,
    disableExperimentalSEAWarning: true,
    // Of the script, which is only the loader. Node would say on stderr, at every run, that some processor rejects it:
    // not to be had from one that was only emulated. For the chunks tools/loader.cjs compiles in silence then.
    useCodeCache: arch === process.arch,
    execArgvExtension: 'none', // NODE_OPTIONS of whoever calls it must not reach an agent that runs as root
    assets: { scripts: `${arch}.scripts`, places: `${arch}.places` },
  }
  writeFileSync(join(folder, `${arch}.json`), JSON.stringify(config))
  const [program = '', ...args] = [...argv, seeded, '--experimental-sea-config', `${arch}.json`]
  await start(program, args, { cwd: folder, env: {} })
  return readFileSync(join(folder, output))
}
