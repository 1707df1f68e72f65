// What counts as the truth about a series: by the machine's own level over the whole time, which no policy knows beforehand.
import { SESSION_MINUTES, SLOT_MINUTES } from './constants.ts'
import type { Developer, Series } from './series.ts'

/** 1: something needed the machine in this sample; 0: nothing did. Samples that are missing are 0, and are not scored. */
export type Truth = Uint8Array

/** The share `q` of the values that are there lies below. */
function quantile(values: Float64Array, q: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  return sorted[Math.floor(q * (sorted.length - 1))] ?? 0
}

export interface TruthRule {
  readonly name: string
  readonly about: string
  of(series: Series): Truth
}

function above(values: Float64Array | undefined, limit: (low: number) => number): (slot: number) => boolean {
  if (values === undefined) return () => false
  const most = limit(quantile(values, 0.2))
  return (slot) => (values[slot] ?? Number.NaN) > most
}

function total(series: Series): Float64Array | undefined {
  return series.received?.map((rate, slot) => rate + (series.sent?.[slot] ?? 0))
}

function mark(length: number, is: (slot: number) => boolean): Truth {
  return Uint8Array.from({ length }, (_, slot) => (is(slot) ? 1 : 0))
}

/** detection.md 2.1: CPU over max(1.5 x own p20, p20 + 2 points), or network over max(3 x own p20, p20 + 10 kB/s). */
const level: TruthRule = {
  name: 'level',
  about:
    'CPU over max(1.5 x p20, p20 + 2 points of the machine) or network over max(3 x p20, p20 + 10 kB/s), p20 of its own whole series',
  of(series) {
    const busy = above(series.cpu, (low) => Math.max(1.5 * low, low + 0.02 * series.cores))
    const talks = above(total(series), (low) => Math.max(3 * low, low + 10_000))
    return mark(series.cpu.length, (slot) => busy(slot) || talks(slot))
  },
}

/** Work that lasts: two of three samples in a row well over its own level, of CPU in cores, network or disk. */
const lasting: TruthRule = {
  name: 'lasting',
  about:
    'in two of three samples in a row CPU over p20 + 0.25 cores, network over p20 + 50 kB/s or disk over p20 + 500 kB/s',
  of(series) {
    const signals = [
      above(series.cpu, (low) => low + 0.25),
      above(total(series), (low) => low + 50_000),
      above(series.disk, (low) => low + 500_000),
    ]
    const once = mark(series.cpu.length, (slot) => signals.some((is) => is(slot)))
    const at = (slot: number) => once[slot] ?? 0
    return mark(once.length, (slot) => at(slot) === 1 && at(slot - 2) + at(slot - 1) + at(slot + 1) + at(slot + 2) > 0)
  },
}

export const truthRules: readonly TruthRule[] = [level, lasting]

/** A developer as a machine that is typed on at each commit, with the truth of a session around it. */
export function sessions({ name, commits }: Developer): {
  readonly series: Series
  readonly truth: Truth
  readonly typed: Truth
} {
  const slotMs = SLOT_MINUTES * 60_000
  const [before, after] = SESSION_MINUTES
  const startMs = Math.floor((commits[0] ?? 0) / slotMs) * slotMs - before * 60_000
  const length = Math.ceil(((commits.at(-1) ?? 0) - startMs + after * 60_000) / slotMs) + 1
  const [truth, typed] = [new Uint8Array(length), new Uint8Array(length)]
  for (const at of commits) {
    const slot = Math.floor((at - startMs) / slotMs)
    typed[slot] = 1
    truth.fill(1, slot - before / SLOT_MINUTES, slot + after / SLOT_MINUTES)
  }
  return { series: { name, startMs, cores: 2, cpu: new Float64Array(length) }, truth, typed }
}
