/** Which processes are kernels of Jupyter: told by the connection file in their command line. */
import type { Host } from '../host/host.ts'
import { breathe, commandLine, type Process, type ProcessTable } from './processes.ts'

/** What jupyter_client names that file; any kernel, in whichever language, is given it. VS Code writes `kernel-v2-…` for its own. */
const connectionFile = /kernel-([\w-]{1,100})\.json/

/** The command lines of these are read, and of what a server has started, whatever its name. */
const mayBeKernel = /^(python|pypy|julia|R$)/
const mayBeServer = /^(python|jupyter)/

/** A longer command line is no kernel's: anybody can have ten thousand processes with a megabyte each. */
const longest = 65_536

/** What a kernel's command line tells: its id, and the words; `undefined` of any other process. */
export async function kernelOf(
  host: Host,
  table: ProcessTable,
  { pid, ppid, comm }: Process,
): Promise<{ readonly id: string; readonly words: readonly string[] } | undefined> {
  if (!mayBeKernel.test(comm) && !mayBeServer.test(table.get(ppid)?.comm ?? '')) return undefined
  const text = (await commandLine(host, pid, longest))?.text ?? ''
  const id = connectionFile.exec(text)?.[1]
  return id === undefined ? undefined : { id, words: text.split('\0') }
}

/** Is there a kernel, or a session of RStudio? */
export async function hasSeat(host: Host, table: ProcessTable, signal: AbortSignal): Promise<boolean> {
  for (const [step, process] of [...table.values()].entries()) {
    await breathe(host, step, signal)
    if (process.comm === 'rsession' || (await kernelOf(host, table, process)) !== undefined) return true
  }
  return false
}
