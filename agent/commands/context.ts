/** What every command is given. */
import type { Host } from '../host/host.ts'

/** The flags that every command understands, as given; `undefined` where the default or the environment decides. */
export interface GlobalFlags {
  readonly json: boolean
  readonly root: string | undefined
  /** From the flag, else from IDLE_AGENT_STATE_DIR. */
  readonly stateDir: string | undefined
  readonly config: string | undefined
}

export interface CommandContext {
  readonly host: Host
  readonly flags: GlobalFlags
  /** What follows the command's name, without the global flags. */
  readonly args: readonly string[]
  /** Prints one line on stdout. */
  out(line: string): void
  /** Prints one line on stderr, where somebody may read it. */
  err?(line: string): void
  /** True where stdout is a terminal that shows colours. */
  readonly colour: boolean
}

/** A command; resolves to its exit code, throws one of the errors of errors.ts. */
export type Command = (context: CommandContext) => Promise<number>
