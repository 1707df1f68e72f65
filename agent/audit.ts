/** What the agent did and what it was refused: one JSON object a line, fsynced. */
import type { Host } from './host/host.ts'

/** One deed; the form of `actions` in `check --json`, plus when and for which intent. */
export interface Deed {
  readonly action: string
  readonly result: 'done' | 'dry-run' | 'refused' | 'failed'
  readonly detail: string
  readonly intentId?: string
}

/** Appends a deed to the audit log. Throws HostError. */
export async function recordDeed(host: Host, path: string, deed: Deed): Promise<void> {
  const at = new Date(host.clocks().wallMs).toISOString()
  await host.store.append(path, `${JSON.stringify({ at, ...deed })}\n`, 0o600)
}
