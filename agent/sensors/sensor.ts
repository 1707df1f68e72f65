/** What a sensor is: I/O in `read`, pure judgement in `judge`. */
import type { FileStat, Host } from '../host/host.ts'
import type { Limits, Options } from '../types/options.ts'
import type { Clocks, Reading } from '../types.ts'

/** What `judge` knows of the two moments besides the samples. */
export interface Span {
  /** Clocks when `now` was sampled. */
  readonly now: Clocks
  /** Length of the interval in milliseconds of the monotonic clock; more than 0. */
  readonly ms: number
}

/** What a judgement is made with, besides the samples. */
export interface Context<O extends Options = Options> {
  readonly span: Span
  readonly limits: Limits<O>
}

/** What the agent itself did after a sample was taken, so that the next check does not take it for somebody else's. */
export interface OwnDeeds {
  /** CPU time of this process and its ended children so far, in milliseconds. */
  readonly cpuMs?: number
  /** Terminals that a warning was written to: their facts, read after the write. */
  readonly warned: readonly FileStat[]
  /** Units whose noise is learned from now on; left out where nothing was. */
  readonly watch?: readonly string[]
}

export interface Sensor<Sample, O extends Options = Options> {
  readonly name: string
  /** Changes when an older sample can no longer be read. */
  readonly sampleVersion: number
  /** Defaults, bounds, units and descriptions of its settings. */
  readonly options: O
  /** How long `read` may take, in milliseconds; 4000 unless said. */
  readonly readMs?: number
  /** Its figures are rates, of which a part may be noise: see learnables.ts. */
  readonly learns?: true
  /** I/O only. `before` is the last stored sample, of this run of the machine or an earlier one. May throw: the loop turns a throw into `unknown`. */
  read(host: Host, signal: AbortSignal, before?: Sample): Promise<Sample>
  /** Pure, where it matters: takes the agent's own deeds into the sample that is stored. */
  settle?(sample: Sample, deeds: OwnDeeds): Sample
  /** Pure. `before` is the sample at the beginning of the interval. May throw: the loop turns a throw into `unknown`. */
  judge(now: Sample, before: Sample, context: Context<O>): Reading
  /**
   * I/O, and only after `judge` said `active`: reads what is too costly for every check and may show that it was nobody's
   * work. Returns the sample to judge again and to keep, or `undefined` where there is nothing to add. May throw, or take
   * too long: the first judgement stands.
   */
  excuse?(
    host: Host,
    given: Context<O> & { readonly now: Sample; readonly before: Sample },
    signal: AbortSignal,
  ): Promise<Sample | undefined>
}
