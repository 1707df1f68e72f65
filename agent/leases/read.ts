/** All leases of the machine, as the agent sees them; every check reads them. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Clocks } from '../types.ts'
import { type HeldLease, namesOf, uidOfName } from './lease.ts'
import { examine } from './slot.ts'

/** Entries with another name that one check tells. */
const MAX_STRANGE = 200
/** Files with a lease's name looked at in one check, which takes 0.3 s; each user has 16 that can count, junk has no limit. */
export const MAX_EXAMINED = 10_000

/** What the folder holds. */
export interface LeaseReport {
  readonly held: readonly HeldLease[]
  /** Files that could not be read, or not all, since there are too many: leases may be among them. */
  readonly unread: number
  /** Files that count for nothing, and why. */
  readonly ignored: readonly { readonly name: string; readonly why: string }[]
}

/** What `read` gives, or `undefined` where the host refuses: a folder that is a mount of its owner's (FUSE) does, even to root. */
async function unlessRefused<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** All leases that hold, for the agent as root; of more than 10,000 files root's own are read first. Throws HostError where the folder cannot be listed. */
export async function readLeases(host: Host, dir: string, now: Clocks): Promise<LeaseReport> {
  const held: HeldLease[] = []
  const ignored: { name: string; why: string }[] = []
  const entries = await host.store.list(dir)
  const named = entries.filter((name) => uidOfName(name) !== undefined)
  // Whoever fills the folder must not push aside what root asked for.
  const names = named.length > MAX_EXAMINED ? [...new Set([...namesOf(0), ...named])] : named
  let unread = Math.max(0, names.length - MAX_EXAMINED)
  for (const name of names.slice(0, MAX_EXAMINED)) {
    const slot = await unlessRefused(() => examine(host, `${dir}/${name}`, now))
    if (slot === undefined) unread += 1
    else if (slot.kind === 'held') held.push(slot.lease)
    else ignored.push({ name, why: slot.why })
  }
  const strange = entries.filter((name) => uidOfName(name) === undefined).slice(0, MAX_STRANGE)
  return {
    held,
    unread,
    ignored: [...ignored, ...strange.map((name) => ({ name, why: 'its name is not of a lease' }))],
  }
}
