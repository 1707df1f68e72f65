// One program in one situation: what the bench runs, brings about before each run, and expects of it.
import type { Command, Run } from './processes.ts'

/** One side of a case. */
export interface Side {
  readonly command: Command
  /** Brings about the situation that the next run is to find. */
  prepare(): void
  /** Throws if the run did not do what the case says. */
  verify(run: Run): void
}

/** A command that finds the same whenever it is run, and must say these words. */
export function plainSide(command: Command, words: string): Side {
  return { command, prepare: () => undefined, verify: (run) => expectWords(run, words) }
}

/** Throws unless the run ended well and said these words. */
export function expectWords(run: Run, words: string): void {
  if (run.status === 0 && run.stdout.includes(words)) return
  throw new Error(`expected '${words}', got exit ${run.status}: ${run.stdout}${run.stderr}`)
}
