/** What is known of one kernel or R session at a check, and of its use up to then. */
import type { Instant } from '../types.ts'
import type { Told } from './notebook-ask.ts'

/** A kernel of Jupyter, or a session of RStudio: what somebody may be sitting at. */
export interface Seat {
  readonly pid: number
  readonly start: number
  readonly uid: number
  readonly kind: 'kernel' | 'rsession'
  readonly busy: boolean
  /** As its server tells; `undefined` where it cannot be asked. */
  readonly told?: Told
  /** Context switches of its main thread so far. */
  readonly switches: number
  /** When it was seen busy first, of the time that lasts. */
  readonly busySince?: Instant
  /** When it was used last, as far as that was seen, and since when without a pause of an hour. */
  readonly used?: Instant
  readonly usedSince?: Instant
  /** Since when it is not busy, and yet used at every check. */
  readonly steadySince?: Instant
  /** It wakes, though nothing was told of it: an asynchronous cell may go on behind a server's back. */
  readonly wakes?: true
}

export interface NotebooksSample {
  readonly at: Instant
  readonly seats: readonly Seat[]
}

/** What was read of a seat now. */
export type Seen = Omit<Seat, 'busySince' | 'used' | 'usedSince' | 'steadySince' | 'wakes'>

/** A pause that ends a time of use; a shorter one does not, or whoever pauses for a moment begins their hours anew. */
const pauseMs = 3_600_000

/**
 * An idle ipykernel's main thread does not wake at all in 20 s. Connecting a browser wakes it 8 to 12 times, the
 * smallest cell 22 times or more (ipykernel 6.17 on notebook 6.4, measured).
 */
const fewestSwitches = 16

/** Clocks of this check, and when the earlier sample was taken. */
interface Moment {
  readonly at: Instant
  readonly wallMs: number
  readonly before: Instant
}

/** The server's wall time of its last activity as an instant after the earlier sample: a user's program tells it. */
function toldAt({ lastMs }: Told, { at, wallMs, before }: Moment): Instant {
  return Math.min(at, Math.max(before + 1, at - (wallMs - lastMs)))
}

/** When it was used last in this interval; `undefined` where it was not. */
function usedNow(now: Seen, old: Seat | undefined, moment: Moment): Instant | undefined {
  if (now.busy) return moment.at
  if (old === undefined) return undefined
  const { told } = now
  // Any other time than before: after a step of the wall clock the later one may be the smaller.
  if (told !== undefined && old.told !== undefined && told.lastMs !== old.told.lastMs) return toldAt(told, moment)
  if (old.busy) return moment.at
  const asked = told !== undefined && old.told !== undefined
  return now.kind === 'kernel' && !asked && now.switches - old.switches >= fewestSwitches ? moment.at : undefined
}

/** A seat with the story of its use carried on; `moment.before` of a first sample is `moment.at`. */
export function withUse(now: Seen, old: Seat | undefined, moment: Moment): Seat {
  const used = usedNow(now, old, moment)
  if (used === undefined) {
    const wakes = old !== undefined && now.switches !== old.switches ? { wakes: true as const } : {}
    if (old?.used === undefined || old.usedSince === undefined) return { ...now, ...wakes }
    return { ...now, ...wakes, used: old.used, usedSince: old.usedSince }
  }
  const goesOn = old?.used !== undefined && (old.busy || used - old.used < pauseMs)
  const usedSince = goesOn ? (old.usedSince ?? used) : used
  const began = now.told === undefined ? moment.at : toldAt(now.told, moment)
  const state = now.busy ? { busySince: old?.busySince ?? began } : { steadySince: old?.steadySince ?? used }
  return { ...now, used, usedSince, ...state }
}
