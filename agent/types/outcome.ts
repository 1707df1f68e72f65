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
  /** Somebody else owns the instance (one-time Spot, fleet): never. */
  | 'owned'
  /** Not running, already stopping. */
  | 'wrong-state'
  /** The service or the network, before the call was sent. */
  | 'unreachable'
  | 'other'

export type Outcome =
  | { readonly result: 'accepted'; readonly detail: string }
  | { readonly result: 'refused'; readonly why: Refusal; readonly code: string; readonly message: string }
  /** Sent, and no answer that could be understood: it may have been executed. */
  | { readonly result: 'unknown'; readonly message: string }
