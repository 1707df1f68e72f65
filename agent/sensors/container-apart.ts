/** Containers that are labelled to be left out, for the cpu sensor: loaded only where there are containers. */
import type { Host } from '../host/host.ts'
import type { Apart, ApartGroup } from './apart.ts'
import { type Known, knownContainers } from './container-known.ts'
import { groupTrees, groupUsage } from './group-trees.ts'
import type { ProcessTable } from './processes.ts'

/** Processes that descend from one of these, themselves included. */
function descendants(table: ProcessTable, roots: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set(roots)
  const children = new Map<number, number[]>()
  for (const { pid, ppid } of table.values()) children.set(ppid, [...(children.get(ppid) ?? []), pid])
  // A set gives what is added to it while it is walked, too.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
  return found
}

/** The groups of containers labelled `ignore`, and all processes in them. A group that cannot be read is not left out. */
export async function readApart(
  host: Host,
  table: ProcessTable,
  given: { readonly before: readonly Known[]; readonly signal: AbortSignal },
): Promise<Apart & { readonly pids: ReadonlySet<number> }> {
  const { known } = await knownContainers(host, table, given)
  const trees = await groupTrees(host)
  const groups = new Map<string, ApartGroup>()
  const roots = new Set<number>()
  for (const { pid, start, path, wants } of known) {
    if (wants !== 'ignore') continue
    const usage = groups.has(path) ? undefined : await groupUsage(host, trees, path)
    if (usage !== undefined) groups.set(path, [path, usage.ino, usage.us, start])
    const group = groups.get(path)
    if (group === undefined) continue
    roots.add(pid)
    // The first process of a container is older than what is run in it later.
    groups.set(path, [path, group[1], group[2], Math.min(start, group[3])])
  }
  return { known, groups: [...groups.values()], pids: roots.size === 0 ? roots : descendants(table, roots) }
}
