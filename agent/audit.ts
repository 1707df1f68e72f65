/** What the agent did and what it was refused: one JSON object a line, fsynced. */
import { HostError } from './errors.ts'
import { appendLine, isInTheWay, moveAside } from './host/aside.ts'
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

/** Whenever the log has grown by so many bytes it is made smaller, to half of that. */
const STEP = 1_048_576
/** Of one deed; what a cloud or a disk says may be of any length. */
const LONGEST_DETAIL = 1000

/**
 * Appends a deed to the audit log. A log that cannot be written must not keep a machine running, nor lose the state that is
 * saved after it: the deed then comes back with the reason, and the check says it.
 */
export async function recordDeed(host: Host, path: string, deed: Deed): Promise<Deed> {
  const at = new Date(host.clocks().wallMs).toISOString()
  const line = `${JSON.stringify({ at, ...deed, detail: deed.detail.slice(0, LONGEST_DETAIL) })}\n`
  try {
    const size = await appendLine(host, { path, mode: 0o600 }, line)
    if (Math.floor(size / STEP) > Math.floor((size - Buffer.byteLength(line)) / STEP)) await shrink(host, path)
    return deed
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return { ...deed, unrecorded: error.message }
  }
}

/** One that is larger than can be read is put aside whole. Throws HostError. */
async function shrink(host: Host, path: string): Promise<void> {
  const { compact } = await import('./audit/compact.ts')
  try {
    const text = (await host.store.read(path)) ?? ''
    const made = compact(text, { nowMs: host.clocks().wallMs, maxBytes: STEP / 2 })
    await host.store.replace(path, made, 0o600)
  } catch (error) {
    if (!isInTheWay(error)) throw error
    await moveAside(host, path)
  }
}
