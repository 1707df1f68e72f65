// A peer that stays in memory: the daemon `autosuspend`, of Debian, with checks that compare to ours and nothing to suspend.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from './processes.ts'

const packages = ['autosuspend', 'python3-psutil', 'python3-portalocker'] as const

/**
 * Unpacks Debian's packages into the folder and returns their version; `undefined` where that cannot be done. They are not
 * installed: that would enable and start a daemon that suspends this machine.
 */
export function unpackAutosuspend(folder: string): string | undefined {
  mkdirSync(folder, { recursive: true })
  const quiet = { cwd: folder, stdio: 'ignore' } as const
  const apt = (...words: readonly string[]): boolean => spawnSync('apt-get', words, quiet).status === 0
  // A new machine has no lists yet.
  if (!apt('download', ...packages) && !(apt('update') && apt('download', ...packages))) return undefined
  const files = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  if (files.some((file) => spawnSync('dpkg-deb', ['--extract', file, 'root'], quiet).status !== 0)) return undefined
  // Links of its documentation lead nowhere, which the linter minds wherever they lie.
  rmSync(join(folder, 'root/usr/share'), { recursive: true, force: true })
  return files.map((file) => /^autosuspend_([^_]+)_/.exec(file)?.[1]).find((version) => version !== undefined)
}

/** Its load, users and network, looked at all three each time; there are no other checks for a machine without a desktop that need nobody else. */
function configuration(folder: string, intervalSeconds: number): string {
  const names = readFileSync('/proc/net/dev', 'utf8').match(/^ *[^:|]+(?=:)/gm) ?? []
  const real = names.map((name) => name.trim()).filter((name) => name !== 'lo')
  return `[general]
interval = ${intervalSeconds}
idle_time = 86400
suspend_cmd = /bin/true
wakeup_cmd = /bin/true
woke_up_file = ${folder}/woke-up
lock_file = ${folder}/lock

[check.Load]
enabled = true
threshold = 1000

[check.Users]
enabled = true

[check.NetworkBandwidth]
enabled = true
interfaces = ${real.length === 0 ? 'lo' : real.join(',')}
threshold_send = 1000000000
threshold_receive = 1000000000
`
}

/** The daemon, with Debian's settings for its log; ends by itself after that time. */
export function autosuspendDaemon(
  folder: string,
  { intervalSeconds, seconds }: { readonly intervalSeconds: number; readonly seconds: number },
): Command {
  const config = resolve(folder, 'autosuspend.conf')
  writeFileSync(config, configuration(resolve(folder), intervalSeconds))
  const root = resolve(folder, 'root')
  const logging = join(root, 'etc/autosuspend-logging.conf')
  const words = ['-c', config, '-l', logging, 'daemon', '--allchecks', '--runfor', `${seconds}`]
  const env = { PATH: '/usr/bin:/bin', PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') }
  return { argv: ['/usr/bin/python3', join(root, 'usr/bin/autosuspend'), ...words], env }
}

/** The line that each of its checks begins with. */
export function isAutosuspendCheck(line: string): boolean {
  return line.includes('Starting new check iteration')
}
