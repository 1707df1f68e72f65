/** The lines of the history's file: what is written, and what can be read again. Pure. */
import { isObject } from '../parse.ts'
import type { Segment } from '../types/cause.ts'
import { type Category, categories, type HourTotal } from './hours.ts'
import { isSegment, isTime } from './segment.ts'

/** What the file holds, in its order, which is that of the checks whatever the wall clock did. */
export interface History {
  readonly hours: readonly HourTotal[]
  readonly segments: readonly Segment[]
  /** Lines that could not be read: torn by a crash, or damaged. */
  readonly skipped: number
}

/** A line of the file. */
export function lineOf(entry: Segment | HourTotal): string {
  const same = 'first' in entry && entry.first === entry.cause.reason ? { first: undefined } : {}
  return `${JSON.stringify({ ...entry, ...same, key: undefined })}\n`
}

/** Where a check was repeated after a crash, a segment is there twice: the longer one counts. */
export function parseHistory(text: string): History {
  const hours: HourTotal[] = []
  const segments: Segment[] = []
  let skipped = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const value = parseLine(line)
    const hour = hourOf(value)
    if (hour !== undefined) hours.push(hour)
    else if (isSegment(value)) {
      if (isSame(segments.at(-1), value)) segments.pop()
      segments.push(value)
    } else skipped += 1
  }
  return { hours, segments, skipped }
}

/** Is it one segment, written twice? The first check of a run and what follows have one beginning, too. */
export function isSame(one: Segment | undefined, other: Segment): boolean {
  const id = ({ from, verdict, state, cause }: Segment): string => {
    return JSON.stringify([from, verdict, state, cause.kind, cause.sensor, cause.veto, cause.evidence])
  }
  return one !== undefined && id(one) === id(other)
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The hour that a line of the history tells, if it does. */
function hourOf(value: unknown): HourTotal | undefined {
  if (!isObject(value) || !isObject(value['minutes']) || !isTime(value['hour'])) return undefined
  const { hour, minutes, cause, causeMinutes } = value
  const found: Partial<Record<Category, number>> = {}
  for (const category of categories) {
    const count = minutes[category]
    if (typeof count === 'number') found[category] = count
  }
  const named = causeIn(cause)
  return {
    hour,
    minutes: found,
    ...(named === undefined ? {} : { cause: named }),
    ...(typeof causeMinutes === 'number' ? { causeMinutes } : {}),
  }
}

function causeIn(value: unknown): Segment['cause'] | undefined {
  if (!isObject(value)) return undefined
  const { kind, reason, sensor, veto, evidence } = value
  if (typeof kind !== 'string' || typeof reason !== 'string') return undefined
  return {
    kind,
    reason,
    ...(typeof sensor === 'string' ? { sensor } : {}),
    ...(typeof veto === 'string' ? { veto } : {}),
    ...(typeof evidence === 'string' ? { evidence } : {}),
  }
}
