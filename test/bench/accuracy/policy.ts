// What decides over a series: told sample by sample while the machine runs, and asked whether to stop it.
import type { Series } from './series.ts'

export interface Policy {
  /** The machine was started, or is seen again after a time without samples; `wallMs` is now. */
  start(wallMs: number, stopped: boolean): void
  /** The sample `slot` is over; true stops the machine now. */
  look(slot: number): boolean
  /** Something began so many minutes after the stop. */
  regret?(minutes: number): void
}

export interface Contender {
  readonly name: string
  readonly about: string
  over(series: Series, typed?: Uint8Array): Policy
}
