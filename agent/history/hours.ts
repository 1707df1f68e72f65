/** From segments to spans of time, and from these to what each hour was. Pure. */
import type { Segment } from '../types/cause.ts'

/** What a stretch of time was: `held` is idle and kept up; `unseen`, the machine may have run and no check did. */
export type Category = 'active' | 'idle' | 'held' | 'unknown' | 'off' | 'unseen'

/** In the order in which they are told. */
export const categories: readonly Category[] = ['active', 'idle', 'held', 'unknown', 'off', 'unseen']

const HOUR_MS = 3_600_000
/** A shorter time without a check, across which the machine did not boot, is none in which it was off. */
const OFF_MS = 300_000

/** Wall times in milliseconds; `segment` is the one that it is of, or that it comes before. */
export interface Span {
  readonly from: number
  readonly until: number
  readonly category: Category
  readonly segment: Segment
}

/** An hour that was rolled up. */
export interface HourTotal {
  /** Its beginning, UTC, wall time in milliseconds. */
  readonly hour: number
  readonly minutes: Readonly<Partial<Record<Category, number>>>
  /** What took the most of it, the time off and unseen left out. */
  readonly cause?: Segment['cause']
  readonly causeMinutes?: number
}

const byKind: ReadonlyMap<string, Category> = new Map([
  ['active', 'active'],
  ['idle', 'idle'],
  ['unknown', 'unknown'],
])

/** What the time of a segment was. */
function categoryOf({ cause }: Segment): Category {
  return byKind.get(cause.kind) ?? 'held'
}

/** Spans in the order of the segments, with the time between them: where a run of checks began anew, the machine was off or nobody looked. */
export function spansOf(segments: readonly Segment[]): readonly Span[] {
  const spans: Span[] = []
  let last: number | undefined
  for (const segment of segments) {
    if (last !== undefined) spans.push(...between(last, segment))
    spans.push({ from: segment.from, until: segment.until, category: categoryOf(segment), segment })
    last = segment.until
  }
  return spans
}

function between(last: number, segment: Segment): readonly Span[] {
  const { from, began } = segment
  if (began === undefined || began.kind === 'step' || from <= last) return []
  const ours = began.result === 'hibernated' || began.result === 'stopped'
  const isOff = ours || began.kind === 'boot' || (began.kind === 'resume' && from - last >= OFF_MS)
  // Between the boot and the first check it was up.
  const back = isOff ? Math.min(from, Math.max(last, began.up ?? from)) : last
  const spans: Span[] = [
    { from: last, until: back, category: 'off', segment },
    { from: back, until: from, category: 'unseen', segment },
  ]
  return spans.filter((span) => span.until > span.from)
}

/** Minutes of each hour (UTC), in the order in which they came; of a longer span than `mostHours` only its end. */
export function hourTotals(spans: readonly Span[], mostHours: number): readonly HourTotal[] {
  const totals = new Map<number, Total>()
  for (const { from, until, category, segment } of spans) {
    const begin = Math.max(from, until - mostHours * HOUR_MS)
    for (let hour = begin - (begin % HOUR_MS); hour < until; hour += HOUR_MS) {
      const minutes = (Math.min(until, hour + HOUR_MS) - Math.max(begin, hour)) / 60_000
      const total: Total = totals.get(hour) ?? { minutes: {}, causes: new Map() }
      totals.set(hour, total)
      total.minutes[category] = (total.minutes[category] ?? 0) + minutes
      if (category !== 'off' && category !== 'unseen') weigh(total.causes, segment.cause, minutes)
    }
  }
  return [...totals].map(([hour, { minutes, causes }]) => {
    const [main] = [...causes.values()].sort((a, b) => b.causeMinutes - a.causeMinutes)
    return { hour, minutes, ...main }
  })
}

interface Total {
  readonly minutes: Partial<Record<Category, number>>
  readonly causes: Map<string, Weighed>
}

type Weighed = Required<Pick<HourTotal, 'cause' | 'causeMinutes'>>

function weigh(causes: Map<string, Weighed>, cause: Segment['cause'], minutes: number): void {
  const id = JSON.stringify([cause.sensor, cause.veto, cause.kind, cause.evidence])
  causes.set(id, { cause, causeMinutes: (causes.get(id)?.causeMinutes ?? 0) + minutes })
}

/** Two parts of one hour as one. */
export function joinHours(one: HourTotal, other: HourTotal): HourTotal {
  const minutes: Partial<Record<Category, number>> = {}
  for (const category of categories) {
    const sum = (one.minutes[category] ?? 0) + (other.minutes[category] ?? 0)
    if (sum > 0) minutes[category] = sum
  }
  const [main = one] = [one, other].sort((a, b) => (b.causeMinutes ?? 0) - (a.causeMinutes ?? 0))
  return { ...main, hour: one.hour, minutes }
}
