// Runs programs for arm64 on this machine: qemu's user mode with Debian's libraries for that architecture.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Arch } from './base.ts'

const libraries = '/usr/aarch64-linux-gnu'
const emulators = ['qemu-aarch64', 'qemu-aarch64-static']
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** File that must exist, any of a list, and the Debian package that brings it. */
const needed: readonly (readonly [files: readonly string[], name: string])[] = [
  [emulators.flatMap((name) => path.split(':').map((folder) => `${folder}/${name}`)), 'qemu-user'],
  [[`${libraries}/lib/ld-linux-aarch64.so.1`], 'libc6-arm64-cross'],
  [[`${libraries}/lib/libstdc++.so.6`], 'libstdc++6-arm64-cross'],
]

function missing(): readonly string[] {
  return needed.flatMap(([files, name]) => (files.some((file) => existsSync(file)) ? [] : [name]))
}

function aptGet(...args: readonly string[]): boolean {
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

/**
 * What to put before a program of that architecture; nothing if it is this machine's own. Root on Debian or Ubuntu gets
 * the missing packages installed; throws with the command that installs them where that is not possible.
 */
export function emulator(arch: Arch): readonly string[] {
  if (arch === process.arch) return []
  if (arch !== 'arm64') throw new Error(`nothing here runs programs for ${arch}`)
  const packages = missing()
  if (packages.length > 0 && process.getuid?.() === 0) {
    process.stderr.write(`installing ${packages.join(' ')} ...\n`)
    aptGet('update', '-qq')
    aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages)
  }
  if (missing().length > 0) throw new Error(`missing for arm64: apt-get install ${missing().join(' ')}`)
  const program = needed[0]?.[0].find((file) => existsSync(file)) ?? 'qemu-aarch64'
  return [program, '-L', libraries]
}
