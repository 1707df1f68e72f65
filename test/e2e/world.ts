// A quiet machine on which everything exists that the agent reads: connections, terminals, GPUs, timers, locks that nobody holds.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { answersOf, plug } from '../sensors/nvidia-smi.ts'
import { fastest } from './machine.ts'

/** Where such a machine is built: a folder that stands for "/". */
export interface World {
  readonly root: string
  write(path: string, text: string): void
  link(path: string, target: string): void
  /** Puts a command of the system in its place: lines of shell. `undefined` takes it away. */
  command(name: string, script: string | undefined): void
}

/** The ways to build below a folder. */
export function builder(root: string): Pick<World, 'write' | 'link'> {
  return {
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
    link(path, target) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      rmSync(join(root, path), { recursive: true, force: true })
      symlinkSync(target, join(root, path))
    },
  }
}

/** What holds for a while by default does not hold here, so that only a fault keeps it from acting. */
export const worldSettings = {
  ...fastest,
  sensors: '{ sessions: { connection_hold_minutes: 0, output_hold_minutes: 0 }, gpu: { memory_hold_minutes: 0 } }',
}

/** The socket of the tunnel of the fixture `ssh-tunnel`, as ss tells it. */
const socket =
  '0 0 10.0.0.5:22 198.51.100.7:50000 ino:40001 sk:1 <-> ts sack cubic rto:204 mss:1448 cwnd:10 bytes_sent:4100 bytes_received:5100 lastsnd:9000 lastrcv:9000'

const terminal = 136 * 256 + 3

function people(world: World): void {
  const stat = (pid: number, comm: string, tty: number): string =>
    `${pid} (${comm}) S 1 ${pid} ${pid} ${tty} ${pid} 4194304 9 0 0 0 1 1 0 0 20 0 1 0 18010 1 1 1\n`
  for (const [pid, comm, cmdline, tty] of [
    [6000, 'bash', '-bash\0', terminal],
    [6001, 'rsync', 'rsync\0a\0b\0', terminal + 1],
  ] as const) {
    world.write(`/proc/${pid}/stat`, stat(pid, comm, tty))
    world.write(`/proc/${pid}/cmdline`, cmdline)
    world.write(`/proc/${pid}/status`, `Name:\t${comm}\nUid:\t1000\t1000\t1000\t1000\n`)
    world.write(`/proc/${pid}/task/${pid}/status`, 'voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n')
    world.link(`/proc/${pid}/fd/0`, `/dev/pts/${tty - 136 * 256}`)
    world.write(`/dev/pts/${tty - 136 * 256}`, '')
  }
  world.write('/answers/sockets', `${socket}\n`)
}

function devices(world: World): void {
  world.write('/sys/block/nvme0n1/device/model', 'Amazon Elastic Block Store              \n')
  world.write('/sys/block/nvme0n1/dev', '259:0\n')
  plug(world, [{ address: '00:1e.0' }, { address: '00:1f.0', vendor: '1002', driver: 'amdgpu' }])
  const amd = '/sys/bus/pci/devices/0000:00:1f.0'
  world.write(`${amd}/gpu_busy_percent`, '0\n')
  world.write(`${amd}/mem_info_vram_used`, '1000000\n')
  world.write(`${amd}/power/runtime_status`, 'active\n')
  world.write('/sys/class/kfd/kfd/proc/4000/pasid', '1\n')
  world.write('/proc/driver/nvidia/gpus/0000:00:1e.0/information', '')
  for (const [question, { stdout }] of Object.entries(answersOf('g5-idle'))) world.write(`/answers/${question}`, stdout)
}

const timer = (id: string): string =>
  `Id=${id}.timer\nUnit=${id}.service\nNextElapseUSecRealtime=Tue 2099-11-24 06:12:00 UTC\nNextElapseUSecMonotonic=0\nLastTriggerUSec=n/a\n`

const unit =
  'Id=apt-daily.service\nCPUUsageNSec=[not set]\nInactiveExitTimestampMonotonic=0\nInactiveEnterTimestampMonotonic=0\n'

function plans(world: World): void {
  world.write('/run/systemd/inhibit/1', 'WHAT=sleep\nMODE=delay\nUID=0\nPID=1\nWHO=NetworkManager\nWHY=to save\n')
  world.write('/proc/1/comm', 'systemd\n')
  world.write('/run/systemd/shutdown/scheduled', 'USEC=4070908800000000\nMODE=reboot\n')
  world.write('/run/systemd/system/.keep', '')
  for (const path of ['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock']) world.write(path, '')
  world.write('/proc/locks', '1: POSIX  ADVISORY  WRITE 1 fd:00:1 0 EOF\n')
  world.write('/run/cloud-init/result.json', '{"v1": {"errors": []}}\n')
  world.write('/run/cloud-init/status.json', '{"v1": {"stage": null}}\n')
  world.write('/etc/timezone', 'Etc/UTC\n')
  for (const path of ['/etc/crontab', '/etc/cron.d/backup']) world.write(path, '17 3 1 1 * root backup\n')
  world.write('/var/spool/cron/crontabs/alice', '17 3 1 1 * backup\n')
  world.write('/var/spool/cron/atjobs/a0000104000000', '')
  world.write('/run/user/1000/systemd/private', '')
  world.write('/answers/timers', `${timer('backup')}\n${timer('logrotate')}`)
  world.write('/answers/units', unit)
}

/** Its commands, which answer from its files. */
export function commands({ command }: World): void {
  command('ss', 'exec cat /answers/sockets')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  command('nvidia-smi', 'exec cat "/answers/${1%%=*}"')
  command('grep', 'exec /real/bin/grep "$@"')
  command('systemctl', 'case "$*" in *timer*) exec cat /answers/timers ;; *) exec cat /answers/units ;; esac')
  command('od', 'exec /real/bin/od "$@"')
  command('env', 'exec /real/bin/env PATH=/usr/bin "$@"')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  command('setpriv', 'while [ "${1#-}" != "$1" ]; do shift; done; exec "/usr/bin/$@"')
}

/** Fills a copy of the fixture `ssh-tunnel`. */
export function everything(world: World): void {
  people(world)
  devices(world)
  plans(world)
  commands(world)
}
