/** Which sockets a process has open, by their inodes. */
import type { Host } from '../host/host.ts'
import { breathe, whileItLives } from './processes.ts'

/** A process has its ports and its first clients among its first descriptors; anybody can have a million open. */
const mostDescriptors = 4096

/** Inodes of a process's sockets in the order of its descriptors, of the first where it has very many; none once it is gone. Throws where the host refuses. */
export async function socketsOf(host: Host, pid: number, signal: AbortSignal): Promise<ReadonlySet<number>> {
  const folder = `/proc/${pid}`
  const read = <T>(one: () => Promise<T>): Promise<T | undefined> => whileItLives(host, pid, one)
  // Size of its table (proc_pid_status(5)): whoever lists a million names is held up by it.
  const size = Number(/^FDSize:\t(\d+)$/m.exec((await read(() => host.readText(`${folder}/status`))) ?? '')?.[1])
  const many = size > mostDescriptors
  const found = many ? Array(mostDescriptors).keys() : ((await read(() => host.list(`${folder}/fd`))) ?? [])
  const names = Array.from(found, Number).sort((a, b) => a - b)
  const inodes = new Set<number>()
  for (const [step, name] of names.entries()) {
    await breathe(host, step, signal)
    const link = await read(() => host.readLink(`${folder}/fd/${name}`))
    const ino = /^socket:\[(\d{1,15})\]$/.exec(link ?? '')?.[1]
    if (ino !== undefined) inodes.add(Number(ino))
  }
  return inodes
}
