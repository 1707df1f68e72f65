// A guest in a container: real systemd, cloud-init, sshd, logind and cron, up in seconds on this machine's kernel.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { InstanceSpec } from '../clouds/aws.ts'
import {
  connect,
  createRun,
  createWorld,
  delivered,
  type Guest,
  keepFiles,
  type Layer,
  type Run,
  succeeded,
  writeLayer,
} from './guest.ts'
import { dieWithUs, end, environment, installHostPackages, output, until } from './host.ts'
import type { Network } from './network.ts'
import { rootfs } from './rootfs.ts'

export interface NspawnSpec extends Layer {
  /** Of the run, and of the folder of its evidence. */
  readonly name: string
  readonly userData: string
  readonly instance?: InstanceSpec
  /** The executable; dist/idle-agent unless given. */
  readonly executable?: string
  /** Installed besides what every guest has. */
  readonly packages?: readonly string[]
}

/** SIGRTMIN+4 of glibc: systemd(1) powers off. */
const POWER_OFF = 34 + 4

interface Container {
  readonly child: ChildProcess
  /** The guest's own process 1, by its id here. */
  readonly leader: number
}

/** Boots a guest on the simulated cloud. Rejects, with nothing left running, when it does not come up. */
export async function bootNspawn(spec: NspawnSpec): Promise<Guest> {
  installHostPackages()
  const base = rootfs(spec.packages)
  const run = createRun(spec.name)
  const tree = {
    lower: base,
    upper: join(run.scratch, 'upper'),
    work: join(run.scratch, 'work'),
    root: join(run.scratch, 'root'),
  }
  for (const folder of [tree.upper, tree.work, tree.root]) mkdirSync(folder)
  writeLayer(tree.upper, spec)
  let container: Container | undefined
  let network: Network | undefined
  async function start(): Promise<void> {
    if (network === undefined) throw new Error('the guest has no network yet')
    container = await startContainer(run, tree, { network, executable: resolve(spec.executable ?? 'dist/idle-agent') })
  }
  async function stop(): Promise<void> {
    if (container === undefined) return
    const { child, leader } = container
    if (isRunning(child)) process.kill(leader, POWER_OFF)
    await until(() => !isRunning(child), 30_000, 'the guest switched off')
    container = undefined
  }
  const hibernate = (): Promise<void> => Promise.reject(new Error('a container cannot hibernate'))
  const instance = { userData: spec.userData, tokenOptionalFor: ['Cloud-Init/', 'python-requests/'], ...spec.instance }
  const world = await createWorld(run, { stop, hibernate, start }, { cloud: 'aws', instance })
  network = world.network
  async function close(): Promise<void> {
    await keepVolatile(guest, run).catch(() => undefined)
    await stop().catch(() => undefined)
    if (container !== undefined) await end(container.child, 5000)
    await world.close()
    keepFiles(run, tree.upper, kept)
    rmSync(run.scratch, { recursive: true, force: true })
  }
  const exec: Guest['exec'] = (command, timeoutMs = 20_000) => {
    if (container === undefined) throw new Error('the guest is off')
    const enter = ['nsenter', '-t', String(container.leader), '-a', '--wdns=/', '--', ...cleanShell, command]
    return output(enter, { timeoutMs })
  }
  const guest: Guest = {
    ...world,
    lookEveryMs: 200,
    exec,
    ask: async (command, timeoutMs) => succeeded(command, await exec(command, timeoutMs)),
    ssh: (options = {}) => connect(world.network, run.keyPath, options),
    isOn: () => container !== undefined && isRunning(container.child),
    close,
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return guest
}

const cleanShell = [
  'env',
  '-i',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'bash',
  '-c',
]

const kept = [
  ...['var/log/idle-agent', 'var/lib/idle-agent', 'var/log/cloud-init-output.log', 'var/log/cloud-init.log'],
  ...['etc/cron.d/idle-agent', 'etc/systemd/system/idle-agent.service', 'etc/systemd/system/idle-agent.timer'],
]

/** What is only in memory, and gone with the guest. */
async function keepVolatile(guest: Guest, { evidence }: Run): Promise<void> {
  if (!guest.isOn()) return
  for (const [name, command] of [
    ['result.json', 'cat /run/cloud-init/result.json'],
    ['status.json', 'cat /run/idle-agent/status.json'],
    ['journal.txt', 'journalctl --no-pager -o short-precise -n 3000'],
    ['processes.txt', 'ps axf -o pid,ppid,user,tty,stat,start,time,args'],
  ] as const) {
    writeFileSync(join(evidence, name), (await guest.exec(command)).stdout)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

interface Tree {
  readonly lower: string
  readonly upper: string
  readonly work: string
  readonly root: string
}

/**
 * Mounts of its own; `ip netns exec` has dropped the control groups. Each guest is in a group of its own, or two at once would
 * count each other's work; those of guests that have ended are removed. The paths are arguments, never part of the script.
 */
const script = `set -e
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
for group in /sys/fs/cgroup/idle-agent-guest.*; do
  [ ! -d "$group" ] || kill -0 "\${group##*.}" 2>/dev/null || find "$group" -depth -type d -exec rmdir {} \\;
done
mkdir "/sys/fs/cgroup/idle-agent-guest.$$"
echo $$ >"/sys/fs/cgroup/idle-agent-guest.$$/cgroup.procs"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
root=$4; shift 4
exec systemd-nspawn --quiet --register=no --keep-unit --directory="$root" "$@"`

async function startContainer(
  { evidence }: Run,
  tree: Tree,
  { network, executable }: { readonly network: Network; readonly executable: string },
): Promise<Container> {
  const options = [
    ...['--machine=guest', '--capability=CAP_NET_ADMIN,CAP_NET_RAW', '--resolv-conf=off', '--console=pipe'],
    ...[`--bind-ro=${executable}:${delivered}`, '--boot'],
  ]
  const shell = ['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script, 'bash']
  const argv = [...dieWithUs, ...network.inGuest(...shell, tree.lower, tree.upper, tree.work, tree.root, ...options)]
  const log = openSync(join(evidence, 'console.log'), 'a')
  const child = spawn(argv[0] ?? '', argv.slice(1), { env: environment, stdio: ['ignore', log, log] })
  closeSync(log)
  try {
    const leader = await until(() => leaderOf(child), 15_000, 'the guest began to boot')
    return { child, leader }
  } catch (error) {
    await end(child, 5000)
    throw error
  }
}

/** The process that systemd-nspawn started and that has become systemd. */
function leaderOf(child: ChildProcess): number | undefined {
  if (!isRunning(child)) throw new Error('systemd-nspawn has ended: see console.log')
  const pid = String(child.pid)
  for (const candidate of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')) {
    if (candidate !== '' && readFileSync(`/proc/${candidate}/comm`, 'utf8').trim() === 'systemd')
      return Number(candidate)
  }
  return undefined
}
