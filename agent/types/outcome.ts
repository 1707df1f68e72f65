/** What a cloud answers to the one call that stops a machine; types only, no code. */

/** Why a call was refused; decides whether and when it is tried again. */
export type Refusal =
  /** Hibernation is not ready yet; passes in minutes. */
  | 'not-ready'
  /** This instance cannot hibernate, ever. */
  | 'unsupported'
  /** Permission missing; passes shortly after boot, else needs an operator. */
  | 'forbidden'
  /** Credentials or clock; a fresh check mends it. */
  | 'credentials'
  | 'throttled'
  /** Stop protection, locks: until an operator changes it. */
  | 'protected'
  /** The agent's own refusal, until an operator allows it in the configuration (`allow`) or changes the instance. */
  | 'opt-in'
  /** It cannot or must not be stopped at all (one-time Spot, fleet, managed by a service, root on instance store): never. */
  | 'owned'
  /** Not running, already stopping. */
  | 'wrong-state'
  /** The service or the network, before the call was sent. */
  | 'unreachable'
  | 'other'

/** What an operator can allow in the configuration although the machine is not ours alone, or loses data by it. */
export type OptIn = 'spot' | 'standby' | 'instance-store-data' | 'flexible-scale-set' | 'scheduled-events'

/** A call that was not executed. */
export interface Refused {
  readonly result: 'refused'
  readonly why: Refusal
  readonly code: string
  readonly message: string
  /** What it means and what an operator can do about it: at most 80 characters, without names, for a tag. */
  readonly advice?: string
  /** How long the cloud asks to wait, in milliseconds: a call before that would only begin the wait anew. */
  readonly retryAfterMs?: number
}

export type Outcome =
  | { readonly result: 'accepted'; readonly detail: string }
  | Refused
  /** Sent, and no answer that could be understood: it may have been executed. */
  | { readonly result: 'unknown'; readonly message: string }
