/** Does a process fit what an operator has written: by its name, a word of its command line, or its user. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import { matches, mayBegin } from './glob.ts'
import { type Process, whileItLives } from './processes.ts'

/** The kernel cuts names here, in bytes (proc_pid_comm(5)). */
const longestComm = 15

/** Longest command line that is read; any process can make its own as long as it likes. */
const mostBytes = 65_536

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The words of a command line; `undefined` for one that is too long to be read, none once the process is gone. */
async function wordsOf(host: Host, pid: number): Promise<readonly string[] | undefined> {
  try {
    const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cmdline`, mostBytes))
    return text?.split('\0').slice(0, -1) ?? []
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge) return undefined
    throw error
  }
}

/**
 * Does the program's name fit? A name that the kernel has cut is looked up where it stands whole: the executable's, or among
 * the first words of the command line, where a script's is.
 */
export async function nameFits(
  host: Host,
  { pid, comm }: Pick<Process, 'pid' | 'comm'>,
  pattern: string,
): Promise<boolean> {
  if (matches(pattern, comm)) return true
  if (Buffer.byteLength(comm) < longestComm || !mayBegin(pattern, comm)) return false
  const exe = await whileItLives(host, pid, () => host.readLink(`/proc/${pid}/exe`))
  const names = [exe?.replace(/ \(deleted\)$/, '') ?? '', ...((await wordsOf(host, pid)) ?? []).slice(0, 3)]
  return names.some((name) => name !== '' && matches(pattern, baseName(name)))
}

/** Does a word after the first fit, whole or without its folders? In doubt yes. */
export async function carries(host: Host, pid: number, pattern: string): Promise<boolean> {
  const words = await wordsOf(host, pid)
  return (
    words === undefined || words.slice(1).some((word) => matches(pattern, word) || matches(pattern, baseName(word)))
  )
}

const askMs = 2_000

/** Number of a user: as written, else out of /etc/passwd, else from whoever else knows users. Throws where nobody can tell: a directory that is away knows no user. */
export async function userId(host: Host, user: string, signal: AbortSignal): Promise<number> {
  if (/^\d+$/.test(user)) return Number(user)
  const lineOf = (text: string) => text.split('\n').find((line) => line.startsWith(`${user}:`))
  const uidIn = (line: string | undefined) => /^[^:]*:[^:]*:(\d{1,10}):/.exec(line ?? '')?.[1]
  const local = uidIn(lineOf((await host.readText('/etc/passwd')) ?? ''))
  if (local !== undefined) return Number(local)
  const answer = await host.run(['getent', 'passwd', user], { timeoutMs: askMs, signal })
  const uid = answer?.status === 0 ? uidIn(lineOf(answer.stdout)) : undefined
  if (uid === undefined) throw new Error('whose number a configured user has cannot be told')
  return Number(uid)
}
