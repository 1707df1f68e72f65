/** What becomes of a call that failed, alike on every cloud; what its codes mean, each cloud says. */
import { CloudError } from '../errors.ts'
import type { Outcome, Refusal } from '../types/outcome.ts'

interface Told {
  readonly code: string
  readonly message: string
  /** How long the cloud asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined
}

export type FailureOf<Answer extends Told> =
  /** The API said no, with an error code: it was not executed. */
  | ({ readonly kind: 'answered' } & Answer)
  /** It never left this machine, or never got a connection: it was not executed. */
  | ({ readonly kind: 'unsent' } & Told)
  /** It may have been executed. */
  | { readonly kind: 'lost'; readonly message: string }

/** The words of one cloud. */
export interface Words {
  /** What each refusal means for the operator, in words that fit a tag behind code and reason. */
  readonly advices: Readonly<Partial<Record<Refusal, string>>>
  /** Where one reason stands for several facts. */
  special(code: string, message: string): string | undefined
  /** Codes of errors from before anything was sent; any other means that the API cannot be reached. */
  readonly unsent: Readonly<Record<string, Refusal>>
}

export const doctor = 'see "sudo idle-agent doctor"'

function refused({ advices, special }: Words, why: Refusal, { code, message, retryAfterMs }: Told): Outcome {
  const advice = special(code, message) ?? advices[why]
  return {
    result: 'refused',
    why,
    code,
    message,
    ...(advice === undefined ? {} : { advice }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

function whyOf<Answer extends Told>(failure: FailureOf<Answer>, refusalOf: (answer: Answer) => Refusal): Refusal {
  return failure.kind === 'answered' ? refusalOf(failure) : 'unreachable'
}

/** A failed call as an outcome. */
export function asOutcome<Answer extends Told>(
  words: Words,
  failure: FailureOf<Answer>,
  refusalOf: (answer: Answer) => Refusal,
): Outcome {
  if (failure.kind === 'lost') return { result: 'unknown', message: failure.message }
  return refused(words, whyOf(failure, refusalOf), failure)
}

/** A CloudError from before anything was sent, as an outcome. */
export function asUnsent(words: Words, error: CloudError): Outcome {
  return refused(words, words.unsent[error.code] ?? 'unreachable', error)
}

/** A failed call that stops nothing, as the error that its caller gets. */
export function asError<Answer extends Told>(
  failure: FailureOf<Answer>,
  action: string,
  refusalOf: (answer: Answer) => Refusal,
): CloudError {
  const message = `${action} failed: ${failure.kind === 'answered' ? `${failure.code}: ` : ''}${failure.message}`
  if (failure.kind === 'lost') return new CloudError(message, { code: 'no-answer', retryable: true })
  const why = whyOf(failure, refusalOf)
  const retryable = ['throttled', 'credentials', 'unreachable'].includes(why)
  const { code, retryAfterMs } = failure
  return new CloudError(message, { code, retryable, throttled: why === 'throttled', retryAfterMs })
}
