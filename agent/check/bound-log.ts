/** Keeps the log bounded that cron appends to, on machines where no logrotate does or where it comes too late. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** More than logrotate leaves, which therefore comes first. */
const MOST_BYTES = 8 * 1_048_576

/** Puts a log that has grown too large aside, in the place of the one before. Throws nothing that the host throws: a log keeps no check from its work. */
export async function boundLog({ root, stat, store }: Host, path: string): Promise<void> {
  if (root !== '/') return
  try {
    if (((await stat(path))?.size ?? 0) > MOST_BYTES) await store.rename(path, `${path}.1`)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}
