/** Waits for the moment at which this machine's tags are to be written, where that comes before the next check; cron starts all machines at once. */
import type { Deed } from '../audit.ts'
import { parted } from '../clouds/reach.ts'
import { LockedError } from '../errors.ts'
import type { Lock } from '../lock.ts'
import { loadState, saveState, type TagMirror } from '../state.ts'
import type { Instant } from '../types.ts'
import { toldFault } from './fault.ts'
import type { Look } from './observe.ts'
import { takeLock } from './open.ts'
import type { Parts } from './parts.ts'
import { settled } from './save.ts'
import { syncTags } from './tag-sync.ts'

/** The write must be over when the next check begins, or that one would find the lock taken and be lost. */
const LEFT_MS = 15_000

/** A machine that waits for its turn. */
export interface Turn {
  /** Milliseconds to wait. */
  readonly ms: number
  /** When the check began. */
  readonly since: Instant
  /** The look whose samples it stored. */
  readonly look: Pick<Look, 'moment' | 'sampledAt'>
  /** As it was stored with them. */
  readonly mirror: Pick<TagMirror, 'notBeforeBootMs'>
}

/**
 * After a check, and without the lock, which another one may want meanwhile. Waits, and writes; not where the rest of the interval
 * is too short for it. Throws HostError.
 */
export async function writeInTurn(parts: Parts, turn: Turn): Promise<readonly Deed[]> {
  const { host, policy } = parts
  const began = host.clocks()
  const waitMs = Math.min(turn.ms, policy.checkIntervalMs - LEFT_MS - (began.monoMs - turn.since))
  if (waitMs <= 0) return []
  await host.sleep(waitMs)
  // Woken in another run of the machine: the next check knows what is to be shown.
  if (parted(began, host.clocks())) return []
  // Uninstalled meanwhile, or the tags tell a fault now.
  if ((await loadState(host, parts.paths.state)).stored === undefined || (await toldFault(parts))) return []
  const lock = await lockIfFree(parts)
  if (lock === undefined) return []
  try {
    return await write(parts, turn)
  } finally {
    await lock.release()
  }
}

/** A check that holds it shows what it finds itself. */
async function lockIfFree(parts: Parts): Promise<Lock | undefined> {
  try {
    return await takeLock(parts)
  } catch (error) {
    if (error instanceof LockedError) return undefined
    throw error
  }
}

async function write(parts: Parts, { look, mirror }: Turn): Promise<readonly Deed[]> {
  const { host, paths } = parts
  const { stored } = await loadState(host, paths.state)
  // Another check may have written in the meantime, or was told to wait longer.
  if (stored === undefined || stored.mirror.notBeforeBootMs !== mirror.notBeforeBootMs) return []
  const now = host.clocks()
  const due = { ...stored.mirror, notBeforeBootMs: now.bootMs }
  const synced = await syncTags(parts, due, {
    state: stored.state,
    look: { moment: { ...look.moment, clocks: now }, sampledAt: now },
    urgent: false,
    base: stored,
  })
  // What was used to write is our own, and no part of what another check has sampled since.
  const ours = stored.sampledAt.monoMs === look.sampledAt.monoMs
  const samples = ours ? settled(parts, stored.samples, { cpuMs: host.self.cpuMs(), warned: [] }) : stored.samples
  await saveState(host, paths.state, { ...stored, samples, mirror: synced.mirror })
  return synced.deed === undefined ? [] : [synced.deed]
}
