// Bundles agent/main.ts into one CommonJS file and keeps esbuild's account of what is in it.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'

/** What the executable can say about itself; becomes the constants of agent/build.d.ts. */
export interface Identity {
  readonly version: string
  readonly commit: string
  readonly commitDate: string
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

/** Writes `<folder>/agent.cjs` and `<folder>/meta.json`. */
export async function bundle(entry: string, folder: string, identity: Identity): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: join(folder, 'agent.cjs'),
    bundle: true,
    minify: true,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // The SDK's CommonJS entry cannot be shaken: 1029 kB against 840 kB through `module`.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    logLevel: 'warning',
    define: {
      __VERSION__: JSON.stringify(identity.version),
      __COMMIT__: JSON.stringify(identity.commit),
      __COMMIT_DATE__: JSON.stringify(identity.commitDate),
      // node-cron asks where its file lies; a CommonJS bundle has no import.meta and would die when it is loaded.
      'import.meta.url': '"file:///idle-agent.cjs"',
    },
  })
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(metafile))
  return metafile
}
