/** A user's place for a lease: what the file of that name is at the moment. */
import { HostError, messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Clocks } from '../types.ts'
import { type HeldLease, heldLease, MAX_LEASE_BYTES, parseLease, uidOfName } from './lease.ts'

/** What is no lease yet may be one that is just being written. */
const BEING_WRITTEN_MS = 60_000
/** How long a place that was taken back from a stranger is kept for the user whose it is. */
const KEPT_FREE_MS = 600_000

/** What a place holds that the agent took back from a stranger; only its user can write there. */
export const FREE = 'free\n'

export type Slot =
  | { readonly kind: 'held'; readonly lease: HeldLease }
  | {
      readonly kind: 'ignored'
      readonly why: string
      /** Whose file it is; not told of what is no file. */
      readonly uid?: number
      /** Its user may be writing a lease there this very moment. */
      readonly beingWritten: boolean
      /** It is to stay where it is although it is no lease. */
      readonly stays: boolean
    }

/** Looks at one file. Throws HostError where it cannot be read. */
export async function examine(host: Host, path: string, now: Clocks): Promise<Slot> {
  const file = await host.store.readPlain(path, MAX_LEASE_BYTES)
  const ended = { kind: 'ignored', beingWritten: false, stays: false } as const
  if (file === undefined) return { ...ended, why: 'it is no regular file of at most 4 KB' }
  const name = path.slice(path.lastIndexOf('/') + 1)
  const { uid, ctimeMs } = file.stat
  // A stranger's file in somebody's place is nothing that anybody has to wait for.
  const own = uid === uidOfName(name)
  const since = (ms: number): boolean => own && Math.abs(now.wallMs - ctimeMs) < ms
  if (own && file.text === FREE) return { ...ended, why: 'it is kept free', uid, stays: since(KEPT_FREE_MS) }
  try {
    const held = await heldLease(host, parseLease(name, file), now)
    return held === undefined ? { ...ended, why: 'it has ended', uid } : { kind: 'held', lease: held }
  } catch (error) {
    if (error instanceof HostError) throw error
    const beingWritten = since(BEING_WRITTEN_MS)
    return { kind: 'ignored', why: messageOf(error), uid, beingWritten, stays: beingWritten }
  }
}
