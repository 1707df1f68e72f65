// A guest in an emulated machine: a kernel, firmware, clock, power button and sleep of its own. Slow: a boot takes a minute.
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defaultVmId } from '../clouds/azure/vm.ts'
import type { GuestSpec } from './cloud.ts'
import { connect, createRun, createWorld, type Guest, type Layer, type Run, succeeded, writeLayer } from './guest.ts'
import { dieWithUs, end, environment, installHostPackages, run as runProgram, until } from './host.ts'
import { guestMac, type Network } from './network.ts'
import { openQmp, openShell, type Qmp, type Shell, shellFiles } from './qemu-lines.ts'
import { rootfs } from './rootfs.ts'

export interface QemuSpec extends Layer {
  readonly name: string
  /** Made from what a client of the cloud's API has to trust, as a PEM text. */
  readonly userData: (caCert: string) => string
  readonly cloud?: GuestSpec
  readonly executable?: string
  /** Debian packages that other guests do not have. */
  readonly packages?: readonly string[]
}

export interface QemuGuest extends Guest {
  /** The machine's processors stand still, as when its host is paused; its clock stands still with them. */
  pause(): Promise<void>
  resume(): Promise<void>
}

interface Machine {
  readonly child: ChildProcess
  readonly qmp: Qmp
  readonly shell: Shell
}

interface Disk {
  readonly root: string
  readonly swap: string
  readonly kernel: string
  readonly initrd: string
}

const memoryMb = 768

