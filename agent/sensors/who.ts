/** Who a culprit is: user, and session, unit or container. Loaded, and read, only where a reading says active. */
import type { Host } from '../host/host.ts'
import type { Culprit } from '../types/culprit.ts'
import { groupPath, ownerOf, placeOf } from './place.ts'
import { type Process, processTable, uidOf, whileItLives } from './processes.ts'

/** Somebody, to be said and to be known again. */
export interface Who {
  /** The same as long as it is the same process, or the same group. */
  readonly key: string
  /** "uid 1000, session 12"; empty where nothing is known. */
  readonly words: string
}

/** The oldest process on a terminal: what was started there, and not what it runs now. */
async function onTerminal(host: Host, tty: number, signal: AbortSignal): Promise<Process | undefined> {
  let oldest: Process | undefined
  for (const one of (await processTable(host, signal)).values())
    if (one.ttyNr === tty && one.start <= (oldest?.start ?? one.start)) oldest = one
  return oldest
}

async function processOf(host: Host, { pid, tty }: Culprit, signal: AbortSignal): Promise<Process | undefined> {
  if (pid !== undefined) return (await processTable(host, signal)).get(pid)
  return tty === undefined ? undefined : onTerminal(host, tty, signal)
}

/** Looks the culprit up; one that is gone is told as far as is known without it. Throws what the host throws. */
export async function who(host: Host, by: Culprit, signal: AbortSignal): Promise<Who> {
  const process = await processOf(host, by, signal)
  const { pid } = process ?? {}
  const text = pid === undefined ? '' : await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cgroup`))
  const path = groupPath(text ?? '') ?? by.group ?? ''
  // Of a terminal, whose it is: after `su` the oldest process is still theirs.
  const found = pid === undefined || (by.tty !== undefined && by.uid !== undefined) ? undefined : await uidOf(host, pid)
  const uid = found ?? by.uid ?? ownerOf(path)
  const words = [uid === undefined ? undefined : `uid ${uid}`, placeOf(path)].filter((one) => one !== undefined)
  const key = process === undefined ? `${uid ?? ''} ${path}` : `${process.pid}:${process.start}`
  return { key, words: words.join(', ') }
}
