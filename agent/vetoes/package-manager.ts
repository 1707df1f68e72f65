/** Veto: a package manager is at work, told by a lock that is held, not by a lock file that lies there. */
import { HostError } from '../errors.ts'
import type { FileStat, Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import type { Veto } from '../types.ts'
import { ceiling, inDoubt } from './ends.ts'
import type { VetoSource } from './veto.ts'

/** What dpkg, apt and rpm lock while they work (fcntl locks); dnf, yum and zypper hold rpm's. */
const lockFiles = [
  { path: '/var/lib/dpkg/lock-frontend', name: 'dpkg' },
  { path: '/var/lib/dpkg/lock', name: 'dpkg' },
  { path: '/var/lib/apt/lists/lock', name: 'apt' },
  { path: '/var/cache/apt/archives/lock', name: 'apt' },
  { path: '/var/lib/rpm/.rpm.lock', name: 'rpm' },
  { path: '/usr/lib/sysimage/rpm/.rpm.lock', name: 'rpm' },
] as const

/**
 * About 17,000 locks, read in 50 ms; the kernel needs four times as long for twice as many. A machine has some dozens, but a
 * user may take as many as there is memory for.
 */
const maxBytes = 1_048_576

const packageManager = /^(apt|apt-get|aptitude|dpkg|unattended-upgr|dnf|dnf5|yum|rpm|zypper|packagekitd|update-manager)/

/** One line of /proc/locks (proc_locks(5)). */
export interface HeldLock {
  readonly pid: number
  readonly major: number
  readonly minor: number
  readonly inode: number
}

/** Locks that are held, not those that are waited for (`->`) or are on no file (`<none>:0`, fs/locks.c). Throws Error where a line is not understood. */
export function parseLocks(text: string): readonly HeldLock[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !/^\d+: +(->|.* <none>:0 )/.test(line))
    .map((line) => {
      const found = /^\d+: +\S+ +\S+ +\S+ +(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line)
      if (found === null) throw new Error('a line of /proc/locks is not understood')
      const [, pid = '', major = '', minor = '', inode = ''] = found
      return {
        pid: Number(pid),
        major: Number.parseInt(major, 16),
        minor: Number.parseInt(minor, 16),
        inode: Number(inode),
      }
    })
}

/** The device in `stat` as /proc/locks shows it (glibc's gnu_dev_major, gnu_dev_minor). */
function sameDevice({ dev }: FileStat, { major, minor }: HeldLock): boolean {
  const high = Math.floor(dev / 0x1_0000_0000)
  const low = dev % 0x1_0000_0000
  return ((low >>> 8) & 0xfff) + (high & 0xfff) * 4096 === major && (low & 0xff) + ((low >>> 12) & 0xfff00) === minor
}

async function commOf(host: Host, pid: number): Promise<string> {
  return (await host.readText(`/proc/${pid}/comm`))?.trim() ?? ''
}

/**
 * Package managers work as root; any user may hold a lock on a file that they can read (rpm's), or on a file of theirs that
 * has the same inode number. Whose an open file description's lock is (pid -1) the kernel does not tell: then only root's
 * own files count.
 */
async function isRoots(host: Host, { mode }: FileStat, { pid }: HeldLock): Promise<boolean> {
  if (pid < 1) return (mode & 0o004) === 0
  // The real user id; the owner of /proc/PID is root for every process that may not be dumped.
  return /^Uid:\t0\t/m.test((await host.readText(`/proc/${pid}/status`)) ?? '')
}

/** Who holds a lock on this file. On overlay and btrfs the device differs from that of `stat`; then the program's name decides. */
async function holder(host: Host, stat: FileStat, locks: readonly HeldLock[]): Promise<string | undefined> {
  for (const lock of locks) {
    if (lock.inode !== stat.ino || !(await isRoots(host, stat, lock))) continue
    const comm = await commOf(host, lock.pid)
    if (sameDevice(stat, lock) || packageManager.test(comm))
      return `pid ${lock.pid} (${comm.slice(0, 15) || 'unknown'})`
  }
  return undefined
}

/** /proc/locks, or `undefined` where there is more of it than is read. */
async function locksText(host: Host): Promise<string | undefined> {
  let text: string | undefined
  try {
    text = await host.readText('/proc/locks', maxBytes)
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge) return undefined
    throw error
  }
  if (text === undefined) throw new Error('/proc/locks is not there, so nobody can tell whether the lock is held')
  return text
}

/** Reading /proc/locks takes the kernel 10 to 20 ms, so it is asked only when an action is due. */
export const packageManagerVeto: VetoSource = {
  name: 'package-manager',
  onlyWhenDue: true,
  async read(host, context): Promise<readonly Veto[]> {
    const stats = await Promise.all(lockFiles.map(async (file) => ({ ...file, stat: await host.stat(file.path) })))
    if (stats.every(({ stat }) => stat === undefined)) return []
    const text = await locksText(host)
    if (text === undefined) {
      const reason = 'a package manager may be at work: there are more locks than are read'
      return inDoubt(context, { name: 'package-manager', reason, madeAt: context.now.monoMs })
    }
    // One that waits at a question in a terminal that nobody comes back to does not wait for ever.
    const until = ceiling(context, context.now.monoMs)
    if (until <= context.now.monoMs) return []
    const locks = parseLocks(text)
    for (const { name, stat } of stats) {
      const by = stat === undefined ? undefined : await holder(host, stat, locks)
      if (by !== undefined) return [{ name: 'package-manager', reason: `${name} lock held by ${by}`, until }]
    }
    return []
  },
}
