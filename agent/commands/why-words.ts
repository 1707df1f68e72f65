/** The first sentence of `why`: why it is up, why it stopped, or what it was at some moment. Pure. */
import { duration } from '../decide/words.ts'
import { type HourTotal, spansOf } from '../history/hours.ts'
import { isObject, type JsonObject, numberAt, objectAt, textAt } from '../parse.ts'
import type { Segment } from '../types/cause.ts'
import { evidenceInWords } from '../words.ts'
import { watchedWords } from './check-beside.ts'
import { totalWords } from './history-plot.ts'
import type { LocalTime } from './local-time.ts'
import { stretchesOf, type Timeline } from './timeline.ts'

const HOUR_MS = 3_600_000
/** Whoever asks so soon after the machine came back asks about the stop. */
const ASKS_ABOUT_STOP_MS = HOUR_MS

interface View {
  readonly nowMs: number
  readonly local: LocalTime
}

/** Why it is up, from what the last check left; `undefined` where none has left anything. Throws Error where that is damaged. */
export function upSentence(status: JsonObject | undefined, { nowMs, local }: View): string {
  if (status === undefined) return 'Still up: no check has run since it booted, so nothing is decided'
  const { fault } = status
  if (isObject(fault)) {
    const since = local.both(Date.parse(textAt(fault, 'since')), nowMs)
    return `Still up: idle-agent has not worked since ${since}: ${textAt(fault, 'reason')}`
  }
  const atMs = Date.parse(textAt(status, 'at'))
  const reason = local.sentence(textAt(status, 'reason'), atMs)
  const seconds = numberAt(objectAt(status, 'schedule'), 'configuredSeconds')
  if (nowMs - atMs > (2 * seconds + 30) * 1000) {
    const due = `one is due every ${duration(seconds * 1000)}`
    return `Still up: no check has run for ${duration(nowMs - atMs)} (${due}), so nothing is stopped; the last one said: ${reason}`
  }
  if (status['enabled'] === false) return `Still up: the agent is switched off (enabled: false); it says: ${reason}`
  const watched = status['verdict'] === 'idle' && status['stoppable'] === false ? `; only watched: ${watchedWords}` : ''
  const call = typeof status['call'] === 'string' ? `; ${status['call']}` : ''
  return `Still up: ${reason}${holdWords(status)}${watched}${call}`
}

/** What moves the due time before the machine is called held, which the reason does not say. */
function holdWords({ cause, state }: JsonObject): string {
  if (!isObject(cause) || cause['kind'] !== 'hold' || state === 'held') return ''
  return `; until then ${evidenceInWords(String(cause['evidence']))} holds it: ${String(cause['reason'])}`
}

/** A stop of ours, and what came before it; wall times in milliseconds. */
export interface Stop {
  readonly at: number
  readonly back: number
  readonly result: string
  readonly offMs: number
  readonly falseStop: boolean
  readonly idleSince?: number
  /** The last use before it, in the same run of the machine. */
  readonly before?: Segment
}

/** The stop before the present run of the machine, if it was ours and the run is young enough to be asked about it. */
export function recentStop({ segments, deeds }: Timeline, nowMs: number): Stop | undefined {
  const first = runBegin(segments)
  const run = segments[first]
  let stopped = segments.slice(0, Math.max(0, first))
  // A check may have met the machine on its way down, and taken that for a run of its own.
  while (stopped[runBegin(stopped)]?.began?.kind === 'ended') stopped = stopped.slice(0, runBegin(stopped))
  const last = stopped.at(-1)
  const { result = '', offMs = 0, falseStop = false } = run?.began ?? {}
  if (run === undefined || last === undefined || (result !== 'hibernated' && result !== 'stopped')) return undefined
  if (nowMs - run.from > ASKS_ABOUT_STOP_MS) return undefined
  const call = deeds.findLast((deed) => isCall(deed) && deed.at >= last.from && deed.at <= run.from)
  const use = beforeIdle(stopped)
  return {
    at: call?.at ?? last.until,
    back: run.from,
    result,
    offMs,
    falseStop,
    ...(last.idleSince === undefined ? {} : { idleSince: last.idleSince }),
    ...(use === undefined ? {} : { before: use }),
  }
}

