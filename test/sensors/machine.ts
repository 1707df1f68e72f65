/** Checks of a fixture machine by one sensor: sample, let time pass, sample again, judge. */
import type { Host } from '../../agent/host/host.ts'
import type { Context, Sensor } from '../../agent/sensors/sensor.ts'
import type { Limits, Options } from '../../agent/types/options.ts'
import type { Reading } from '../../agent/types.ts'
import type { Machine } from '../host/fixture.ts'

/** The limits that a table of number options has by default. */
export function defaults<O extends Options>(options: O): Limits<O> {
  const entries = Object.entries(options).map(([key, option]) => [
    key,
    option.type === 'number' ? option.default : Number.NaN,
  ])
  return Object.fromEntries(entries)
}

/** Samples, as they come back from the state file; `before` is the sample of the check before. */
export async function sample<S, O extends Options>(sensor: Sensor<S, O>, machine: Machine, before?: S): Promise<S> {
  return JSON.parse(JSON.stringify(await sensor.read(machine.host(), new AbortController().signal, before)))
}

/** Judges, and again with what a closer look finds where the first says active, as the loop does. */
export async function closely<S, O extends Options>(
  sensor: Sensor<S, O>,
  host: Host,
  given: Context<O> & { readonly now: S; readonly before: S },
): Promise<Reading> {
  const reading = sensor.judge(given.now, given.before, given)
  if (reading.kind !== 'active') return reading
  const more = await sensor.excuse?.(host, given, new AbortController().signal)
  return more === undefined ? reading : sensor.judge(more, given.before, given)
}

/** Judges the interval in which `change` happened; 120 s unless told. */
export async function interval<S, O extends Options>(
  sensor: Sensor<S, O>,
  machine: Machine,
  change: {
    readonly ms?: number
    readonly first?: (sample: S) => S
    readonly then?: () => void
    readonly closely?: true
  } = {},
): Promise<Reading> {
  const { ms = 120_000, first = (one: S) => one, then = () => {} } = change
  const before = first(await sample(sensor, machine))
  machine.pass(ms)
  then()
  const now = await sample(sensor, machine)
  const context = { span: { now: machine.clocks(), ms }, limits: defaults(sensor.options) }
  if (change.closely === true) return closely(sensor, machine.host(), { now, before, ...context })
  return sensor.judge(now, before, context)
}
