/** Veto: a package manager is at work, told by a lock that is held, not by a lock file that lies there. */
import { HostError } from '../errors.ts'
import type { FileStat, Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import type { Clocks, Instant, Veto } from '../types.ts'
import { fewest, inDoubt } from './ends.ts'
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

/** Times in /proc/PID/stat are in USER_HZ, 100 a second on every architecture we run on (proc_pid_stat(5)). */
const msPerTick = 10

const packageManager = /^(apt|apt-get|aptitude|dpkg|unattended-upgr|dnf|dnf5|yum|rpm|zypper|packagekitd|update-manager)/

/** One line of /proc/locks (proc_locks(5)). */
export interface HeldLock {
  readonly pid: number
  readonly major: number
  readonly minor: number
  readonly inode: number
}

interface Locks {
  readonly held: readonly HeldLock[]
  /** Lines that are not understood: any of them may be of a lock that is held. */
  readonly strange: number
}

/** Locks that are held on files, not those that are waited for (`->`), nor those on none (`<none>:0`, fs/locks.c). */
export function parseLocks(text: string): Locks {
  const held: HeldLock[] = []
  let strange = 0
  for (const line of text.split('\n')) {
    if (line === '' || /^\d+: +->/.test(line)) continue
    const found = /^\d+: +\S+ +\S+ +\S+ +(-?\d+) (?:<none>:0|([0-9a-f]+):([0-9a-f]+):(\d+)) /.exec(line)
    if (found === null) strange += 1
    const [, pid, major, minor, inode] = found ?? []
    if (major === undefined || minor === undefined) continue
    const device = { major: Number.parseInt(major, 16), minor: Number.parseInt(minor, 16) }
    held.push({ pid: Number(pid), ...device, inode: Number(inode) })
  }
  return { held, strange }
}

interface Holder {
  readonly pid: number
  readonly comm: string
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

/** Who holds locks on this file. On overlay and btrfs the device differs from that of `stat`; then the program's name decides. */
async function holders(host: Host, stat: FileStat, locks: readonly HeldLock[]): Promise<readonly Holder[]> {
  const found: Holder[] = []
  for (const lock of locks) {
    if (lock.inode !== stat.ino || !(await isRoots(host, stat, lock))) continue
    const comm = await commOf(host, lock.pid)
    if (sameDevice(stat, lock) || packageManager.test(comm))
      found.push({ pid: lock.pid, comm: comm.slice(0, 15) || 'unknown' })
  }
  return found
}

/**
 * When the process began, on the monotonic clock; now where that is not told. What the machine slept counts: nobody has
 * answered in that time either.
 */
async function beganAt(host: Host, pid: number, now: Clocks): Promise<Instant> {
  const stat = pid < 1 ? undefined : await host.readText(`/proc/${pid}/stat`)
  // Field 22 of proc_pid_stat(5); the name before the third may hold anything.
  const ticks = Number(stat?.slice(stat.lastIndexOf(') ') + 2).split(' ')[19] ?? 'none')
  return now.monoMs - (Number.isFinite(ticks) ? Math.max(0, now.bootMs - ticks * msPerTick) : 0)
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

/**
 * A lock holds for `keep.ceiling_hours` from when its holder began: one that waits at a prompt nobody sees must not hold for
 * ever. Of several the one that ends last is named. Reading /proc/locks takes the kernel 10 to 20 ms, so it is asked only when an
 * action is due.
 */
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
    const { held, strange } = parseLocks(text)
    const vetoes: Veto[] = []
    for (const { name, stat } of stats) {
      for (const { pid, comm } of stat === undefined ? [] : await holders(host, stat, held)) {
        const reason = `${name} lock held by pid ${pid} (${comm})`
        const madeAt = await beganAt(host, pid, context.now)
        vetoes.push(...inDoubt(context, { name: 'package-manager', reason, madeAt }))
      }
    }
    const last = fewest(vetoes).slice(0, 1)
    if (strange === 0) return last
    const lines = strange === 1 ? '1 lock is' : `${strange} locks are`
    const reason = `a package manager may be at work: ${lines} not understood`
    return [...last, ...inDoubt(context, { name: 'package-manager', reason, madeAt: context.now.monoMs })]
  },
}
