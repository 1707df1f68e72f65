/** `history`: what this machine was, and what was done to it, over days. */
import { UsageError } from '../errors.ts'
import { categories, type HourTotal, hourTotals, spansOf } from '../history/hours.ts'
import type { Segment } from '../types/cause.ts'
import { iso } from '../words.ts'
import type { CommandContext } from './context.ts'
import { plotLines } from './history-plot.ts'
import { tableLines } from './history-table.ts'
import { type LocalTime, localTime } from './local-time.ts'
import { parsePast } from './past-time.ts'
import { type AuditDeed, allHours, loadTimeline, type Timeline } from './timeline.ts'

const DEFAULT_MS = 7 * 86_400_000
const HOUR_MS = 3_600_000
/** A year; no history is longer. */
const MOST_HOURS = 8784

/** Wall times in milliseconds. */
export interface Range {
  readonly from: number
  readonly until: number
}

/** Throws UsageError for wrong arguments and for a user who may not read it, HostError. */
export async function history(context: CommandContext): Promise<number> {
  const { host, flags, out, colour } = context
  const local = localTime(host)
  const nowMs = host.clocks().wallMs
  const asked = parseArgs(context.args, nowMs, local)
  const whole = await loadTimeline(context)
  if (whole === undefined)
    throw new UsageError(
      'the history is root\'s: run "sudo idle-agent history"; "idle-agent why" tells what everybody may know',
    )
  const told = within(whole, asked)
  if (flags.json) out(JSON.stringify(historyObject(told, asked, local)))
  else {
    const { from, until } = asked
    const lines = asked.plot
      ? plotLines(allHours(told, MOST_HOURS), { from, until: Math.min(until, nowMs) }, { local, colour })
      : tableLines(told, { local, nowMs, colour })
    for (const line of [...lines, ...told.notes.map((note) => `note: ${note}`)]) out(line)
  }
  return 0
}

function parseArgs(args: readonly string[], nowMs: number, local: LocalTime): Range & { readonly plot: boolean } {
  const problems: string[] = []
  let plot = false
  const range = { from: nowMs - DEFAULT_MS, until: nowMs }
  const words = args.values()
  for (const word of words) {
    const [name, inline] = word.split(/=(.*)/s)
    if (name === '--plot') plot = true
    else if (name === '--since' || name === '--until') {
      const text = inline ?? words.next().value
      const at = text === undefined ? 'it needs a time' : parsePast(text, nowMs, local)
      if (typeof at === 'string') problems.push(`${name}: ${at}`)
      else range[name === '--since' ? 'from' : 'until'] = at
    } else problems.push(`history does not know ${JSON.stringify(name)}: it takes --since, --until, --plot and --json`)
  }
  if (range.from > nowMs) problems.push('--since lies in the future')
  if (problems.length === 0 && range.from >= range.until) problems.push('--since is not before --until')
  if (problems.length > 0) throw new UsageError(problems)
  return { ...range, plot }
}

/** What lies in the range, whole or in part; the one before it tells since when the machine was off. */
function within({ hours, segments, deeds, notes }: Timeline, { from, until }: Range): Timeline {
  const first = segments.findIndex((one) => one.until > from)
  return {
    hours: hours.filter(({ hour }) => hour + HOUR_MS > from && hour < until),
    segments: first < 0 ? [] : segments.slice(first).filter((one) => one.from < until),
    deeds: deeds.filter(({ at }) => at >= from && at < until),
    notes,
  }
}

/** `history --json`, schema idle-agent.history.v1 (docs/history.md). */
function historyObject(
  { hours, segments, deeds, notes }: Timeline,
  range: Range,
  local: LocalTime,
): Record<string, unknown> {
  return {
    schema: 'idle-agent.history.v1',
    from: iso(range.from),
    until: iso(range.until),
    zone: local.zone,
    segments: segments.map(segmentObject),
    hours: hours.map(hourObject),
    actions: deeds.map(deedObject),
    days: dayObjects(hours, segments, local),
    notes,
  }
}

/** A segment with its times as text. */
export function segmentObject({
  from,
  until,
  idleSince,
  began,
  verdict,
  state,
  cause,
  first,
  checks,
}: Segment): object {
  const { up, ...beginning } = began ?? { kind: '' }
  return {
    from: iso(from),
    until: iso(until),
    verdict,
    state,
    cause,
    ...(first === undefined || first === cause.reason ? {} : { first }),
    checks,
    ...(idleSince === undefined ? {} : { idleSince: iso(idleSince) }),
    ...(began === undefined ? {} : { began: { ...beginning, ...(up === undefined ? {} : { up: iso(up) }) } }),
  }
}

function hourObject({ hour, minutes, cause }: HourTotal): object {
  return { hour: iso(hour), minutes, ...(cause === undefined ? {} : { cause }) }
}

/** A line of the audit log. */
export function deedObject({ at, action, result, detail, times, until }: AuditDeed): object {
  const often = times === undefined || until === undefined ? {} : { times, until: iso(until) }
  return { at: iso(at), action, result, detail, ...often }
}

function dayObjects(hours: readonly HourTotal[], segments: readonly Segment[], local: LocalTime): readonly object[] {
  const days = new Map<string, Record<string, number>>()
  for (const { hour, minutes } of [...hours, ...hourTotals(spansOf(segments), MOST_HOURS)]) {
    const day = days.get(local.day(hour)) ?? {}
    days.set(local.day(hour), day)
    for (const category of categories) {
      const more = minutes[category] ?? 0
      if (more > 0) day[category] = Math.round(((day[category] ?? 0) + more) * 10) / 10
    }
  }
  return [...days].map(([day, minutes]) => ({ day, minutes }))
}
