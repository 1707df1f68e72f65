// What a soak is asked, and what it tells in the end.
import type { FaultName } from './faults.ts'
import type { Sample } from './figures.ts'
import type { Call } from './promises.ts'

export interface SoakOptions {
  readonly checks: number
  /** Checks between two measurements. */
  readonly sampleEvery: number
  readonly seed: number
  /** The resident agent, and its first arguments; without one, the executable as cron runs it. */
  readonly program?: readonly string[]
  /** What that agent does wrong, by the names in mutants.ts, with commas between them. */
  readonly mutant?: string
  /** How many on a day when somebody works, about. */
  readonly faultsADay: number
  /** Which; all there are unless told. */
  readonly kinds?: readonly FaultName[]
  /** A history and a log that are about to be rolled up are there already. */
  readonly past?: true
  /** More lines of the configuration's block, each indented by two. */
  readonly settings?: string
  readonly say?: (line: string) => void
}

export interface SoakResult {
  readonly checks: number
  readonly killed: number
  /** Days of the machine's calendar. */
  readonly days: number
  readonly boots: number
  readonly resumes: number
  readonly stops: number
  readonly requests: { readonly metadata: number; readonly api: number }
  readonly auditLines: number
  readonly rewritings: number
  readonly faults: Readonly<Record<string, number>>
  /** Each accepted stop. */
  readonly calls: readonly Call[]
  readonly samples: readonly Sample[]
  /** What each check called the machine: `idle (counting)`; '' of one that was killed. */
  readonly verdicts: readonly string[]
  /** What was done in the order of the log: `hibernate done`. */
  readonly deeds: readonly string[]
  readonly problems: readonly string[]
  readonly seconds: number
}
