/** Judges again where a sensor says active, or where the machine's noise is known: with what excuses it, and with who it was. Loaded only there. */

import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Known } from '../state.ts'
import type { Reading } from '../types.ts'
import { attributed } from './attribution.ts'
import type { Closer, Earlier, Interval, Raw } from './judge.ts'
import { within } from './within.ts'

/** Long: it is asked rarely, and the machine may be slow just because of what is asked for. */
const EXCUSE_MS = 7_000
/** A look takes no longer, but for a second to name who it was: where sensors have waited for something that hangs, there is less time. */
const LOOK_MS = 7_500

/** A first judgement, by the configured limits, and what it was made of. */
export interface Given {
  readonly interval: Interval
  readonly earlier: Earlier
  readonly reading: Reading
  judge(raw: Raw): Reading
}

/** The reading that stands, what it was read from, and whom it names. */
export async function judgeClosely(host: Host, raw: Raw, given: Given): Promise<Closer> {
  const usual = await byFloor(raw, given)
  const { excused, problem } = usual.reading.kind === 'active' ? await excuse(host, usual.raw, given) : {}
  const last = excused === undefined ? usual.reading : given.judge(excused)
  const { reading, ...known } = await named(host, last, { raw, given })
  const reason = problem === undefined ? reading.reason : `${reading.reason}; ${problem}`
  return { reading: { ...reading, reason }, raw: excused ?? usual.raw, ...known }
}

/** By the limits that follow from the floor, which says so where it changes the verdict. */
async function byFloor(
  raw: Raw,
  { interval, earlier, reading, judge }: Given,
): Promise<{ readonly raw: Raw; readonly reading: Reading }> {
  const stored = interval.before?.floors
  if (raw.part.sensor.learns !== true || stored === undefined || interval.fixed === true) return { raw, reading }
  const { parseFloors } = await import('./noise.ts')
  const floor = parseFloors(stored).known[raw.part.sensor.name] ?? {}
  if (!Object.values(floor).some((one) => one > 0)) return { raw, reading }
  const { floored } = await import('./floored.ts')
  const { part, note } = floored(raw, earlier, floor)
  const usual = { ...raw, part }
  const second = judge(usual)
  if (reading.kind !== 'active' || second.kind !== 'idle') return { raw: usual, reading: second }
  return { raw: usual, reading: { ...second, reason: `${second.reason} (${note})` } }
}

/** What a closer look found; a problem on the way is told, and activity without an excuse stays activity. */
async function excuse(
  host: Host,
  raw: Raw,
  { interval, earlier }: Given,
): Promise<{ readonly excused?: Raw; readonly problem?: string }> {
  const { sensor, limits } = raw.part
  if (sensor.excuse === undefined || raw.sample === undefined) return {}
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

async function named(
  host: Host,
  reading: Reading,
  { raw, given: { interval, earlier } }: { readonly raw: Raw; readonly given: Given },
): Promise<{ readonly reading: Reading; readonly known?: Known }> {
  if (reading.kind !== 'active' || reading.by === undefined) return { reading }
  const before = interval.before?.samples[raw.part.sensor.name]?.who
  return attributed(host, { reading, by: reading.by }, { now: interval.now.monoMs, ms: earlier.span.ms, before })
}
