/** What `why` and `history` tell from: the segments on disk with the one that goes on, totals of hours, and the deeds of the audit log. */
import { pathsOf } from '../check/parts.ts'
import { duration } from '../decide/words.ts'
import { HostError } from '../errors.ts'
import { type Category, type HourTotal, hourTotals, spansOf } from '../history/hours.ts'
import { isSame } from '../history/lines.ts'
import { isSegment } from '../history/segment.ts'
import { loadHistory } from '../history.ts'
import { codeOf } from '../host/real-errors.ts'
import { isObject, parseObject } from '../parse.ts'
import type { Segment } from '../types/cause.ts'
import type { CommandContext } from './context.ts'

/** One line of the audit log; times in milliseconds. */
export interface AuditDeed {
  readonly at: number
  readonly action: string
  readonly result: string
  readonly detail: string
  /** Where the log has summed up: how often, until when. */
  readonly times?: number
  readonly until?: number
}

/** Each list is in the order in which it was written. */
export interface Timeline {
  readonly hours: readonly HourTotal[]
  readonly segments: readonly Segment[]
  /** Tags left out: they mirror what the segments say. */
  readonly deeds: readonly AuditDeed[]
  /** What could not be read. */
  readonly notes: readonly string[]
}

/** Reads it; `undefined` for a user who may not, which is everybody but root. Throws HostError for another reason. */
export async function loadTimeline({ host, flags }: CommandContext): Promise<Timeline | undefined> {
  const paths = pathsOf(flags.stateDir)
  try {
    const { hours, segments, skipped } = await loadHistory(host, paths.history)
    const { segment, problem } = currentSegment(paths.state, await host.store.read(paths.state))
    const audit = parseAudit((await host.store.read(paths.audit)) ?? '')
    const notes = [
      ...lostLines(skipped, paths.history),
      ...lostLines(audit.skipped, paths.audit),
      ...(problem === undefined ? [] : [problem]),
    ]
    return { hours, segments: withCurrent(segments, segment), deeds: audit.deeds, notes }
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === 'EACCES') return undefined
    throw error
  }
}

/** Not by state.ts, which would cost each check a chunk of its own. */
function currentSegment(
  path: string,
  text: string | undefined,
): { readonly segment?: unknown; readonly problem?: string } {
  try {
    return { segment: text === undefined ? undefined : parseObject(text)['segment'] }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { problem: `${path} cannot be used (${error.message}); the next check puts it aside` }
  }
}

/** A crash between the history and the state leaves the last one in both. */
function withCurrent(segments: readonly Segment[], current: unknown): readonly Segment[] {
  if (!isSegment(current)) return segments
  return [...(isSame(segments.at(-1), current) ? segments.slice(0, -1) : segments), current]
}

function lostLines(count: number, path: string): readonly string[] {
  if (count === 0) return []
  return [
    `${count === 1 ? 'a line' : `${count} lines`} of ${path} cannot be read, and ${count === 1 ? 'is' : 'are'} left out`,
  ]
}

function parseAudit(text: string): { readonly deeds: readonly AuditDeed[]; readonly skipped: number } {
  const found = text.split('\n').flatMap((line) => (line === '' ? [] : [parseDeed(line)]))
  const whole = found.filter((deed) => deed !== undefined)
  return { deeds: whole.filter(({ action }) => action !== 'tag'), skipped: found.length - whole.length }
}

function parseDeed(line: string): AuditDeed | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (!isObject(value)) return undefined
    const { action, result, detail, times } = value
    const [at, until] = [value['at'], value['until']].map((time) => Date.parse(String(time)))
    if (at === undefined || Number.isNaN(at)) return undefined
    if (typeof action !== 'string' || typeof result !== 'string' || typeof detail !== 'string') return undefined
    const more = typeof times === 'number' && until !== undefined && !Number.isNaN(until) ? { times, until } : {}
    return { at, action, result, detail, ...more }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** A stretch of the timeline as a person reads it: segments that differ by phase or reason only are one. */
export interface Stretch {
  readonly from: number
  readonly until: number
  readonly category: Category
  /** `sensor cpu`, `veto lease`, or what else it was. */
  readonly by: string
  readonly reason: string
  readonly checks: number
}

/** Stretches in order, the time off among them. */
export function stretchesOf(segments: readonly Segment[]): readonly Stretch[] {
  const made: Stretch[] = []
  for (const { from, until, category, segment } of spansOf(segments)) {
    const gap = category === 'off' || category === 'unseen'
    const next = gap
      ? { from, until, category, by: '', reason: gapWords(category, segment), checks: 0 }
      : { from, until, category, by: byWords(segment.cause), reason: segment.cause.reason, checks: segment.checks }
    const last = made.at(-1)
    const goesOn = segment.began === undefined && last?.category === category && last.by === next.by
    if (goesOn) made[made.length - 1] = { ...next, from: last.from, checks: last.checks + next.checks }
    else made.push(next)
  }
  return made
}

function byWords({ sensor, veto, kind }: Segment['cause']): string {
  if (sensor !== undefined) return sensor
  return veto ?? (kind === 'grace' || kind === 'refused' ? kind : '')
}

/** Why there was no check. */
function gapWords(category: Category, { began }: Segment): string {
  const kind = began?.kind ?? ''
  if (category === 'unseen') {
    if (kind === 'ended') return 'on its way down: a stop was accepted'
    return kind === 'boot' ? 'it had booted, and no check had run' : 'it may have run, and no check did'
  }
  const { result, falseStop } = began ?? {}
  const ours = result === 'hibernated' || result === 'stopped'
  if (!ours) return kind === 'boot' ? 'off, or restarted; not by idle-agent' : 'asleep; not by idle-agent'
  return `${result} by idle-agent${falseStop === true ? '; started again within 30 min: counted as a false stop' : ''}`
}

/** The hours of the timeline, those that are rolled up and those of its segments. */
export function allHours(
  { hours, segments }: Pick<Timeline, 'hours' | 'segments'>,
  mostHours: number,
): readonly HourTotal[] {
  return [...hours, ...hourTotals(spansOf(segments), mostHours)]
}

/** `hibernate done: accepted: …`, with how often it was where the log has summed up. */
export function deedInWords({ action, result, detail, times }: AuditDeed): string {
  const often = times === undefined ? '' : ` (${times} times)`
  return `${action} ${result}${often}: ${detail}`
}

/** How long a stretch was. */
export function lengthOf({ from, until }: Pick<Stretch, 'from' | 'until'>): string {
  return duration(until - from)
}
