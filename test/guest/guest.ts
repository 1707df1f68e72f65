// What every kind of guest has in common: what is laid into its root, how one gets into it, and what is kept of a run.
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { GuestSpec } from './cloud.ts'
import { type GuestCloud, type GuestPower, startGuestCloud } from './cloud-process.ts'
import { dieWithUs, end, environment, isAlive, type Output, run, until } from './host.ts'
import { addresses, createNetwork, type Network } from './network.ts'

/** Where the executable lies in a guest before it is installed. */
export const delivered = '/opt/idle-agent'

/** Debian's own user, who gets the key from the metadata and may sudo. */
export const user = 'debian'

/** What a run leaves behind, and what it needs while it lasts. */
export interface Run {
  /** Kept: console, request log, tags, audit. */
  readonly evidence: string
  /** Removed at the end; on the file system of the cached tree. */
  readonly scratch: string
  readonly keyPath: string
  readonly publicKey: string
}

/** Makes the folders of one run, and the key of its people. */
export function createRun(name: string): Run {
  const evidence = resolve('build/guest', name)
  rmSync(evidence, { recursive: true, force: true })
  mkdirSync(evidence, { recursive: true })
  const cache = '/var/cache/idle-agent-test'
  mkdirSync(cache, { recursive: true })
  for (const entry of readdirSync(cache)) {
    const [word, pid] = entry.split('-')
    if (word === 'run' && !isAlive(Number(pid))) rmSync(join(cache, entry), { recursive: true, force: true })
  }
  const scratch = mkdtempSync(join(cache, `run-${String(process.pid)}-`))
  const keyPath = join(scratch, 'key')
  run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', keyPath])
  return { evidence, scratch, keyPath, publicKey: run(['cat', `${keyPath}.pub`]).stdout.trim() }
}

/** Would blur idle tests in a fresh guest: they all run at the first boot. */
const masked = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'e2scrub_reap.service', 'fstrim.timer'],
  ...['dpkg-db-backup.timer', 'logrotate.timer'],
]

/** cloud-init in a container cannot see by the firmware that this is EC2, and then never asks for a token. */
const dataSource = `datasource_list: [Ec2, None]
datasource: {Ec2: {strict_id: false, timeout: 5, max_wait: 30}}
locale: C.UTF-8
`

/** On a machine that says it is EC2, cloud-init finds that out, as it does at home. */
const dataSourceByFirmware = `datasource_list: [NoCloud, Azure, Ec2, None]
locale: C.UTF-8
`

export interface Layer {
  /** Debian's background timers run; they are masked otherwise. */
  readonly timers?: boolean
  readonly firmware?: boolean
  /** Text by path. */
  readonly files?: Readonly<Record<string, string>>
}

/** Lays into an empty folder what differs from guest to guest; it goes above the cached tree. */
export function writeLayer(root: string, { timers = false, firmware = false, files = {} }: Layer): void {
  const all: Readonly<Record<string, string>> = {
    'etc/machine-id': '',
    'etc/hostname': 'guest\n',
    'etc/resolv.conf': `nameserver ${addresses.gateway}\n`,
    'etc/cloud/cloud.cfg.d/90-test.cfg': firmware ? dataSourceByFirmware : dataSource,
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'etc/systemd/system'), { recursive: true })
  if (!timers) for (const unit of masked) symlinkSync('/dev/null', join(root, 'etc/systemd/system', unit))
}

/** A person or a program at the other end of an ssh connection. */
export interface Connection {
  readonly child: ChildProcess
  /** What came back so far. */
  text(): string
  type(text: string): void
  /** Ends the connection as a lost network would not: both ends notice. */
  close(): Promise<void>
}