/** Where the last run of the machine begins; -1 if it began before them all. */
function runBegin(segments: readonly Segment[]): number {
  return segments.findLastIndex(({ began }) => began !== undefined && began.kind !== 'gap' && began.kind !== 'step')
}

function isCall({ action, result }: Timeline['deeds'][number]): boolean {
  return result === 'done' && (action === 'hibernate' || action === 'stop')
}

/** Back through the idle end of a run to what it was before; `undefined` if it was idle from its beginning. */
function beforeIdle(segments: readonly Segment[]): Segment | undefined {
  for (const segment of segments.toReversed()) {
    if (segment.cause.kind === 'active' || segment.cause.kind === 'unknown') return segment
    if (segment.began !== undefined) return undefined
  }
  return undefined
}

export function stopSentence(stop: Stop, { nowMs, local }: View): string {
  const { at, result, offMs, falseStop, idleSince, before } = stop
  const since =
    idleSince === undefined ? 'nothing needed it' : `nothing needed it since ${local.time(idleSince, nowMs)}`
  const use =
    before === undefined
      ? 'nobody was seen since it had started'
      : `before that: ${local.sentence(before.cause.reason, before.until)}`
  const back = falseStop ? '; started again within 30 min, which counts as a false stop' : ''
  return `Stopped at ${local.time(at, nowMs)} (${result}, off ${duration(offMs)}): ${since}; ${use}${back}`
}

/** The same from what everybody may read, where there has been no use since. */
export function stopFromStatus(status: JsonObject): string | undefined {
  const { tags, lastStop } = status
  const action = isObject(tags) ? tags['IdleAction'] : undefined
  if (!isObject(lastStop) || (action !== 'hibernated' && action !== 'stopped')) return undefined
  const off = numberAt(lastStop, 'offMs')
  return `The last stop by idle-agent: ${textAt(lastStop, 'result')}, off ${duration(off)}`
}

/** What the machine was at `at`. */
export function momentSentence({ segments, hours }: Timeline, at: number, { nowMs, local }: View): string {
  const [day, time] = [local.day(at), local.time(at, nowMs)]
  const when = `At ${day === local.day(nowMs) || time.includes(day) ? '' : `${day} `}${time}`
  const stretch = stretchesOf(segments).findLast(({ from, until }) => from <= at && at <= until)
  if (stretch === undefined) {
    const hour = hours.findLast((one) => one.hour <= at && at < one.hour + HOUR_MS)
    if (hour !== undefined) return `${when}: in that hour ${hourWords(hour)}`
    const first = hours[0]?.hour ?? segments[0]?.from
    const since = first === undefined || first <= at ? '' : `; the first record is of ${local.time(first, nowMs)}`
    return `${when}: nothing is recorded${since}`
  }
  const { category, reason, from, until } = stretch
  const name = { active: 'in use', idle: 'idle', held: 'held', unknown: 'unknown', off: 'off', unseen: 'not looked at' }
  const span = `${local.clock(from)} to ${local.clock(until)}, ${duration(until - from)}`
  return `${when}: ${name[category]}: ${local.sentence(reason, until)} (${span})`
}

function hourWords({ minutes, cause }: HourTotal): string {
  return cause === undefined ? totalWords(minutes) : `${totalWords(minutes)}; most of it: ${cause.reason}`
}

/** The cause of the segment at `at`; none while it was off. */
export function causeAt({ segments }: Timeline, at: number): Segment['cause'] | undefined {
  const span = spansOf(segments).findLast(({ from, until }) => from <= at && at <= until)
  return span === undefined || span.category === 'off' || span.category === 'unseen' ? undefined : span.segment.cause
}
