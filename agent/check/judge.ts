/** From what the sensors read to their readings: each is judged against its own last sample. */
import { cadence, gapLimit } from '../decide/clock.ts'
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Span } from '../sensors/sensor.ts'
import type { Stored, StoredSample } from '../state.ts'
import type { Clocks, Instant, NamedReading, Reading } from '../types.ts'
import type { ConfiguredSensor } from './parts.ts'
import { within } from './within.ts'

/** Long: it is asked rarely, and the machine may be slow just because of what is asked for. */
const EXCUSE_MS = 8_000
/** A look takes no longer: where sensors have waited for something that hangs, there is less time for a closer one. */
const LOOK_MS = 8_500
const REASON_LIMIT = 200

/** What a sensor read, or why it could not. */
export interface Raw {
  readonly part: ConfiguredSensor
  readonly sample?: { readonly value: unknown }
  readonly problem?: string
}

/** The time that readings cover. */
export interface Interval {
  readonly before: Stored | undefined
  readonly now: Clocks
  /** Longest distance of two samples between which the time counts as observed. */
  readonly longestMs: number
}

/** The interval since `before`, the last check of this run. */
export function intervalOf(before: Stored | undefined, now: Clocks, configuredMs: number): Interval {
  return { before, now, longestMs: gapLimit(cadence(configuredMs, before?.state.cadenceMs ?? [])) }
}

interface Earlier {
  readonly sample: unknown
  readonly span: Span
}

/** A sensor's own last sample: of the last check, or where it could not be read then, of one before that is not too old. */
function earlierOf({ part: { sensor } }: Raw, { before, now, longestMs }: Interval): Earlier | undefined {
  const found = before?.samples[sensor.name]
  if (before === undefined || found === undefined || found.version !== sensor.sampleVersion) return undefined
  const ms = Math.max(1, now.monoMs - (found.at ?? before.sampledAt.monoMs))
  return found.at !== undefined && ms > longestMs ? undefined : { sample: found.sample, span: { now, ms } }
}

/** What the next check compares with: what was read now, else what was read before, so that a failed read costs one interval. */
export function toStore(raw: Raw, { before, now, longestMs }: Interval): readonly [string, StoredSample][] {
  const { name, sampleVersion } = raw.part.sensor
  if (raw.sample !== undefined) return [[name, { version: sampleVersion, sample: raw.sample.value }]]
  const found = before?.samples[name]
  if (before === undefined || found?.version !== sampleVersion) return []
  const at: Instant = found.at ?? before.sampledAt.monoMs
  return now.monoMs - at > longestMs ? [] : [[name, { ...found, at }]]
}

/** The reading, and what it was read from: a sensor that says active may look more closely first. */
export async function judgeOne(
  host: Host,
  raw: Raw,
  interval: Interval,
): Promise<{ readonly reading: NamedReading; readonly raw: Raw }> {
  const first = judgeSafely(raw, interval)
  const { excused, problem } = first.kind === 'active' ? await excuse(host, raw, interval) : {}
  const last = excused === undefined ? first : judgeSafely(excused, interval)
  const reason = plain(problem === undefined ? last.reason : `${last.reason}; ${problem}`)
  return { reading: { ...last, sensor: raw.part.sensor.name, reason }, raw: excused ?? raw }
}

/** What a closer look found; a problem on the way is told, and activity without an excuse stays activity. */
async function excuse(
  host: Host,
  raw: Raw,
  interval: Interval,
): Promise<{ readonly excused?: Raw; readonly problem?: string }> {
  const { sensor, limits } = raw.part
  const earlier = earlierOf(raw, interval)
  if (sensor.excuse === undefined || raw.sample === undefined || earlier === undefined) return {}
  const left = Math.round((LOOK_MS - (host.clocks().monoMs - interval.now.monoMs)) / 100) * 100
  const given = { now: raw.sample.value, before: earlier.sample, span: earlier.span, limits }
  try {
    const value = await within(
      host,
      { ms: Math.max(100, Math.min(EXCUSE_MS, left)), what: 'a closer look' },
      async (signal) => sensor.excuse?.(host, given, signal),
    )
    return value === undefined ? {} : { excused: { part: raw.part, sample: { value } } }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

function judgeSafely(raw: Raw, interval: Interval): Reading {
  const { sensor, limits } = raw.part
  if (raw.sample === undefined) return { kind: 'unknown', reason: raw.problem ?? 'not read' }
  const earlier = earlierOf(raw, interval)
  if (earlier === undefined) return { kind: 'unknown', reason: 'no earlier sample in this run of the machine' }
  try {
    return sensor.judge(raw.sample.value, earlier.sample, { span: earlier.span, limits })
  } catch (error) {
    return { kind: 'unknown', reason: messageOf(error) }
  }
}

/** Without control characters, so that no name on this machine can write to a terminal through a reason. */
export function plain(text: string): string {
  const cut = text.length > REASON_LIMIT ? `${text.slice(0, REASON_LIMIT - 1)}…` : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
