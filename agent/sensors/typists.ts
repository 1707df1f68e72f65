/** Whose input it is: users by the terminals they type on and the ssh sessions they open. */
import type { Host } from '../host/host.ts'
import { deviceOf, touched } from './input.ts'
import { type ProcessTable, uidOf } from './processes.ts'
import type { Terminal, TerminalsSample } from './terminals.ts'

/** Real user ids of the leaders of the jobs in front of a terminal; of several terminals with one number (containers) all. */
async function inFront(host: Host, table: ProcessTable, terminal: Terminal): Promise<readonly number[]> {
  const ttyNr = deviceOf(terminal)
  const leaders = new Set<number>()
  for (const one of table.values()) if (one.ttyNr === ttyNr && one.tpgid > 0) leaders.add(one.tpgid)
  const uids: number[] = []
  for (const pid of leaders) {
    const uid = table.has(pid) ? await uidOf(host, pid) : undefined
    if (uid !== undefined) uids.push(uid)
  }
  return uids
}

/** Adds to the terminals that were touched since `before` who is in front of them: after `su` that is not their owner. */
export async function withTypists(
  host: Host,
  table: ProcessTable,
  samples: { readonly now: TerminalsSample; readonly before: TerminalsSample | undefined },
): Promise<TerminalsSample> {
  const { now, before } = samples
  const changed = new Set(touched(now, before))
  const terminals: Terminal[] = []
  for (const one of now.terminals) {
    if (!changed.has(one)) terminals.push(one)
    else terminals.push({ ...one, uids: [...new Set([...(one.uids ?? []), ...(await inFront(host, table, one))])] })
  }
  return { ...now, terminals }
}

/** The user that an ssh session belongs to, or nobody if it is gone. */
export async function userOf(host: Host, pid: number): Promise<{ readonly uid?: number }> {
  const uid = await uidOf(host, pid)
  return uid === undefined ? {} : { uid }
}
