/** Terminals that only show another one: of a client of tmux or screen, and around `script` and a `sudo` with a terminal of its own. */
import type { Host } from '../host/host.ts'
import { multiplexerClients, relays } from './known-programs.ts'
import { type Process, type ProcessTable, processTable } from './processes.ts'
import { behindDescriptor, terminalId } from './terminals.ts'

/** Their ids, as `terminalId` gives them. Throws what the sensors throw. */
export async function readMirrors(host: Host, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const table = await processTable(host, signal)
  const ids = new Set<string>()
  for (const process of table.values()) {
    if (process.ttyNr === 0 || process.pgrp !== process.tpgid || !mirrors(process, table)) continue
    signal.throwIfAborted()
    // By its descriptor: in containers there are others with the same number.
    const stat = await behindDescriptor(host, process)
    if (stat !== undefined) ids.add(terminalId(stat))
  }
  return ids
}

function mirrors({ pid, comm, ttyNr }: Process, table: ProcessTable): boolean {
  if (multiplexerClients.has(comm)) return true
  if (!relays.has(comm)) return false
  for (const other of table.values()) if (other.ppid === pid && other.ttyNr !== 0 && other.ttyNr !== ttyNr) return true
  return false
}
