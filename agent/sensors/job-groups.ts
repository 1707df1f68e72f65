/** Who belongs together: process groups in the foreground of terminals, and sessions over ssh that have no terminal. */
import type { Process, ProcessTable } from './processes.ts'

/** Living processes that are one job, or none. */
export interface JobGroup {
  /** Device of their terminal; 0 without one. */
  readonly ttyNr: number
  /** The leader first, then in the order of their start. */
  readonly members: readonly Process[]
}

/** Fills groups by the leader's pid. */
function filled(
  table: ProcessTable,
  ttys: ReadonlyMap<number, number>,
  leaderOf: (process: Process) => number,
): readonly JobGroup[] {
  const groups = new Map([...ttys].map(([leader, ttyNr]) => [leader, { ttyNr, members: [] as Process[] }]))
  for (const process of table.values()) {
    if (process.state === 'Z' || process.state === 'X') continue
    groups.get(leaderOf(process))?.members.push(process)
  }
  for (const [leader, { members }] of groups) {
    members.sort((a, b) => Number(b.pid === leader) - Number(a.pid === leader) || a.start - b.start || a.pid - b.pid)
  }
  return [...groups.values()]
}

/** Process groups in the foreground of terminals. */
export function foregroundGroups(table: ProcessTable): readonly JobGroup[] {
  const ttys = new Map<number, number>()
  for (const { ttyNr, tpgid } of table.values()) if (ttyNr !== 0 && tpgid > 0) ttys.set(tpgid, ttyNr)
  return filled(table, ttys, ({ pgrp }) => pgrp)
}

/** Sessions of `ssh box ./job`, which has no terminal: those of the children of the processes that serve connections (each is made a session's leader, OpenSSH session.c). */
export function groupsOverSsh(
  table: ProcessTable,
  connections: readonly { readonly pid: number }[],
): readonly JobGroup[] {
  const serving = new Set(connections.map(({ pid }) => pid))
  const ttys = new Map<number, number>()
  for (const { pid, ppid, session, ttyNr } of table.values())
    if (ttyNr === 0 && session === pid && serving.has(ppid)) ttys.set(pid, ttyNr)
  return filled(table, ttys, ({ session }) => session)
}
