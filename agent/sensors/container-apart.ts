/** Containers that are labelled to be left out, for the cpu sensor: loaded only where there are containers. */
import type { Host } from '../host/host.ts'
import { type Known, knownContainers, remembered } from './container-known.ts'
import { msPerTick } from './counts.ts'
import { groupTrees, groupUsage } from './group-trees.ts'
import type { ProcessTable } from './processes.ts'

/** A group whose CPU time is left out: path, inode, CPU time so far in microseconds. */
type ApartGroup = readonly [path: string, ino: number, usageUs: number]

/** What the cpu sensor leaves out, and remembers. */
export interface Apart {
  /** CPU time of the groups since the sample before, in milliseconds. */
  readonly ms: number
  readonly known: readonly Known[]
  readonly groups: readonly ApartGroup[]
}

/** Processes that descend from one of these, themselves included. */
function descendants(table: ProcessTable, roots: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set(roots)
  const children = new Map<number, number[]>()
  for (const { pid, ppid } of table.values()) {
    const siblings = children.get(ppid)
    if (siblings === undefined) children.set(ppid, [pid])
    else siblings.push(pid)
  }
  // A set gives what is added to it while it is walked, too.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
  return found
}

/** CPU time of a group since the sample before, in microseconds: all of one that began since, nothing of one that was there and not known. */
function grownUs(
  [path, ino, us]: ApartGroup,
  began: number,
  before: { readonly bootMs: number; readonly apart?: Apart },
): number {
  const old = before.apart?.groups.find(([name, inode]) => name === path && inode === ino)
  if (old !== undefined) return Math.max(0, us - old[2])
  return began * msPerTick >= before.bootMs ? us : 0
}

/** What containers labelled `ignore` used, and all processes in them. A group that cannot be found is not left out. */
export async function readApart(
  host: Host,
  table: ProcessTable,
  given: {
    readonly before: { readonly bootMs: number; readonly apart?: Apart } | undefined
    readonly signal: AbortSignal
  },
): Promise<{ readonly apart: Apart; readonly pids: ReadonlySet<number> }> {
  const { before, signal } = given
  const { known } = await knownContainers(host, table, { before: before?.apart?.known ?? [], signal })
  const trees = await groupTrees(host)
  const ignored = known.filter(({ wants }) => wants === 'ignore')
  const groups: ApartGroup[] = []
  const roots = new Set<number>()
  let us = 0
  for (const path of new Set(ignored.map((one) => one.path))) {
    const usage = await groupUsage(host, trees, path)
    if (usage === undefined) continue
    const members = ignored.filter((one) => one.path === path)
    for (const { pid } of members) roots.add(pid)
    const group = [path, usage.ino, usage.us] as const
    groups.push(group)
    // The first process of a container is older than what is run in it later.
    const began = Math.min(...members.map(({ start }) => start))
    if (before !== undefined) us += grownUs(group, began, before)
  }
  return {
    apart: { ms: us / 1000, known: remembered(known), groups },
    pids: roots.size === 0 ? roots : descendants(table, roots),
  }
}
