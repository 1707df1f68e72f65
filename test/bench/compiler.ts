// Builds the small C programs of the bench, where there is a compiler.
import { spawnSync } from 'node:child_process'

/** False, with what the compiler said on stderr, where it cannot be built. */
export function compile(source: string, program: string, ...flags: readonly string[]): boolean {
  const argv = ['-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', program, source]
  return spawnSync('cc', argv, { stdio: 'inherit' }).status === 0
}
