/** Takes the CPU time of extension hosts and file watchers out of the work, where certainly nobody is at their editor. */
import type { Host } from '../host/host.ts'
import { localClients, readServed, type Server } from './clients.ts'
import type { CpuSample } from './cpu-sample.ts'
import { findEditors } from './editor-programs.ts'
import { commandLine, processTable } from './processes.ts'
import { sessionTitle } from './ssh.ts'

/** Is anybody logged in over ssh? An editor's window comes that way too, and over sockets that have no bytes. */
async function anySsh(host: Host, signal: AbortSignal): Promise<boolean> {
  for (const { comm, pid } of (await processTable(host, signal)).values()) {
    if (comm !== 'sshd' && comm !== 'sshd-session') continue
    const cmdline = await commandLine(host, pid)
    if (cmdline !== undefined && sessionTitle(cmdline.text) !== undefined) return true
  }
  return false
}

/** The sample with these processes among the known ones; `undefined` where there are none, or somebody may be at their editor. Throws what reading throws. */
export async function withoutIdleEditors(
  host: Host,
  now: CpuSample,
  signal: AbortSignal,
): Promise<CpuSample | undefined> {
  const { servers, helpers } = await findEditors(host, signal)
  const pids = new Set(helpers.map(({ pid }) => pid))
  const mine = now.processes.filter(([pid]) => pids.has(pid))
  if (mine.length === 0 || servers.some(({ dials }) => dials === true) || (await anySsh(host, signal))) return undefined
  // One that has outlived its server may still be talking to a window: then it has a connection of its own.
  const left = helpers.filter(({ ppid }) => !servers.some(({ pid }) => pid === ppid))
  const orphans = left.map(({ pid, start }): Server => ({ pid, start, name: 'extensions', dials: true }))
  const served = await readServed(host, [...servers, ...orphans], signal)
  if (served.some(({ clients }) => clients > 0)) return undefined
  for (const { pid } of servers) if ((await localClients(host, pid, signal)).length > 0) return undefined
  const known = mine.map(([pid, start, own]) => [pid, start, own] as const)
  return { ...now, known: [...now.known, ...known], processes: now.processes.filter(([pid]) => !pids.has(pid)) }
}
