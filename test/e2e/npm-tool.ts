// Programs from npm that are no dependency of ours, for a test only: each is fetched once, into a folder outside the tree.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The folder of the installed package; `undefined`, and said on stderr, where it cannot be had. */
export function npmTool(name: string, version: string): string | undefined {
  const folder = join(tmpdir(), `idle-agent-${name.replace(/\W+/g, '-')}-${version}`)
  const installed = join(folder, 'node_modules', name)
  if (existsSync(join(installed, 'package.json'))) return installed
  mkdirSync(folder, { recursive: true })
  const argv = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`]
  const { status, stderr } = spawnSync('npm', argv, { encoding: 'utf8', timeout: 180_000 })
  if (status === 0) return installed
  process.stderr.write(`SKIPPED: ${name} cannot be had from npm: ${(stderr ?? '').trim().split('\n')[0] ?? ''}\n`)
  return undefined
}
