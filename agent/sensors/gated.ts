/** Sensors for what most machines do not have: nothing of one is loaded before its subject is there. */
import type { Host } from '../host/host.ts'
import type { Options } from '../types/options.ts'
import type { Reading } from '../types.ts'
import type { Context, Sensor } from './sensor.ts'

/** Reads and judges a subject that is there. */
export interface Subject<Sample, O extends Options = Options> {
  /** As `Sensor.read`; `before` is `undefined` too where the subject was not there at the last check. */
  read(host: Host, signal: AbortSignal, before?: Sample): Promise<Sample>
  /** As `Sensor.judge`; `before` is `undefined` where the subject has come within the interval. */
  judge(now: Sample, before: Sample | undefined, context: Context<O>): Reading
  /** What it comes to that the subject has gone within the interval; as if it had never been there unless given. */
  gone?(before: Sample, context: Context<O>): Reading | undefined
}

export interface Gate<Sample, O extends Options = Options>
  extends Pick<Sensor<unknown, O>, 'name' | 'sampleVersion' | 'options' | 'readMs'> {
  /** What is said where there is no subject: "no notebook server runs here". */
  readonly absence: string
  /** Is there anything to look at? Cheap, since it is asked at every check: from the shared process table, or one file. May throw: `unknown`. */
  present(host: Host, signal: AbortSignal): Promise<boolean>
  load(): Promise<Subject<Sample, O>>
}

/** What is stored: the sample of the subject, where it was there. */
export interface GatedSample<Sample> {
  readonly subject?: Sample
}

/** The sensor behind a gate. */
export function gated<Sample, O extends Options>(gate: Gate<Sample, O>): Sensor<GatedSample<Sample>, O> {
  const { name, sampleVersion, options, readMs, absence } = gate
  // `judge` is pure and cannot load anything: it is asked only after `read` has.
  let loaded: Subject<Sample, O> | undefined
  return {
    name,
    sampleVersion,
    options,
    ...(readMs === undefined ? {} : { readMs }),
    async read(host, signal, before) {
      const present = await gate.present(host, signal)
      if (present || before?.subject !== undefined) loaded ??= await gate.load()
      if (!present || loaded === undefined) return {}
      return { subject: await loaded.read(host, signal, before?.subject) }
    },
    judge(now, before, context) {
      if (now.subject === undefined) {
        const last = before.subject === undefined ? undefined : loaded?.gone?.(before.subject, context)
        return last ?? { kind: 'absent', reason: absence }
      }
      if (loaded === undefined) throw new Error(`${name} was judged before it was read`)
      return loaded.judge(now.subject, before.subject, context)
    },
  }
}
