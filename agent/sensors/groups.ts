/** CPU time by control group: the few groups near the root of the cgroup2 tree that the cpu sensor reads. */
import type { Host } from '../host/host.ts'
import { parseCount } from './counts.ts'
import { housekeepingUnit } from './known-agents.ts'

/** One group: path below the mount, inode (a group made anew under the same name has another), CPU time so far in microseconds; marked where an operator counts it to housekeeping. */
export type Group = readonly [path: string, ino: number, usageUs: number, mark?: 'housekeeping']

/** What a cgroup2 tree told. */
export interface Groups {
  /** The root group itself, if it is a container's: there, /proc/stat is the whole machine's. */
  readonly container?: Group
  readonly groups: readonly Group[]
}

/** Most groups in a sample; each costs about 0.1 ms. Housekeeping units come first, the others only serve to name a culprit. */
const mostGroups = 30

/** Files that every group has, told from child groups by their prefix. */
const controlFile = /^(cgroup|cpu|cpuset|io|memory|pids|hugetlb|misc|rdma|irq|dmem)\./

/** Parses `usage_usec` out of cpu.stat; it is there even when the cpu controller is off (kernel.md 1.1). Throws if absent or no number. */
export function parseUsage(text: string): number {
  return parseCount(/^usage_usec (\S*)\n/m.exec(text)?.[1], 'usage_usec in cpu.stat')
}

/**
 * Mount point of the cgroup2 tree in the text of /proc/self/mountinfo, or `undefined` if none is mounted. Its path
 * differs: unified or hybrid. A mount of the tree's root is preferred to one of a part of it, wherever that may be.
 */
export function cgroupMount(mountinfo: string): string | undefined {
  let found: string | undefined
  for (const line of mountinfo.split('\n')) {
    if (!line.includes(' - cgroup2 ')) continue
    const [, , , root, point] = line.split(' ')
    if (point?.startsWith('/') !== true) throw new Error('/proc/self/mountinfo has a line without a mount point')
    const path = point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    if (root === '/') return path
    found ??= path
  }
  return found
}

/** Where the cgroup2 tree begins. */
export interface GroupRoot {
  readonly mount: string
  /** What lies there: control files, and the groups at the top. */
  readonly names: readonly string[]
  /** A container's: /proc/stat and /proc/diskstats are its host's. */
  readonly container: boolean
}

async function findRoot(host: Host): Promise<GroupRoot | undefined> {
  const mount = cgroupMount((await host.readText('/proc/self/mountinfo')) ?? '')
  if (mount === undefined) return undefined
  const names = (await host.list(mount)) ?? []
  // Every group but the real root has cgroup.events (cgroup-v2.rst): a root that has it belongs to a container.
  return { mount, names, container: names.includes('cgroup.events') }
}

/** A root belongs to the Host object it was found through: every look of the loop has a Host object of its own. */
const roots = new WeakMap<Host, Promise<GroupRoot | undefined>>()

/** The root of the cgroup2 tree, looked up once a look; `undefined` if none is mounted. */
export function groupRoot(host: Host): Promise<GroupRoot | undefined> {
  const root = roots.get(host) ?? findRoot(host)
  roots.set(host, root)
  return root
}

/** Reads one group; `undefined` if it is not there. */
export async function readGroup(host: Host, mount: string, path: string): Promise<Group | undefined> {
  const folder = path === '' ? mount : `${mount}/${path}`
  const stat = await host.stat(folder)
  if (stat === undefined) return undefined
  const text = await host.readText(`${folder}/cpu.stat`)
  return text === undefined ? undefined : [path, stat.ino, parseUsage(text)]
}

async function children(host: Host, mount: string, path: string): Promise<readonly string[]> {
  // A controller to come may have files that `controlFile` does not know.
  if ((await host.stat(`${mount}/${path}`))?.kind !== 'directory') return []
  const names = (await host.list(`${mount}/${path}`)) ?? []
  return names.filter((name) => !controlFile.test(name)).map((name) => `${path}/${name}`)
}

/** Paths worth reading: housekeeping units, those that are watched, the groups at the top, and what is in them except for services, of which there are many. */
async function pathsToRead(
  host: Host,
  { mount, watch }: { readonly mount: string; readonly watch: readonly string[] },
  top: readonly string[],
): Promise<readonly string[]> {
  const units: string[] = []
  const below: string[] = []
  for (const path of top) {
    if (path === 'init.scope') continue
    const names = await children(host, mount, path)
    if (path !== 'system.slice') below.push(...names)
    else units.push(...names.filter((name) => housekeepingUnit.test(name.slice('system.slice/'.length))))
  }
  return [...watch, ...[...units, ...top, ...below].slice(0, mostGroups)]
}

/**
 * Reads the groups at depth 1 and 2 and the housekeeping units; never the whole tree. No cgroup2 tree: no groups.
 * Version 1 needs nothing of its own: the whole comes from /proc/stat and the culprit from the processes, and without
 * CPU accounting its slices do not exist. Throws if a cpu.stat is not understood.
 */
export async function readGroups(host: Host, signal: AbortSignal, watch: readonly string[] = []): Promise<Groups> {
  const root = await groupRoot(host)
  if (root === undefined) return { groups: [] }
  const { mount, names } = root
  const top = names.filter((name) => !controlFile.test(name))
  const groups: Group[] = []
  for (const path of await pathsToRead(host, { mount, watch }, top)) {
    signal.throwIfAborted()
    const group = await readGroup(host, mount, path)
    if (group !== undefined) groups.push(group)
  }
  if (!root.container) return { groups }
  const container = await readGroup(host, mount, '')
  return container === undefined ? { groups } : { groups, container }
}

/** CPU time of a group in the interval, in microseconds: all of it if the group is new. Throws if the counter of one identity went down. */
export function groupGrowth(group: Group, before: readonly Group[]): number {
  const [path, ino, usageUs] = group
  const earlier = before.find(([name, inode]) => name === path && inode === ino)
  const base = earlier === undefined ? 0 : earlier[2]
  if (!(usageUs >= base)) throw new Error(`CPU time of the group ${path === '' ? '/' : path} went down`)
  return usageUs - base
}
