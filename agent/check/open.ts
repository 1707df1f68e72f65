/** What a check begins with: its folders, the lock, what the check before left, and what was wrong with all that. */
import { recordDeed } from '../audit.ts'
import { HostError, LockedError, messageOf } from '../errors.ts'
import { isInTheWay, moveAside } from '../host/aside.ts'
import { acquireLock, firstToTell, type Lock } from '../lock.ts'
import { loadState, type Stored } from '../state.ts'
import { closeIntent, openIntent } from '../state-intents.ts'
import type { Intent } from '../types.ts'
import { toldFault } from './fault.ts'
import { plain } from './judge.ts'
import { type Look, localIdentity } from './observe.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

const MOST_NAMED = 3
const END_MS = 8_000
/** More than a state takes. */
const PROBE_BYTES = 65_536

/** What the check before left. */
export interface Opened {
  readonly base: Stored | undefined
  readonly intent: Intent | undefined
  readonly notes: readonly string[]
}

/** Makes the folders; only the state's own must be there. Gives back what is wrong with the others. Throws HostError. */
export async function makeFolders({ host, paths }: Parts): Promise<readonly string[]> {
  await host.store.makeDir(paths.stateDir, 0o700)
  const notes: string[] = []
  for (const [path, mode] of [
    [paths.runDir, 0o755],
    [paths.leases, 0o1733],
    [paths.logDir, 0o750],
  ] as const) {
    try {
      await host.store.makeDir(path, mode)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      notes.push(error.message)
    }
  }
  return notes
}

/** Takes the lock; a check that hangs with it is recorded, once. Throws LockedError, HostError. */
export async function takeLock({ host, paths }: Parts): Promise<Lock> {
  try {
    return await acquireLock(host, paths.lockDir)
  } catch (error) {
    if (!(error instanceof LockedError) || error.hanging === undefined) throw error
    if (await firstToTell(host, paths.lockDir, error.hanging))
      await recordDeed(host, paths.audit, { action: 'lock', result: 'failed', detail: error.message })
    throw error
  }
}

/** Reads what the check before left; what is in the place of its files is put aside and told. Throws HostError. */
export async function openState(parts: Parts): Promise<Opened> {
  const { host, paths } = parts
  // First, since what lies among the leases may be what fills the disk that everything below writes to.
  const notes = await sweepLeases(parts)
  const faulty = await toldFault(parts)
  if (faulty) await probe(parts)
  const { stored, problem } = await loadState(host, paths.state)
  if (problem !== undefined) await moveAside(host, paths.state)
  const [intent, inVain] = await askEnd(parts, await openIntent(host, paths.intents))
  // The tag of a fault is in the cloud, and nothing here could remember it.
  const base = stored !== undefined && faulty ? { ...stored, mirror: { failures: 0 } } : stored
  return { base, intent, notes: [...notes, problem, inVain].filter((note) => note !== undefined) }
}

/**
 * The machine runs again in another boot, after a stop that was accepted: did the cloud carry it out? One that was only shut
 * down may have cost on, and that is a failure. Where the cloud does not tell, it was stopped.
 */
async function askEnd(parts: Parts, intent: Intent | undefined): Promise<readonly [Intent | undefined, string?]> {
  const { host, paths } = parts
  const why = await failureOf(parts, intent)
  if (intent === undefined || why === undefined) return [intent]
  const { id } = intent
  await recordDeed(host, paths.audit, { action: 'reconcile', result: 'failed', detail: why, intentId: id })
  await closeIntent(host, paths.intents, { id, result: 'failed' })
  return [undefined, `the last ${intent.method} failed: ${why}`]
}

async function failureOf(parts: Parts, intent: Intent | undefined): Promise<string | undefined> {
  const { host, cloud } = parts
  if (intent?.phase !== 'accepted' || cloud.stopFailure === undefined) return undefined
  if ((await localIdentity(parts, host)).bootId === intent.bootId) return undefined
  try {
    return await within(host, { ms: END_MS, what: 'its end' }, async (signal) => cloud.stopFailure?.(signal))
  } catch {
    return undefined // not told, and not asked again: it counts as stopped
  }
}

/** Removes what is no lease; says what would not go. */
async function sweepLeases({ host, paths }: Parts): Promise<readonly string[]> {
  try {
    if ((await host.store.list(paths.leases)).length === 0) return []
    // Loaded here: most machines have no leases most of the time.
    const { sweep } = await import('../leases/sweep.ts')
    const { failed } = await sweep(host, paths.leases, host.clocks())
    const named = failed.slice(0, MOST_NAMED).map(({ why }) => plain(`among the leases: ${why}`))
    const more = failed.length - named.length
    return more > 0 ? [...named, `among the leases: ${more} more files cannot be removed`] : named
  } catch (error) {
    if (error instanceof HostError) return [error.message]
    throw error
  }
}

/** Can the state folder be written again? Asked before anything is done that only a saved state would remember. Throws HostError. */
async function probe({ host, paths }: Parts): Promise<void> {
  const path = `${paths.stateDir}/probe`
  try {
    await host.store.replace(path, 'x'.repeat(PROBE_BYTES), 0o600)
  } finally {
    await host.store.remove(path)
  }
}

/** Puts aside what is in the place of the resume hook's stamp, so that the next resume leaves one. Throws nothing that the host throws. */
export async function tidyStamp({ host, paths }: Parts, { moment }: Look): Promise<readonly string[]> {
  if (moment.identity.resumeStamp?.includes('unreadable') !== true) return []
  try {
    await host.store.read(paths.resumed)
    return []
  } catch (error) {
    if (!isInTheWay(error)) return [messageOf(error)]
  }
  try {
    await moveAside(host, paths.resumed)
    return [`${paths.resumed} was no file and is put aside`]
  } catch (error) {
    if (error instanceof HostError) return [error.message]
    throw error
  }
}
