// What a command asked of the kernel, counted in the log of strace.
import { readFileSync } from 'node:fs'
import type { Command, Measurer, Run } from './processes.ts'

export interface SystemCalls {
  /** Of all threads and children. */
  readonly calls: number
  readonly filesOpened: number
  /** What `read` and its relatives returned, from files and sockets; not what was mapped. */
  readonly bytesRead: number
  /** What `write` and its relatives took, to files, sockets and standard output. */
  readonly bytesWritten: number
  /** What of it went to files, standard output left out. */
  readonly bytesStored: number
}

const opening = new Set(['open', 'openat', 'openat2'])
const reading = new Set(['read', 'pread64', 'readv', 'preadv', 'preadv2', 'recvfrom', 'recvmsg'])
const writing = new Set(['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'sendto', 'sendmsg'])

/** First argument of a call that `strace -y` shows as a file which is not standard input, output or error. */
const toFile = /\((?:[3-9]|\d\d+)<\//

/** Counts in what `strace -f -y -o` wrote. A call that was interrupted by another thread's stands in two lines there. */
export function countCalls(log: string): SystemCalls {
  let [calls, filesOpened, bytesRead, bytesWritten, bytesStored] = [0, 0, 0, 0, 0]
  /** By thread: whether the call that it is in began with a file. */
  const atFile = new Map<string, boolean>()
  for (const line of log.split('\n')) {
    const [, thread = '', begun, resumed] = /^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)/.exec(line) ?? []
    const name = begun ?? resumed
    if (name === undefined) continue
    if (begun !== undefined) {
      calls += 1
      atFile.set(thread, toFile.test(line))
    }
    const result = Number(/ = (-?\d+)(?:<.*>)?[^=]*$/.exec(line)?.[1] ?? -1)
    if (opening.has(name) && result >= 0) filesOpened += 1
    if (reading.has(name) && result > 0) bytesRead += result
    if (!writing.has(name) || result <= 0) continue
    bytesWritten += result
    if (atFile.get(thread) === true) bytesStored += result
  }
  return { calls, filesOpened, bytesRead, bytesWritten, bytesStored }
}

/** Runs the command once more under strace; `undefined` where that is not allowed here. */
export async function traceCalls(
  measurer: Measurer,
  command: Command,
  logPath: string,
): Promise<{ readonly run: Run; readonly calls: SystemCalls } | undefined> {
  const argv = ['/usr/bin/strace', '-f', '-y', '-qq', '-s', '0', '-o', logPath, '--', ...command.argv] as const
  const run = await measurer.run({ ...command, argv })
  if (/^strace: .*(ptrace|not permitted)/im.test(run.stderr)) return undefined
  return { run, calls: countCalls(readFileSync(logPath, 'utf8')) }
}
