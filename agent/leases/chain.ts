/** The ceiling of leases: how long a user's leases, whichever and however many, hold the machine without input of that user. */
import type { Clocks, Instant, LeaseChain, Veto } from '../types.ts'
import { timeInWords } from '../words.ts'

/** Users whose leases are remembered one by one; everybody beyond shares one ceiling. */
const MOST_CHAINS = 1000
/** Holder of what belongs to no user that is remembered. */
export const OTHERS = -1
/** Leases that one check names; the rest is counted. */
const MOST_NAMED = 16

/** What a ceiling is judged by. */
export interface ChainMoment {
  readonly now: Clocks
  /** Time since the check before, in milliseconds. */
  readonly passedMs: number
  readonly ceilingMs: number
  /** When each user was last seen to type. */
  readonly typed: ReadonlyMap<number, Instant>
  /** Something could not be read, so anybody may have typed: this time does not count. */
  readonly inDoubt: boolean
}

/** What the ceiling makes of the vetoes. */
export interface Limited {
  readonly vetoes: readonly Veto[]
  /** To be remembered until the next check of this run of the machine. */
  readonly chains: readonly LeaseChain[]
  /** Users whose leases would hold, and do not. */
  readonly ended: readonly LeaseChain[]
}

/**
 * Applies the ceiling: a chain begins at the first check that sees a lease of the user, goes on with every lease that
 * follows, and begins anew with that user's own input. Time without a lease of theirs does not count, and time without
 * anybody's gives back as much. Vetoes without a holder (root's leases, and all others) pass.
 */
export function limitLeases(vetoes: readonly Veto[], before: readonly LeaseChain[], moment: ChainMoment): Limited {
  const { now, ceilingMs } = moment
  const keys = keysOf(vetoes, before)
  const chains = continueChains(new Set(keys.values()), before, moment)
  const kept: Veto[] = []
  const others: Veto[] = []
  const ended = new Set<LeaseChain>()
  for (const veto of vetoes) {
    const chain = chains.get(keys.get(veto.holder) ?? Number.NaN)
    if (chain === undefined) others.push(veto)
    else if (chain.since + ceilingMs > now.monoMs) kept.push(cut(veto, chain.since + ceilingMs, now))
    else ended.add(chain)
  }
  return { vetoes: [...others, ...fewest(kept)], chains: [...chains.values()], ended: [...ended] }
}

/** Under whose number each holder is remembered: the own, as long as there is room. */
function keysOf(vetoes: readonly Veto[], before: readonly LeaseChain[]): ReadonlyMap<number | undefined, number> {
  const known = new Set(before.map(({ uid }) => uid))
  const holders = new Set(vetoes.flatMap(({ holder }) => (holder === undefined ? [] : [holder])))
  const keys = new Map<number, number>()
  let room = MOST_CHAINS - known.size
  for (const holder of [...holders].sort((a, b) => a - b)) {
    const isKnown = known.has(holder)
    keys.set(holder, isKnown || room > 0 ? holder : OTHERS)
    if (!isKnown) room -= 1
  }
  return keys
}

function continueChains(
  keys: ReadonlySet<number>,
  before: readonly LeaseChain[],
  { now: { monoMs: now }, passedMs, ceilingMs, typed, inDoubt }: ChainMoment,
): ReadonlyMap<number, LeaseChain> {
  const next = new Map<number, LeaseChain>()
  const inForce = before.some(({ uid, since }) => keys.has(uid) && since + ceilingMs > now)
  for (const chain of before) {
    const { uid } = chain
    const since = inDoubt ? Math.min(chain.since + passedMs, now) : chain.since
    const input = typed.get(uid) ?? since
    const paused = since + (inForce ? passedMs : 2 * passedMs)
    // What lies there after its end does not make the next one wait longer.
    if (keys.has(uid))
      next.set(uid, input > since ? { uid, since: input } : { ...chain, since: Math.max(since, now - ceilingMs) })
    // With input since, or as long a pause as it held, there is nothing to remember.
    else if (input <= since && paused < now) next.set(uid, { uid, since: paused })
  }
  for (const uid of keys) if (!next.has(uid)) next.set(uid, { uid, since: now })
  return next
}

function cut(veto: Veto, until: Instant, now: Clocks): Veto {
  if (veto.until !== undefined && veto.until <= until) return veto
  const end = timeInWords(now.wallMs + until - now.monoMs, now.wallMs)
  return { ...veto, reason: `${veto.reason}, at most until ${end}`, until }
}

/** As many as anybody reads; those that hold longest are among them, so that the due time stays what it is. */
function fewest(vetoes: readonly Veto[]): readonly Veto[] {
  if (vetoes.length <= MOST_NAMED) return vetoes
  const lastFirst = [...vetoes].sort((a, b) => (b.until ?? 0) - (a.until ?? 0))
  const rest = lastFirst.length - MOST_NAMED
  const next = lastFirst[MOST_NAMED]
  const more = {
    name: 'lease',
    reason: `${rest} more leases`,
    ...(next?.until === undefined ? {} : { until: next.until }),
  }
  return [...lastFirst.slice(0, MOST_NAMED), more]
}

/** `lease of uid 1001 ended: its ceiling of 24 h without input`. */
export function endedInWords({ uid }: LeaseChain, ceilingMs: number): string {
  const hours = Number((ceilingMs / 3_600_000).toFixed(2))
  const whose = uid === OTHERS ? 'leases of others' : `lease of uid ${uid}`
  return `${whose} ended: ${uid === OTHERS ? 'their' : 'its'} ceiling of ${hours} h without input`
}
