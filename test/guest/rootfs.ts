// The guests' root file system: a Debian made from packages, kept outside the clone and made anew every week.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installHostPackages, isAlive, run, say } from './host.ts'

const cache = '/var/cache/idle-agent-test'
const suite = 'bookworm'
const dayMs = 86_400_000

/** Raise it when what is done to the tree after the packages changes. */
const edition = 1

const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'udev', 'cron', 'logrotate', 'cloud-init'],
  ...[
    'openssh-server',
    'tmux',
    'stress-ng',
    'curl',
    'iproute2',
    'ifupdown',
    'isc-dhcp-client',
    'sudo',
    'util-linux-extra',
  ],
  ...['nftables', 'screen'],
  ...['netcat-openbsd', 'procps', 'ca-certificates', 'initramfs-tools', 'linux-image-cloud-amd64', 'kmod', 'zstd'],
]

/** Name of the tree for this list of packages. */
export function rootfsName(list: readonly string[] = packages): string {
  const hash = createHash('sha256').update(JSON.stringify([edition, suite, list]))
  return `rootfs-${hash.digest('hex').slice(0, 12)}`
}

/** Folder of the tree, with `more` packages if given; built first (about 60 s) unless one of at most seven days is there. Never change it: guests put their own layer above. */
export function rootfs(more: readonly string[] = []): string {
  const list = [...packages, ...more]
  const name = rootfsName(list)
  mkdirSync(cache, { recursive: true })
  waitForOthers(name)
  const kept = readdirSync(cache).filter((entry) => entry.startsWith(`${name}.`) && /\.\d+$/.test(entry))
  const newest = kept.sort().at(-1)
  if (newest !== undefined && Date.now() - builtAt(newest) < 7 * dayMs) return join(cache, newest)
  for (const entry of readdirSync(cache)) if (isForgotten(entry)) rmSync(join(cache, entry), { recursive: true })
  return build(name, list)
}

/** While another process builds the same tree; two at once would only take twice as long. */
function waitForOthers(name: string): void {
  const deadline = Date.now() + 600_000
  const isBuilding = (entry: string): boolean => {
    const [half, pid] = entry.split('-')
    return half === 'half' && entry.endsWith(name) && Number(pid) !== process.pid && isAlive(Number(pid))
  }
  if (readdirSync(cache).some(isBuilding)) say('waiting for the root file system that another process builds ...')
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (Date.now() < deadline && readdirSync(cache).some(isBuilding)) Atomics.wait(cell, 0, 0, 500)
}

function builtAt(entry: string): number {
  return Number(entry.split('.')[1])
}

/** Two weeks old: no guest of a running test can have it below its own layer. Half-built ones after a day. */
function isForgotten(entry: string): boolean {
  const ageMs = Date.now() - statSync(join(cache, entry)).mtimeMs
  const builtMs = Date.now() - builtAt(entry)
  return entry.startsWith('half-') ? ageMs > dayMs : entry.startsWith('rootfs-') && builtMs > 14 * dayMs
}

function build(name: string, list: readonly string[]): string {
  const began = Date.now()
  installHostPackages()
  const half = join(cache, `half-${String(process.pid)}-${name}`)
  say(`building the root file system from ${String(list.length)} packages (about 60 s, kept for a week) ...`)
  rmSync(half, { recursive: true, force: true })
  try {
    const include = `--include=${list.join(',')}`
    const options = ['--quiet', '--variant=minbase', include, '--aptopt=Acquire::Languages "none"']
    run(['nice', 'mmdebstrap', ...options, suite, half], { timeoutMs: 600_000 })
    forgetOrigin(half)
    const done = join(cache, `${name}.${String(Date.now())}`)
    renameSync(half, done)
    say(`root file system built in ${String(Math.round((Date.now() - began) / 1000))} s`)
    return done
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
}

/** Removes what must differ from guest to guest, and what mmdebstrap took from the machine it ran on. */
function forgetOrigin(tree: string): void {
  for (const name of readdirSync(join(tree, 'etc/ssh'))) {
    if (name.startsWith('ssh_host_')) unlinkSync(join(tree, 'etc/ssh', name))
  }
  rmSync(join(tree, 'var/lib/cloud'), { recursive: true, force: true })
  rmSync(join(tree, 'etc/resolv.conf'), { force: true })
  writeFileSync(join(tree, 'etc/machine-id'), '')
  writeFileSync(join(tree, 'etc/hostname'), 'guest\n')
  for (const file of ['vmlinuz', 'initrd.img']) {
    if (!existsSync(join(tree, file))) throw new Error(`${tree} has no ${file}`)
  }
}
