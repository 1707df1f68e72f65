/** Keeps the folder of the leases tidy: what is no lease, or has ended, goes, and each place comes back to the user whose it is. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Clocks } from '../types.ts'
import { uidOfName } from './lease.ts'
import { examine, FREE } from './slot.ts'

/** Entries of either kind removed in one check: as many as there can be where the folder is a file system of its own. */
const MAX_ENTRIES = 10_000
/** Places that one check gives back. */
const MAX_GIVEN = 200

export interface Swept {
  readonly removed: readonly string[]
  /** What would not go, and why. */
  readonly failed: readonly { readonly name: string; readonly why: string }[]
}

/** Removes what is no lease or has ended, at most 10,000 entries of either kind; called by the acting check only. */
export async function sweep(host: Host, dir: string, now: Clocks): Promise<Swept> {
  const removed: string[] = []
  const failed: { name: string; why: string }[] = []
  let given = 0
  const entries = await host.store.list(dir)
  const strange = entries.filter((name) => uidOfName(name) === undefined)
  const named = entries.filter((name) => uidOfName(name) !== undefined)
  for (const name of [...strange.slice(0, MAX_ENTRIES), ...named.slice(0, MAX_ENTRIES)]) {
    const path = `${dir}/${name}`
    try {
      // Looked at right before, since its owner may have put a new lease in its place.
      const slot = await examine(host, path, now)
      if (slot.kind === 'held' || slot.stays) continue
      // A folder that stayed would take its owner's place, or another's, for good.
      await host.store.remove(path, { whole: true })
      removed.push(name)
      const uid = uidOfName(name)
      // Who took another's place would take it again: it is free for the one only.
      if (uid !== undefined && uid !== slot.uid && given++ < MAX_GIVEN) await host.store.give(path, uid, FREE)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      failed.push({ name, why: error.message })
    }
  }
  return { removed, failed }
}