export interface Guest {
  readonly run: Run
  readonly network: Network
  readonly cloud: GuestCloud
  /** Runs a shell command in it as root, 20 s at most unless told. */
  exec(command: string, timeoutMs?: number): Promise<Output>
  /** As `exec`; throws unless it exits 0, and returns what it printed. */
  ask(command: string, timeoutMs?: number): Promise<string>
  /** Opens a connection: with a pty if `tty`, running `command` or a login shell; further flags as for ssh(1). */
  ssh(options?: SshOptions): Connection
  isOn(): boolean
  /** How often it can be asked without being kept busy by that. */
  readonly lookEveryMs: number
  /** Ends the guest and everything around it, and keeps the evidence. */
  close(): Promise<void>
}

export interface SshOptions {
  readonly tty?: boolean
  readonly command?: string
  readonly flags?: readonly string[]
  /** Account that is logged in to; `user` unless given. It must have the run's public key. */
  readonly as?: string
}

/** argv of ssh into the guest. */
function sshArgv(
  { network, keyPath }: { readonly network: Network; readonly keyPath: string },
  { flags = [], as = user }: Pick<SshOptions, 'flags' | 'as'> = {},
) {
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'ConnectTimeout=10']
  const given = [...options, 'BatchMode=yes', 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option])
  return network.inSim('ssh', '-F', 'none', '-i', keyPath, ...given, ...flags, `${as}@${addresses.guest}`)
}

/** Opens an ssh connection that ends with this process at the latest. */
export function connect(
  network: Network,
  keyPath: string,
  { tty = true, command, flags = [], ...account }: SshOptions,
): Connection {
  const ssh = sshArgv({ network, keyPath }, { flags: [tty ? '-tt' : '-T', ...flags], ...account })
  const argv = [...dieWithUs, ...ssh, ...(command === undefined ? [] : [command])]
  const child = spawn(argv[0] ?? '', argv.slice(1), { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  child.stdin.on('error', () => undefined)
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  return {
    child,
    text: () => text,
    type: (typed) => void child.stdin.write(typed),
    close: () => end(child),
  }
}

export interface World {
  readonly run: Run
  readonly network: Network
  readonly cloud: GuestCloud
  close(): Promise<void>
}

/** The network and the cloud of one run. Rejects, with nothing left, where they cannot be. */
export async function createWorld(run: Run, power: GuestPower, spec: GuestSpec): Promise<World> {
  const network = await createNetwork(run.evidence)
  try {
    const logPath = join(run.evidence, 'requests.log')
    const cloud = await startGuestCloud(network, power, { spec: withKey(spec, run), logPath })
    const close = async (): Promise<void> => {
      await keepCloud(run, cloud).catch(() => undefined)
      await cloud.close()
      await network.close()
    }
    return { run, network, cloud, close }
  } catch (error) {
    await network.close()
    throw error
  }
}

/** Its people may log in. */
function withKey(spec: GuestSpec, { publicKey }: Run): GuestSpec {
  if (spec.cloud === 'aws') return { ...spec, instance: { publicKey, ...spec.instance } }
  return { ...spec, vm: { publicKeys: [publicKey], ...spec.vm } }
}

async function keepCloud(run: Run, cloud: GuestCloud): Promise<void> {
  const view = await cloud.instance(cloud.instanceId)
  writeFileSync(join(run.evidence, 'instance.json'), `${JSON.stringify(view, undefined, 2)}\n`)
}

/** Copies files of the guest, those that are there, into the evidence. */
export function keepFiles(run: Run, root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const from = join(root, path)
    if (existsSync(from))
      cpSync(from, join(run.evidence, path.replaceAll('/', '_').replace(/^_/, '')), { recursive: true })
  }
}

/** Waits until cloud-init has said how it went, and returns its `result.json`. */
export async function cloudInitResult(guest: Pick<Guest, 'ask'>, timeoutMs: number): Promise<string> {
  const text = await until(() => guest.ask('cat /run/cloud-init/result.json'), timeoutMs, 'cloud-init')
  return text.trim()
}

/** Throws unless it exited 0; returns what it printed. */
export function succeeded(command: string, { code, stdout, stderr }: Output): string {
  if (code === 0) return stdout
  throw new Error(`in the guest: ${command}: exit ${String(code)}\n${stdout}${stderr}`.trim())
}
