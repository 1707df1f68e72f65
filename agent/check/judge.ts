/** From what the sensors read to their readings: each is judged against its own last sample. */
import { cadence, gapLimit } from '../decide/clock.ts'
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Span } from '../sensors/sensor.ts'
import type { Known, Stored, StoredSample } from '../state.ts'
import type { Clocks, Instant, NamedReading, Reading } from '../types.ts'
import { isPlainAscii } from '../words.ts'
import type { ConfiguredSensor } from './parts.ts'

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
  /** By the configured limits alone, whatever is known of this machine's noise. */
  readonly fixed?: boolean
}

/** The interval since `before`, the last check of this run. */
export function intervalOf(before: Stored | undefined, now: Clocks, configuredMs: number): Interval {
  return { before, now, longestMs: gapLimit(cadence(configuredMs, before?.state.cadenceMs ?? [])) }
}

export interface Earlier {
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
export function toStore(
  { raw, known }: Judged,
  { before, now, longestMs }: Interval,
): readonly [string, StoredSample][] {
  const { name, sampleVersion } = raw.part.sensor
  const who = known === undefined ? {} : { who: known }
  if (raw.sample !== undefined) return [[name, { version: sampleVersion, sample: raw.sample.value, ...who }]]
  const found = before?.samples[name]
  if (before === undefined || found?.version !== sampleVersion) return []
  const at: Instant = found.at ?? before.sampledAt.monoMs
  return now.monoMs - at > longestMs ? [] : [[name, { ...found, at }]]
}

/** A reading, what it was read from, and whom it names. */
export interface Closer {
  readonly reading: Reading
  readonly raw: Raw
  readonly known?: Known
}

export interface Judged extends Closer {
  readonly reading: NamedReading
}

/** Judges: a sensor that says active may look more closely first, and then it is looked up who it was. */
export async function judgeOne(host: Host, raw: Raw, interval: Interval): Promise<Judged> {
  const reading = judgeSafely(raw, interval)
  const earlier = earlierOf(raw, interval)
  const isNoisy = raw.part.sensor.learns === true && interval.before?.floors !== undefined && interval.fixed !== true
  let last: Closer = { reading, raw }
  if (earlier !== undefined && (reading.kind === 'active' || isNoisy)) {
    const { judgeClosely } = await import('./closer.ts')
    const judge = (one: Raw): Reading => judgeSafely(one, interval)
    last = await judgeClosely(host, raw, { interval, earlier, reading, judge })
  }
  return { ...last, reading: { ...last.reading, sensor: raw.part.sensor.name, reason: plain(last.reading.reason) } }
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
  return isPlainAscii(cut) ? cut : cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
