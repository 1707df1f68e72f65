// A clone of this repository in a folder of its own, and its build; neither blocks the tests that run beside it.
import { symlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { startProgram } from './machine.ts'

async function must(argv: readonly string[]): Promise<void> {
  const [command = '', ...args] = argv
  const { HOME = '/' } = process.env // git reads its settings there
  const { code, stderr } = await startProgram(command, args, { HOME }).done
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`)
}

/** Clones the last commit into a folder that does not exist yet; packages are those of this tree. */
export async function cloneInto(root: string): Promise<void> {
  await must(['git', 'clone', '--quiet', resolve('.'), root])
  symlinkSync(resolve('node_modules'), `${root}/node_modules`)
}

/** Builds for these architectures what lies there. Throws with what the build said. */
export async function buildIn(root: string, architectures: readonly string[]): Promise<void> {
  const flags = architectures.flatMap((arch) => ['--arch', arch])
  await must(['sh', '-c', 'cd "$0" && exec "$@"', root, process.execPath, 'tools/build.ts', ...flags])
}
