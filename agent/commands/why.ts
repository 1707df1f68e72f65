/** `why`: why it is still up, or why it stopped, in the first sentence; then the evidence, the last first. */
import { pathsOf } from '../check/parts.ts'
import { UsageError } from '../errors.ts'
import { isObject, type JsonObject, listAt, objectAt, parseObject } from '../parse.ts'
import { iso } from '../words.ts'
import type { CommandContext } from './context.ts'
import { sortArguments } from './flag-values.ts'
import { deedObject, segmentObject } from './history.ts'
import { rowsOf } from './history-table.ts'
import { type LocalTime, localTime } from './local-time.ts'
import { parsePast } from './past-time.ts'
import { readable } from './status.ts'
import { loadTimeline, type Timeline } from './timeline.ts'
import { causeAt, momentSentence, recentStop, stopFromStatus, stopSentence, upSentence } from './why-words.ts'

/** Lines of the timeline that a person is shown, and entries in the JSON. */
const MOST_ROWS = 16
/** What came earlier is for `history`. */
const SHOWN_MS = 3 * 86_400_000

/** Throws UsageError for wrong arguments, HostError. */
export async function why(context: CommandContext): Promise<number> {
  const { host, flags, out } = context
  const local = localTime(host)
  const nowMs = host.clocks().wallMs
  const text = sortArguments('why', context.args, { valued: ['--at'], plain: [], words: 0 }).values.get('--at')
  const at = text === undefined ? undefined : parsePast(text, nowMs, local)
  if (typeof at === 'string') throw new UsageError(`--at: ${at}`)
  const told = await loadTimeline(context)
  // A clock that was stepped back leaves records of what is still to come.
  const recorded = at !== undefined && told?.segments.some(({ from, until }) => from <= at && at <= until) === true
  if (at !== undefined && at > nowMs && !recorded) throw new UsageError(`--at: ${text} lies in the future`)
  const answer = at === undefined ? await present(context, told, local) : past(told, at, { nowMs, local })
  const until = at ?? nowMs
  const shown = told === undefined ? undefined : recent(told, until)
  if (flags.json) {
    out(JSON.stringify(whyObject(answer, shown, until)))
    return 0
  }
  for (const line of answer.sentences) out(context.colour ? `\u001b[1m${line}\u001b[0m` : line)
  const rows = shown === undefined ? [] : rowsOf(shown, { local, nowMs, colour: context.colour })
  for (const { text } of rows.toReversed().slice(0, MOST_ROWS)) out(text)
  for (const line of answer.more) out(`  ${line}`)
  if (told === undefined) out('  "sudo idle-agent why" shows what came before')
  for (const note of told?.notes ?? []) out(`note: ${note}`)
  return 0
}

interface Answer {
  readonly answer: 'up' | 'stopped' | 'moment'
  /** The answer itself first. */
  readonly sentences: readonly string[]
  readonly cause: object | undefined
  readonly stopped?: object
  /** Where there is no timeline to show: what the last check found. */
  readonly more: readonly string[]
}

async function present({ host, flags }: CommandContext, told: Timeline | undefined, local: LocalTime): Promise<Answer> {
  const nowMs = host.clocks().wallMs
  const path = pathsOf(flags.stateDir).status
  const text = await host.store.read(path)
  return readable(path, () => {
    const status = text === undefined ? undefined : parseObject(text)
    const up = upSentence(status, { nowMs, local })
    const cause = isObject(status?.['cause']) ? status['cause'] : undefined
    const stop = told === undefined ? undefined : recentStop(told, nowMs)
    if (stop !== undefined) {
      const { at, back, result, offMs, falseStop, before } = stop
      const seconds = Math.round(offMs / 1000)
      const stopped = { at: iso(at), back: iso(back), result, offSeconds: seconds, falseStop, before: before?.cause }
      return { answer: 'stopped', sentences: [stopSentence(stop, { nowMs, local }), up], cause, stopped, more: [] }
    }
    const last = status === undefined || told !== undefined ? undefined : stopFromStatus(status)
    const more = status === undefined || told !== undefined ? [] : evidenceLines(status, nowMs, local)
    return { answer: 'up', sentences: [up, ...(last === undefined ? [] : [last])], cause, more }
  })
}

function past(
  told: Timeline | undefined,
  at: number,
  view: { readonly nowMs: number; readonly local: LocalTime },
): Answer {
  if (told === undefined) throw new UsageError('what was is root\'s to know: run "sudo idle-agent why --at …"')
  return { answer: 'moment', sentences: [momentSentence(told, at, view)], cause: causeAt(told, at), more: [] }
}

/** What of the last check speaks for its verdict. */
function evidenceLines(status: JsonObject, nowMs: number, local: LocalTime): readonly string[] {
  if (status['verdict'] === undefined) return []
  const readings = listAt(status, 'readings', (one) => (isObject(one) ? one : {}))
  const telling = readings.filter(({ kind }) => kind !== 'idle' && kind !== 'absent')
  const vetoes = listAt(status, 'vetoes', (one) => (isObject(one) ? one : {}))
  const run = objectAt(status, 'run')
  const since = status['idleSince']
  return [
    ...telling.map(({ sensor, kind, reason }) => `${String(sensor)} ${String(kind)}: ${String(reason)}`),
    ...vetoes.map(({ name, reason }) => `veto ${String(name)}: ${local.sentence(String(reason), nowMs)}`),
    ...(typeof since === 'string' ? [`idle since ${local.both(Date.parse(since), nowMs)}`] : []),
    `up since ${local.both(Date.parse(String(run['began'])), nowMs)}: ${String(run['cause'])}`,
  ]
}

/** The latest of it, up to a moment. */
function recent({ segments, deeds, ...rest }: Timeline, until: number): Timeline {
  const from = until - SHOWN_MS
  return {
    ...rest,
    segments: segments.filter((one) => one.until > from && one.from <= until),
    deeds: deeds.filter(({ at }) => at > from && at <= until),
  }
}

/** `why --json`, schema idle-agent.why.v1 (docs/history.md). */
function whyObject({ answer, sentences, cause, stopped }: Answer, shown: Timeline | undefined, until: number): object {
  const [sentence, ...others] = sentences
  const entries = [
    ...(shown?.segments ?? []).map((one) => ({ order: one.from, entry: { segment: segmentObject(one) } })),
    ...(shown?.deeds ?? []).map((one) => ({ order: one.at, entry: { action: deedObject(one) } })),
  ]
  const timeline = entries
    .toReversed()
    .toSorted((a, b) => b.order - a.order)
    .slice(0, MOST_ROWS)
  return {
    schema: 'idle-agent.why.v1',
    at: iso(until),
    answer,
    sentence,
    ...(others.length === 0 ? {} : { others }),
    cause: cause ?? null,
    stopped: stopped ?? null,
    timeline: timeline.map(({ entry }) => entry),
    complete: shown !== undefined,
    notes: shown?.notes ?? [],
  }
}
