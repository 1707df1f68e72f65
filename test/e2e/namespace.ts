// The executable with its files in their usual places, in a mount namespace over empty folders, as root and as nobody.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { executable, type Machine, startProgram } from './machine.ts'

/** Root, with namespaces. */
export const canMount = spawnSync('unshare', ['--mount', '--', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']).status === 0
if (!canMount)
  process.stderr.write('SKIPPED: not root, or no namespaces: no story with the files in their usual places\n')

/** What one line of shell came to. */
export interface Step {
  readonly code: number
  readonly out: string
}

/** Runs lines of shell in the namespace; `agent` is the executable, `nobody` runs what follows as that user. */
export async function inNamespace(machine: Machine, lines: readonly string[]): Promise<readonly Step[]> {
  const script = join(machine.folder, 'script')
  const mounts = ['/run', '/var/lib', '/var/log'].map((path) => `mount -t tmpfs -o mode=755 tmpfs ${path}`)
  const bind = ['touch /run/agent', `mount --bind ${executable} /run/agent`]
  const words = [
    'agent() { /run/agent "$@"; }',
    'nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }',
    `observed="--root ${machine.root} --config ${machine.configPath}"`,
  ]
  const steps = lines.map((line) => `{ ${line}; } 2>&1; printf '\\n=== %s\\n' $?`)
  writeFileSync(script, ['set -e', ...mounts, ...bind, 'set +e', ...words, ...steps].join('\n'))
  const ran = await startProgram('unshare', ['--mount', '--', 'sh', script], machine.env).done
  if (ran.stderr !== '') throw new Error(`the namespace could not be made: ${ran.stderr}`)
  const parts = ran.stdout.split(/\n=== (\d+)\n/)
  return lines.map((_, index) => ({ out: parts[2 * index] ?? '', code: Number(parts[2 * index + 1] ?? -1) }))
}
