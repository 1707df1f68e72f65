/** Waits for the moment at which this machine's tags are to be written, where that comes before the next check; cron starts all machines at once. */
import type { Deed } from '../audit.ts'
import { parted } from '../clouds/reach.ts'
import type { Lock } from '../lock.ts'
import { loadState, saveState } from '../state.ts'
import type { Instant } from '../types.ts'
import { iso } from '../words.ts'
import type { Episode } from './episode.ts'
import type { Parts } from './parts.ts'
import { syncTags } from './tag-sync.ts'

/** The write must be over when the next check begins, or that one would find the lock taken and be lost. */
const OF_INTERVAL = 7 / 8
const LEFT_MS = 12_000

/**
 * Everything else is done and saved, of a check that began at `since`. Waits `ms` milliseconds, the part of an interval that
 * this is, and writes; not where the rest of the interval is too short for it. Throws HostError.
 */
export async function writeInTurn(
  parts: Parts,
  lock: Lock,
  asked: { readonly done: Episode; readonly ms: number; readonly since: Instant },
): Promise<readonly Deed[]> {
  const { host, paths } = parts
  const began = host.clocks()
  const left = parts.policy.checkIntervalMs - LEFT_MS - (began.monoMs - asked.since)
  const waitMs = Math.min(Math.round(asked.ms * OF_INTERVAL), left)
  if (waitMs <= 0) return []
  await lock.markWaiting(iso(began.wallMs + waitMs))
  await host.sleep(waitMs)
  const now = host.clocks()
  // Woken in another run of the machine: the next check knows what is to be shown.
  if (parted(began, now)) return []
  const { stored } = await loadState(host, paths.state)
  if (stored === undefined) return []
  const { identity, cloudInitRunning } = asked.done.look.moment
  const due = { ...stored.mirror, notBeforeBootMs: now.bootMs }
  const synced = await syncTags(parts, due, {
    tags: stored.state.tags,
    look: { moment: { clocks: now, identity, cloudInitRunning }, sampledAt: now },
    urgent: false,
    base: stored,
  })
  await saveState(host, paths.state, { ...stored, mirror: synced.mirror })
  return synced.deed === undefined ? [] : [synced.deed]
}
