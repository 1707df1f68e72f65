/** What the agent did and what it was refused: one JSON object a line, fsynced. */
import { HostError } from './errors.ts'
import { appendLine } from './host/aside.ts'
import type { Host } from './host/host.ts'

/** One deed; the form of `actions` in `check --json`, plus when and for which intent. */
export interface Deed {
  readonly action: string
  readonly result: 'done' | 'dry-run' | 'refused' | 'failed'
  readonly detail: string
  readonly intentId?: string
  /** Of a refusal: the cloud's code for it, or our own. */
  readonly code?: string
  /** Why the audit log does not have it. */
  readonly unrecorded?: string
}

/**
 * Appends a deed to the audit log. A log that cannot be written must not keep a machine running, nor lose the state that is
 * saved after it: the deed then comes back with the reason, and the check says it.
 */
export async function recordDeed(host: Host, path: string, deed: Deed): Promise<Deed> {
  const at = new Date(host.clocks().wallMs).toISOString()
  try {
    await appendLine(host, { path, mode: 0o600 }, `${JSON.stringify({ at, ...deed })}\n`)
    return deed
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return { ...deed, unrecorded: error.message }
  }
}
