/** Which processes containers begin with: those that an engine's shim has started. */
import type { Process, ProcessTable } from './processes.ts'

/** What stands between an engine and its containers, one for each or for a few: of containerd and docker, and of podman and CRI-O; cut at 15 bytes. */
const shims = /^(containerd-shim|conmon)$/

/** The first process of each container, and what `exec` started in it; costs one pass over the table. */
export function containerProcesses(table: ProcessTable): readonly Process[] {
  const found = new Set<number>()
  for (const { pid, comm } of table.values()) if (shims.test(comm)) found.add(pid)
  if (found.size === 0) return []
  return [...table.values()].filter(({ ppid, state }) => found.has(ppid) && state !== 'Z' && state !== 'X')
}
