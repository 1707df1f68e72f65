/** The bytes of one process to and from the disks. */
import type { Host } from '../host/host.ts'
import { parseCount } from './counts.ts'
import { type OwnProcess, ownProcess, whileItLives } from './processes.ts'

/**
 * Bytes that a process caused to be read from and written to disks, out of /proc/PID/io (proc_pid_io(5)): not what came
 * out of the page cache, nor what was deleted before it was written. Throws if it is not understood.
 */
export function parseBytes(text: string): number {
  const field = (name: string): number =>
    parseCount(new RegExp(`^${name}: (\\S*)$`, 'm').exec(text)?.[1], `${name} in /proc/PID/io`)
  return field('read_bytes') + Math.max(0, field('write_bytes') - field('cancelled_write_bytes'))
}

/** The same of a living process; `undefined` once it is gone. Throws a HostError where it may not be looked at. */
export async function bytesOf(host: Host, { pid }: { readonly pid: number }): Promise<number | undefined> {
  const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/io`))
  // The file can be opened and be empty while its process ends.
  return text === undefined || text === '' ? undefined : parseBytes(text)
}

/** This agent's own bytes so far; `undefined` where it runs on another machine than the one it observes, or cannot tell. */
export async function ownBytes(host: Host): Promise<(OwnProcess & { readonly bytes: number }) | undefined> {
  const own = await ownProcess(host)
  const bytes = own === undefined ? undefined : await bytesOf(host, own)
  return own === undefined || bytes === undefined ? undefined : { pid: own.pid, start: own.start, bytes }
}
