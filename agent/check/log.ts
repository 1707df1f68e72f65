/** `agent.log`: what kept a check from its work that cron started, where nobody reads what it prints. */
import { HostError, messageOf, UsageError } from '../errors.ts'
import { appendLine } from '../host/aside.ts'
import type { Host } from '../host/host.ts'
import { iso } from '../words.ts'
import { plain } from './judge.ts'

/** More than logrotate leaves, which therefore comes first. */
const MOST_BYTES = 8 * 1_048_576

/**
 * Appends what was thrown, line by line. One log that has grown too large is kept, in the place of the one before. Throws
 * nothing that the host throws: a log that cannot be written keeps no check from its work.
 */
export async function logFailure(host: Host, path: string, error: unknown): Promise<void> {
  const at = iso(host.clocks().wallMs)
  const text = linesOf(error).map((line) => `${at} ${plain(line)}\n`)
  try {
    await host.store.makeDir(path.slice(0, path.lastIndexOf('/')), 0o750)
    const size = await appendLine(host, { path, mode: 0o600 }, text.join(''))
    if (size > MOST_BYTES) await host.store.rename(path, `${path}.1`)
  } catch (failure) {
    if (!(failure instanceof HostError)) throw failure
  }
}

/** A bug with where it is. */
function linesOf(error: unknown): readonly string[] {
  if (error instanceof UsageError) return error.problems
  if (error instanceof Error && !('exitCode' in error)) return (error.stack ?? error.message).split('\n')
  return [messageOf(error)]
}
