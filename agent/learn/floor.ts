/** How much of a figure is there when nobody is: a histogram that forgets slowly, its low quantile, and the limit that follows. Pure. */
import {
  binsPerOctave,
  halfLifeMinutes,
  neededDays,
  neededMinutes,
  quantile,
  type Rule,
  staleDays,
} from './constants.ts'

const dayMs = 86_400_000

/** What was seen of one figure in quiet time. */
export interface Floor {
  /** Minutes by bin, the older ones counted for less; bin 0 is what counts as nothing. Sorted by bin. */
  readonly bins: readonly (readonly [bin: number, minutes: number])[]
  /** Calendar days (UTC) on which something was seen, and the last of them since 1970. */
  readonly days: number
  readonly lastDay: number
}

/** Quiet time of so many minutes, and the mean figure in it. */
export interface Observation {
  readonly wallMs: number
  readonly minutes: number
  readonly value: number
}

function binOf(value: number, { smallest, ceiling }: Rule): number {
  const bin = (from: number): number => 1 + Math.floor(Math.log2(from / smallest) * binsPerOctave + 1e-9)
  return value < smallest ? 0 : bin(Math.min(value, ceiling))
}

/** The lower edge. */
function edgeOf(bin: number, { smallest }: Rule): number {
  return bin === 0 ? 0 : smallest * 2 ** ((bin - 1) / binsPerOctave)
}

/** Takes one observation in. One that is no number, or of no time, changes nothing; what is stale is forgotten first. */
export function learn(floor: Floor | undefined, { wallMs, minutes, value }: Observation, rule: Rule): Floor {
  const day = Math.floor(wallMs / dayMs)
  const old = floor !== undefined && day - floor.lastDay <= staleDays ? floor : { bins: [], days: 0, lastDay: -1 }
  if (!(value >= 0 && minutes > 0 && Number.isFinite(value + minutes + day))) return old
  const faded = 2 ** (-minutes / halfLifeMinutes)
  const bins = new Map(old.bins.map(([bin, weight]) => [bin, weight * faded]))
  const bin = binOf(value, rule)
  bins.set(bin, (bins.get(bin) ?? 0) + minutes)
  const kept = [...bins].map(([one, weight]) => [one, Math.round(weight * 100) / 100] as const)
  return {
    bins: kept.filter(([, weight]) => weight > 0).sort((a, b) => a[0] - b[0]),
    days: old.days + (day > old.lastDay ? 1 : 0),
    lastDay: Math.max(day, old.lastDay),
  }
}

/** What is there when nobody is, in the figure's unit; `undefined` until enough was seen. Never more than the rule's ceiling. */
export function floorOf(floor: Floor | undefined, rule: Rule): number | undefined {
  if (floor === undefined || floor.days < neededDays) return undefined
  const total = floor.bins.reduce((sum, [, minutes]) => sum + minutes, 0)
  if (!(total >= neededMinutes)) return undefined
  let below = 0
  for (const [bin, minutes] of floor.bins) {
    below += minutes
    if (below >= total * quantile) return Math.min(edgeOf(bin, rule), rule.ceiling)
  }
  return undefined
}

/** The limit that follows from a floor: never below `fixed`, never above the ceiling, or `fixed` where that is higher. */
export function limitOf(floor: number | undefined, fixed: number, { times, plus, ceiling }: Rule): number {
  if (floor === undefined || !(floor > 0)) return fixed
  return Math.max(fixed, Math.min(floor * times + plus, ceiling))
}
