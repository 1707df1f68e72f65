/** The history on disk: what stood for how long and why, a line a segment, older ones by the hour. Actions are in the audit log. */
import { HostError } from './errors.ts'
import { type History, lineOf, parseHistory } from './history/lines.ts'
import { appendLine, isInTheWay, moveAside } from './host/aside.ts'
import type { Host } from './host/host.ts'
import type { Segment } from './types/cause.ts'

/** Above this size it is rolled up, to at most half of that: with the file that takes its place, 3 MiB for a moment. */
export const MOST_BYTES = 2_097_152

/** A deed that comes back where the history cannot be written; the form of audit.ts. */
interface Unwritten {
  readonly action: 'history'
  readonly result: 'failed'
  readonly detail: string
  readonly unrecorded: string
}

/** Appends a segment that is closed, and rolls the file up where it has grown. What cannot be written keeps no check from its work. */
export async function keepSegment(host: Host, path: string, segment: Segment): Promise<readonly Unwritten[]> {
  try {
    const size = await appendLine(host, { path, mode: 0o600 }, lineOf(segment))
    if (size > MOST_BYTES) await rollUp(host, path)
    return []
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return [{ action: 'history', result: 'failed', detail: error.message, unrecorded: error.message }]
  }
}

/** One that is larger than can be read is put aside whole. Throws HostError. */
async function rollUp(host: Host, path: string): Promise<void> {
  const { compact } = await import('./history/compact.ts')
  try {
    const { hours, segments } = parseHistory((await host.store.read(path)) ?? '')
    await host.store.replace(path, compact({ hours, segments }, MOST_BYTES / 2), 0o600)
  } catch (error) {
    if (!isInTheWay(error)) throw error
    await moveAside(host, path)
  }
}

/** Reads the history; something else in its place counts as none. Throws HostError. */
export async function loadHistory(host: Host, path: string): Promise<History> {
  try {
    return parseHistory((await host.store.read(path)) ?? '')
  } catch (error) {
    if (isInTheWay(error)) return { hours: [], segments: [], skipped: 0 }
    throw error
  }
}
