/** The error classes, each saying who must act, and the exit code that goes with it. */

/** The operator's input is wrong: exit 2. `problems` are printed one a line. */
export class UsageError extends Error {
  readonly exitCode = 2
  readonly problems: readonly string[]
  constructor(problems: string | readonly string[], options?: ErrorOptions) {
    const list = typeof problems === 'string' ? [problems] : problems
    super(list.join('\n'), options)
    this.name = 'UsageError'
    this.problems = list
  }
}

/** The cloud refused or could not be reached: exit 3. */
export class CloudError extends Error {
  readonly exitCode = 3
  readonly code: string
  readonly retryable: boolean
  /** There were too many calls, not ours alone. */
  readonly throttled: boolean
  /** How long the cloud asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
  constructor(
    message: string,
    details: {
      code: string
      retryable: boolean
      throttled?: boolean
      retryAfterMs?: number | undefined
      cause?: unknown
    },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'CloudError'
    this.code = details.code
    this.retryable = details.retryable
    this.throttled = details.throttled === true
    this.retryAfterMs = details.retryAfterMs
  }
}

/** Another check holds the lock: exit 4, or 0 while that one only waits for its due time. */
export class LockedError extends Error {
  readonly exitCode: 0 | 4
  /** The holder's entry in the folder of the lock, where it has held it far longer than any check needs. */
  readonly hanging: string | undefined
  constructor(message: string, { waiting, hanging }: { readonly waiting: boolean; readonly hanging?: string }) {
    super(message)
    this.name = 'LockedError'
    this.exitCode = waiting ? 0 : 4
    this.hanging = hanging
  }
}

/** This host prevented it (disk full, state not writable, file unreadable): exit 5. */
export class HostError extends Error {
  readonly exitCode = 5
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HostError'
  }
}

/** Message of anything thrown, for a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