/** Starts a machine with an empty boot history; resolves when qemu runs, not when the guest has booted. */
export async function bootQemu(spec: QemuSpec): Promise<QemuGuest> {
  installHostPackages()
  const run = createRun(spec.name)
  const cloud = spec.cloud ?? { cloud: 'aws', instance: {} }
  const disk = makeDisk(run, spec)
  let machine: Machine | undefined
  let network: Network | undefined
  async function start(): Promise<void> {
    if (network === undefined) throw new Error('the guest has no network yet')
    machine = await startMachine(run, qemuArgv(disk, { folder: run.scratch, cloud: cloud.cloud }), network)
  }
  async function gone(what: string, timeoutMs: number): Promise<void> {
    await until(() => !isRunning(machine), timeoutMs, what)
    machine?.qmp.close()
    machine?.shell.close()
    machine = undefined
  }
  async function stop(): Promise<void> {
    if (!isRunning(machine)) return
    await machine?.qmp.run('system_powerdown')
    await gone('the guest went down at its power button', 90_000)
  }
  async function hibernate(): Promise<void> {
    // Stands for what EC2 does: a sleep event from outside, and its agent in the guest that answers to it.
    await guest.ask('systemctl hibernate --no-block', 30_000)
    await gone('the guest went to sleep', 90_000)
  }
  const world = await createWorld(run, { stop, hibernate, start }, cloud)
  network = world.network
  const exec: Guest['exec'] = (command, timeoutMs = 20_000) => {
    if (machine === undefined) throw new Error('the guest is off')
    return machine.shell.exec(command, timeoutMs)
  }
  async function close(): Promise<void> {
    if (isRunning(machine)) await keep(guest, run).catch(() => undefined)
    if (machine !== undefined) await end(machine.child)
    await world.close()
    rmSync(run.scratch, { recursive: true, force: true })
  }
  const guest: QemuGuest = {
    ...world,
    // A process costs an emulated processor about 40 ms.
    lookEveryMs: 4_000,
    exec,
    ask: async (command, timeoutMs) => succeeded(command, await exec(command, timeoutMs)),
    ssh: (options = {}) => connect(world.network, run.keyPath, options),
    isOn: () => isRunning(machine),
    pause: async () => void (await machine?.qmp.run('stop')),
    resume: async () => void (await machine?.qmp.run('cont')),
    close,
  }
  try {
    await world.cloud.change(world.cloud.instanceId, { userData: spec.userData(world.cloud.caCert) })
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return guest
}

function isRunning(machine: Machine | undefined): boolean {
  return machine !== undefined && machine.child.exitCode === null && machine.child.signalCode === null
}

/** What is told of a run: it lies in a disk that goes. */
async function keep(guest: Guest, { evidence }: Run): Promise<void> {
  for (const [name, command] of [
    ['result.json', 'cat /run/cloud-init/result.json'],
    ['status.json', 'cat /run/idle-agent/status.json'],
    ['audit.jsonl', 'cat /var/log/idle-agent/audit.jsonl'],
    ['state.json', 'cat /var/lib/idle-agent/state.json'],
    ['intents.jsonl', 'cat /var/lib/idle-agent/intents.jsonl'],
    ['cloud-init-output.log', 'cat /var/log/cloud-init-output.log'],
    ['journal.txt', 'journalctl --no-pager -o short-precise -n 3000'],
  ] as const) {
    writeFileSync(join(evidence, name), (await guest.exec(command, 60_000)).stdout)
  }
}

/** Laid over the tree in a mount namespace of its own; the paths are arguments. */
const imageScript = `set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mke2fs -q -F -t ext4 -L root -d "$4" "$5" 3G`

function makeDisk(run: Run, spec: QemuSpec): Disk {
  const base = rootfs(spec.packages)
  const at = (name: string): string => join(run.scratch, name)
  for (const name of ['upper', 'work', 'root']) mkdirSync(at(name))
  const fstab = 'LABEL=root / ext4 defaults 0 1\nLABEL=swap none swap sw 0 0\n'
  writeLayer(at('upper'), { firmware: true, ...spec, files: { 'etc/fstab': fstab, ...shellFiles, ...spec.files } })
  const wanted = join(at('upper'), 'etc/systemd/system/multi-user.target.wants')
  mkdirSync(wanted, { recursive: true })
  symlinkSync('/etc/systemd/system/test-shell.service', join(wanted, 'test-shell.service'))
  cpSync(resolve(spec.executable ?? 'dist/idle-agent'), join(at('upper'), 'opt/idle-agent'))
  const image = ['bash', '-c', imageScript, 'bash', base, at('upper'), at('work'), at('root'), at('disk.raw')]
  runProgram(['unshare', '--mount', '--propagation', 'private', ...image], { timeoutMs: 120_000 })
  rmSync(at('upper'), { recursive: true })
  writeFileSync(at('swap.raw'), '')
  truncateSync(at('swap.raw'), (memoryMb + 512) << 20)
  runProgram(['mkswap', '-q', '-L', 'swap', at('swap.raw')])
  return { root: at('disk.raw'), swap: at('swap.raw'), kernel: join(base, 'vmlinuz'), initrd: join(base, 'initrd.img') }
}

/** Nitro's firmware tables as ds-identify and the agent read them: uuid and serial are equal and begin with ec2. */
const ec2Uuid = 'ec2e2e00-1111-2222-3333-444455556666'

/** Hyper-V's, and the asset tag that every Azure VM has. */
const azureTag = '7783-7084-3265-9085-8269-3286-77'

const firmware: Readonly<Record<GuestSpec['cloud'], readonly string[]>> = {
  aws: ['-smbios', `type=1,manufacturer=Amazon EC2,product=m6i.large,uuid=${ec2Uuid},serial=${ec2Uuid}`],
  azure: [
    ...['-smbios', `type=1,manufacturer=Microsoft Corporation,product=Virtual Machine,uuid=${defaultVmId}`],
    ...['-smbios', `type=3,manufacturer=Microsoft Corporation,asset=${azureTag}`],
  ],
}

/** Always by software: /dev/kvm may be there and not be usable, and other machines have none. */
function qemuArgv(
  disk: Disk,
  { folder, cloud }: { readonly folder: string; readonly cloud: GuestSpec['cloud'] },
): readonly string[] {
  const append = 'root=LABEL=root rw console=ttyS0 net.ifnames=0 resume=LABEL=swap systemd.show_status=0 quiet'
  return [
    ...['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-machine', 'q35', '-smp', '2', '-m', String(memoryMb)],
    ...['-display', 'none', '-monitor', 'none', '-rtc', 'base=utc,clock=host', '-nodefaults'],
    ...['-kernel', disk.kernel, '-initrd', disk.initrd, '-append', append],
    ...['-drive', `file=${disk.root},if=virtio,format=raw,cache=unsafe`],
    ...['-drive', `file=${disk.swap},if=virtio,format=raw,cache=unsafe`],
    ...['-netdev', 'tap,id=n0,ifname=tap0,script=no,downscript=no'],
    ...['-device', `virtio-net-pci,netdev=n0,mac=${guestMac}`, '-device', 'virtio-rng-pci'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`, '-serial', 'stdio'],
    ...['-chardev', `socket,id=test,path=${folder}/shell,server=on,wait=off`],
    ...['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=test,name=test'],
    ...firmware[cloud],
  ]
}

async function startMachine(
  { evidence, scratch }: Run,
  program: readonly string[],
  network: Network,
): Promise<Machine> {
  const argv = [...dieWithUs, 'nice', ...network.inSim(...program)]
  const child = spawn(argv[0] ?? '', argv.slice(1), { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => appendFileSync(join(evidence, 'console.log'), chunk))
  }
  try {
    const qmp = await openQmp(join(scratch, 'qmp'))
    return { child, qmp, shell: await openShell(join(scratch, 'shell')) }
  } catch (error) {
    await end(child)
    throw error
  }
}
