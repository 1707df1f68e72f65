// Plays a policy over a series, and counts what became of it. A machine that was stopped is started when it is needed again.
import { FALSE_MINUTES, RESUME_MINUTES, SLOT_MINUTES, SWITCH_MINUTES } from './constants.ts'
import type { Contender } from './policy.ts'
import type { Series } from './series.ts'
import type { Truth } from './truth.ts'

export interface Score {
  readonly weeks: number
  readonly stops: number
  /** Stops after which something was active within 30, 10, 120 min. */
  readonly falseStops: readonly number[]
  /** Stops amid activity. */
  readonly hardStops: number
  /** Minutes of activity for which the machine was off or just starting. */
  readonly interrupted: number
  /** Minutes on while nothing needed it; the same had it never been stopped. */
  readonly idleOn: number
  readonly idleAlways: number
  /** Minutes on for nothing, and stops counted as minutes, of one who knows the future: for each of SWITCH_MINUTES. */
  readonly best: readonly { readonly cost: number; readonly idleOn: number }[]
}

/** Lengths in minutes of the times in which nothing needed the machine; a time without samples ends one. */
function gaps(series: Series, truth: Truth): readonly number[] {
  const found: number[] = []
  let gap = 0
  for (let slot = 0; slot <= truth.length; slot += 1) {
    const idle = slot < truth.length && truth[slot] === 0 && !Number.isNaN(series.cpu[slot] ?? Number.NaN)
    if (idle) gap += SLOT_MINUTES
    else {
      if (gap > 0) found.push(gap)
      gap = 0
    }
  }
  return found
}

export function play(
  contender: Contender,
  { series, truth, typed }: { series: Series; truth: Truth; typed?: Uint8Array },
): Score {
  const policy = contender.over(series, typed)
  const there = (slot: number) => !Number.isNaN(series.cpu[slot] ?? Number.NaN)
  const falseStops = FALSE_MINUTES.map(() => 0)
  const sum = { stops: 0, hardStops: 0, interrupted: 0, idleOn: 0, slots: 0 }
  let state: 'on' | 'off' | 'unseen' = 'unseen'
  let stoppedAt = 0
  for (let slot = 0; slot < truth.length; slot += 1) {
    const active = truth[slot] === 1
    if (!there(slot)) {
      state = 'unseen'
      continue
    }
    sum.slots += 1
    const wallMs = series.startMs + slot * SLOT_MINUTES * 60_000
    if (state === 'off') {
      if (!active) continue
      const minutes = (slot - stoppedAt) * SLOT_MINUTES
      FALSE_MINUTES.forEach((limit, at) => {
        if (minutes < limit) falseStops[at] = (falseStops[at] ?? 0) + 1
      })
      policy.regret?.(minutes)
      sum.interrupted += RESUME_MINUTES
      policy.start(wallMs, true)
      state = 'on'
    } else if (state === 'unseen') {
      policy.start(wallMs, false)
      state = 'on'
    }
    if (!active) sum.idleOn += SLOT_MINUTES
    if (!policy.look(slot)) continue
    sum.stops += 1
    stoppedAt = slot + 1
    if (active && truth[slot + 1] === 1) sum.hardStops += 1
    state = 'off'
  }
  const free = gaps(series, truth)
  const best = SWITCH_MINUTES.map((cost) => ({
    cost: free.reduce((all, gap) => all + Math.min(gap, cost), 0),
    idleOn: free.reduce((all, gap) => all + (gap > cost ? 0 : gap), 0),
  }))
  const { slots, ...counts } = sum
  return {
    ...counts,
    falseStops,
    weeks: (slots * SLOT_MINUTES) / 10_080,
    idleAlways: free.reduce((a, b) => a + b, 0),
    best,
  }
}
