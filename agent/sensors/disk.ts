/** The disk sensor: bytes per second read from and written to the disks of this machine. */
import type { Host } from '../host/host.ts'
import type { Options } from '../types/options.ts'
import type { Reading } from '../types.ts'
import { grown, linesOf, msPerTick, parseCount, secondsOf } from './counts.ts'
import { ownBytes } from './disk-bytes.ts'
import type { Earlier, Users } from './disk-users.ts'
import { type GroupRoot, groupRoot } from './groups.ts'
import { ranBetween, unitRuns } from './housekeeping.ts'
import type { OwnProcess } from './processes.ts'
import type { Context, Sensor } from './sensor.ts'
import { rate, shown } from './words.ts'

export const diskOptions = {
  bytes_per_second: {
    type: 'number',
    default: 100_000,
    min: 0,
    max: 10_000_000_000,
    unit: 'bytes per second',
    about:
      'reading from and writing to disks, together, more than this is activity; what the page cache serves is not seen',
  },
} as const satisfies Options

/** One disk; `id` tells it from another one of the same name. */
export interface Disk {
  readonly name: string
  /** Device number, `259:0`. */
  readonly id: string
  readonly read: number
  readonly written: number
}

export interface DiskSample extends Earlier {
  /** In a container, what the container itself read and wrote; `ino` is that of its root group. */
  readonly of: 'machine' | 'container'
  readonly ino: number
  /** `undefined` in a container whose part nobody counts. */
  readonly disks: readonly Disk[] | undefined
  /** What this agent's process used itself. */
  readonly own?: OwnProcess & { readonly bytes: number }
  /** Asked only where there was much: who used the disks, and which unit of the distribution ran. */
  readonly found?: Omit<Users, 'users'> & { readonly unit?: string }
}

/** A sector of /proc/diskstats, whatever the disk's own (kernel Documentation/admin-guide/iostats.rst). */
const sectorBytes = 512

/** In memory, or repeating the bytes of the disks below them; a path of a multipath NVMe disk repeats those of the disk. */
const noDisk = /^(loop|ram|zram|dm-|md|bcache|drbd|zd)\d|^md_|^nvme\d+c\d+n/

/** The kernel names a partition after its disk and its number, with a `p` between where the disk's name ends in a digit (block/genhd.c, disk_name). */
function isPartition(name: string, names: ReadonlySet<string>): boolean {
  const [, disk = ''] = /^(.*\d)p\d+$/.exec(name) ?? /^(.*\D)\d+$/.exec(name) ?? []
  return names.has(disk)
}

/** Parses /proc/diskstats: whole disks, each byte once. Throws if a line is not understood. */
export function parseDisks(text: string): readonly Disk[] {
  const disks = linesOf(text, '/proc/diskstats')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const columns = line.trim().split(/\s+/)
      const [major, minor, name = ''] = columns
      if (columns.length < 14) throw new Error('/proc/diskstats has a line that is cut off')
      const bytes = (column: number, what: string): number =>
        parseCount(columns[column], `sectors ${what} ${shown(name)}`) * sectorBytes
      return { name, id: `${major}:${minor}`, read: bytes(5, 'read from'), written: bytes(9, 'written to') }
    })
  const names = new Set(disks.map(({ name }) => name))
  return disks.filter(({ name }) => !noDisk.test(name) && !isPartition(name, names))
}

/** Parses io.stat of a control group (cgroup-v2.rst) for these disks. Throws if a number is none, or a line names no device. */
export function parseIoStat(text: string, disks: readonly Disk[]): readonly Disk[] {
  return linesOf(text, 'io.stat').flatMap((line) => {
    if (!/^\d+:\d+( |$)/.test(line)) throw new Error('io.stat has a line that is not understood')
    const [id, ...pairs] = line.trim().split(' ')
    const disk = disks.find((one) => one.id === id)
    const value = (key: string): string | undefined =>
      pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1)
    const [read, written] = [value('rbytes'), value('wbytes')]
    if (disk === undefined || (read === undefined && written === undefined)) return []
    return [{ ...disk, read: parseCount(read, 'rbytes in io.stat'), written: parseCount(written, 'wbytes in io.stat') }]
  })
}

/** What the container itself used: /proc/diskstats is its host's. */
async function ofContainer(
  host: Host,
  { mount, names }: GroupRoot,
  disks: readonly Disk[],
): Promise<Pick<DiskSample, 'of' | 'ino' | 'disks'>> {
  const text = names.includes('io.stat') ? await host.readText(`${mount}/io.stat`) : undefined
  const stat = await host.stat(mount)
  return { of: 'container', ino: stat?.ino ?? 0, disks: text === undefined ? undefined : parseIoStat(text, disks) }
}

async function read(host: Host, signal: AbortSignal): Promise<DiskSample> {
  signal.throwIfAborted()
  const text = await host.readText('/proc/diskstats')
  if (text === undefined) throw new Error('/proc/diskstats is absent')
  if (text === '' && ((await host.list('/sys/block')) ?? []).length > 0)
    throw new Error('/proc/diskstats is empty, although /sys/block shows disks')
  const { bootMs } = host.clocks()
  const disks = parseDisks(text)
  const root = await groupRoot(host)
  const own = await ownBytes(host)
  const whole =
    root?.container === true ? await ofContainer(host, root, disks) : ({ of: 'machine', ino: 0, disks } as const)
  return { bootMs, ...whole, ...(own === undefined ? {} : { own }) }
}

/** What this agent's process added in the interval. */
function ownAdded({ own }: DiskSample, before: DiskSample): number {
  if (own === undefined) return 0
  const earlier = before.own
  if (earlier?.pid === own.pid && earlier.start === own.start) return Math.max(0, own.bytes - earlier.bytes)
  return own.start * msPerTick >= before.bootMs ? own.bytes : 0
}

interface Growth {
  readonly name: string
  readonly read: number
  readonly written: number
}

/** Bytes by disk. One that is new since the earlier sample counts whole, one that vanished not at all. */
function growth(now: DiskSample, before: DiskSample): readonly Growth[] {
  return (now.disks ?? []).map((disk) => {
    const { name, id } = disk
    const same = now.ino === before.ino ? before.disks : undefined
    const old = same?.find((one) => one.name === name && one.id === id)
    const read = grown(disk.read, old?.read ?? 0, `bytes read from ${shown(name)}`)
    return { name, read, written: grown(disk.written, old?.written ?? 0, `bytes written to ${shown(name)}`) }
  })
}

/** Longest hold by what the distribution itself has on the disks, in minutes from the last activity. */
const housekeepingHoldMinutes = 1440

function judge(now: DiskSample, before: DiskSample, { span, limits }: Context<typeof diskOptions>): Reading {
  if (now.of !== before.of) throw new Error('the source of disk traffic changed between machine and container')
  if (now.disks === undefined)
    return { kind: 'absent', reason: "a container: the disks are its host's, and nobody counts its part" }
  if (now.disks.length === 0) {
    if ((before.disks ?? []).length > 0) return { kind: 'unknown', reason: 'no disk is left' }
    return { kind: 'absent', reason: 'no disks' }
  }
  const seconds = secondsOf(span.ms)
  const limit = limits.bytes_per_second
  const grew = growth(now, before)
  const sum = (part: 'read' | 'written'): number => grew.reduce((total, one) => total + one[part], 0)
  const [read, written] = [sum('read'), sum('written')]
  const own = ownAdded(now, before)
  const bytes = Math.max(0, read + written - own)
  const perSecond = bytes / seconds
  const measure = { value: Math.round(perSecond), unit: 'bytes per second', limit }
  const ours = own / seconds > limit / 2 ? `, ${rate(own / seconds)} of it by this agent` : ''
  const flows = `${rate(read / seconds)} read, ${rate(written / seconds)} written${ours}`
  if (perSecond <= limit) return { kind: 'idle', reason: `${flows}; limit ${rate(limit)}`, ...measure }
  const { name } = grew.reduce((a, b) => (b.read + b.written > a.read + a.written ? b : a))
  const reason = `${shown(name)}: ${flows}, limit ${rate(limit)}`
  const { unit, hidden = true, others = 0, most } = now.found ?? {}
  if (unit !== undefined && !hidden && others / seconds <= limit) {
    const weak = { evidence: 'housekeeping', limitMinutes: housekeepingHoldMinutes } as const
    return { kind: 'hold', reason: `${reason}, while ${unit} ran`, ...weak, ...measure }
  }
  // One with less than half of it may stand beside somebody who has ended.
  if (most === undefined || most.bytes < bytes / 2) return { kind: 'active', reason, ...measure }
  return { kind: 'active', reason: `${reason}; most by ${most.name}`, ...measure, by: { pid: most.pid } }
}

/** Asks who it was: the distribution itself, whose processes may have ended, or one of those that live. */
async function excuse(
  host: Host,
  { now, before, span }: Context<typeof diskOptions> & { readonly now: DiskSample; readonly before: DiskSample },
  signal: AbortSignal,
): Promise<DiskSample | undefined> {
  const { diskUsers } = await import('./disk-users.ts')
  const { users, ...found } = await diskUsers(host, before, signal)
  const [unit] = ranBetween(await unitRuns(host, signal), span.now.monoMs - span.ms, span.now.monoMs)
  return { ...now, users, found: unit === undefined ? found : { ...found, unit } }
}

/** Traffic over the whole interval (kernel.md 3), swap included: a machine that pages is at work. */
export const disk: Sensor<DiskSample, typeof diskOptions> = {
  name: 'disk',
  sampleVersion: 1,
  options: diskOptions,
  learns: true,
  read,
  judge,
  excuse,
}
