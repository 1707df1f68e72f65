/** The values that pass between the parts of the agent; types only, no code. */
import type { Cause } from './types/cause.ts'
import type { Culprit } from './types/culprit.ts'

/** Milliseconds on CLOCK_MONOTONIC of the observed host; comparable only within one run of the machine. */
export type Instant = number

/** One reading of the observed host's three clocks, in milliseconds. */
export interface Clocks {
  /** CLOCK_REALTIME since the epoch; may step. */
  readonly wallMs: number
  /** CLOCK_BOOTTIME since boot; includes sleep. */
  readonly bootMs: number
  /** CLOCK_MONOTONIC since boot; stands still in sleep. */
  readonly monoMs: Instant
}

/** Kinds of weak evidence; each holds within its own limit, counted from `idleSince`. */
export type WeakEvidence = 'connection' | 'output' | 'gpu-memory' | 'gpu-work' | 'housekeeping' | 'process' | 'client'

/** The figure behind a reading, where it has one. */
export interface Measure {
  readonly value?: number
  readonly unit?: string
  readonly limit?: number
}

/** A sensor's judgement of one interval. */
export type Reading = Measure &
  (
    | {
        readonly kind: 'active'
        readonly reason: string
        /** When the evidence arose. Set for events (input, a new session); left out for rates, which count to the interval's end. */
        readonly at?: Instant
        /** True when a person, not only a program, was seen. */
        readonly person?: boolean
        /** Users whose own input it was, as far as that can be told. */
        readonly uids?: readonly number[]
        readonly by?: Culprit
      }
    | {
        readonly kind: 'hold'
        readonly reason: string
        readonly evidence: WeakEvidence
        /** Longest hold, in minutes from `idleSince`. */
        readonly limitMinutes: number
      }
    | { readonly kind: 'idle' | 'unknown' | 'absent'; readonly reason: string }
  )

export type NamedReading = Reading & { readonly sensor: string }

/** A reason not to act now that says nothing about activity. */
export interface Veto {
  readonly name: string
  readonly reason: string
  /** What somebody wrote about it, for root's eyes: not in tags, not in the status. */
  readonly detail?: string
  /** When it ends by itself, where that is known. */
  readonly until?: Instant
  /** The user whose lease it is, root excepted: together they hold no longer than the ceiling. */
  readonly holder?: number
}

/** Since when a user's leases, whichever they were, hold without any input of that user. */
export interface LeaseChain {
  readonly uid: number
  readonly since: Instant
  /** It was recorded that they hold no longer. */
  readonly told?: true
}

export type Verdict = 'active' | 'idle' | 'unknown'
/** Where the state machine stands; the names of `check --json`. */
export type Phase = 'grace' | 'active' | 'counting' | 'idle' | 'held' | 'acting'

/** The two ways to stop paying for a machine. */
export type Method = 'hibernate' | 'stop'
/** What the operator wants done at the end; `undefined` follows the cloud's default. */
export type WantedAction = Method | 'report'

/** The validated configuration, in the units the code works in. */
export interface Policy {
  readonly enabled: boolean
  readonly idleThresholdMs: number
  readonly hibernateThresholdMs: number
  readonly checkIntervalMs: number
  readonly action: WantedAction
  readonly bootGraceMs: number
  readonly notReadyMs: number
  readonly unknownCeilingMs: number
}

/** What tells one run of the machine from another. */
export interface RunIdentity {
  readonly bootId: string
  /** Cloud instance id; `undefined` while metadata has never answered in this run. */
  readonly instanceId?: string
  /** The provider's last start time (AWS `pendingTime`); `undefined` when it could not be read, or there is none. */
  readonly startedAt?: string
  /** Content of the resume hook's stamp; `undefined` when there is none. */
  readonly resumeStamp?: string
}

/** One attempt to stop the machine, as the journal tells it, with who the machine was. */
export interface Intent extends RunIdentity {
  readonly id: string
  readonly runId: string
  readonly method: Method
  /** When it was written. */
  readonly at: Clocks
  /** `intended`: written, and perhaps sent; the outcome is not known. `withdrawn`: the same, and not to be sent again. */
  readonly phase: 'intended' | 'accepted' | 'withdrawn'
  /** Was a person seen in the run that it ended? Feeds the breaker. */
  readonly personSeen: boolean
}

/** What an intent turned out to be. */
export interface IntentOutcome {
  readonly intentId: string
  /** `withdrawn`: somebody is active, so it is not sent again; it may still take the machine down. */
  readonly result: 'hibernated' | 'stopped' | 'failed' | 'abandoned' | 'withdrawn'
  readonly offMs: number
  readonly falseStop: boolean
}

/** Everything about the present that a decision needs besides the readings. */
export interface Moment {
  readonly clocks: Clocks
  readonly identity: RunIdentity
  readonly cloudInitRunning: boolean
  /** The journal's open intent, if any. */
  readonly intent?: Intent
  /** In a check that looks again: when it looked before. */
  readonly lookedAt?: Instant
  /** Was the machine launched with hibernation? Asked once in a run; `undefined` where it was not asked, or not told. */
  readonly canHibernate?: boolean
}

/** The agent's state tags, without prefix. */
export interface StateTags {
  readonly IdleStatus: 'active' | 'idle'
  readonly IdleSince: string
  readonly IdleAction: '' | 'hibernating' | 'hibernated' | 'stopping' | 'stopped'
  readonly IdleReason: string
}

/** An accepted stop that the owner took back by starting the machine within 30 minutes. */
export interface FalseStop {
  readonly wallMs: number
  readonly hourClass: string
}

/** What the state machine remembers from one check to the next. */
export interface State {
  readonly identity: RunIdentity
  /** The clocks of the last stored check. */
  readonly last: Clocks
  /** The last three distances between stored checks, in milliseconds. */
  readonly cadenceMs: readonly number[]
  readonly run: {
    readonly id: string
    readonly began: Clocks
    readonly cause: string
    readonly graceUntil: Instant
    readonly personSeen: boolean
    /** The last check of this run found cloud-init at work. */
    readonly settling?: boolean
    /** As the cloud told once in this run. */
    readonly canHibernate?: boolean
    /** An accepted intent of ours ended this run: if we still run, the next check begins a new one. */
    readonly ended: boolean
  }
  readonly idleSince: Instant
  /** Why the clock stands where it stands. */
  readonly idleSinceReason: string
  readonly seen: { readonly [K in WeakEvidence]?: { readonly at: Instant; readonly limitMs: number } }
  readonly unknownSince?: Instant
  readonly alerted: boolean
  readonly warned?: { readonly idleSince: Instant; readonly due: Instant }
  /** The idle period for which `report` mode counted a stop. */
  readonly reported?: Instant
  readonly tags: StateTags
  /** Class of `tags.IdleReason`: the text is rewritten only when the class changes. */
  readonly reasonClass: string
  readonly attempt: Attempt
  /** Stops in a row of ours in whose run no person was seen. */
  readonly unseenStops: number
  readonly falseStops: readonly FalseStop[]
  /** The stop of ours that is in these figures last: a crash may have left its intent open, and it is not to be counted twice. */
  readonly told?: IntentOutcome
  readonly score: {
    readonly wouldHaveStopped: number
    readonly wouldHaveBeenFalse: number
    readonly lastWallMs?: number
  }
}

/** How the present idle period's attempts to act went. */
export interface Attempt {
  /** Refusals in a row, and how often in a row the cloud told nothing. */
  readonly refusals: number
  readonly silences?: number
  /** Not before this moment again. */
  readonly retryAt?: Instant
  /** Since when hibernation says "not ready yet". */
  readonly notReadySince?: Instant
  /** Set when hibernation turned out to be impossible in this run. */
  readonly stopInstead: boolean
  /** The last refusal, for `status`. */
  readonly refusal?: string
}

/** Something for the loop to do. */
export type Action =
  | { readonly kind: 'act'; readonly method: Method; readonly intentId?: string }
  | { readonly kind: 'warn'; readonly due: Instant }
  | { readonly kind: 'alert'; readonly reason: string }
  | { readonly kind: 'report'; readonly reason: string }

/** How the time since the last stored check is to be understood (kernel.md 4.2). */
export interface Interval {
  readonly kind: 'first' | 'boot' | 'resume' | 'ended' | 'fault' | 'gap' | 'pause' | 'step' | 'merge' | 'steady'
  /** Length in monotonic milliseconds; 0 where there is no earlier check in this run. */
  readonly ms: number
  readonly newRun: boolean
  /** Did somebody observe it? */
  readonly covered: boolean
  readonly reason: string
}

/** The verdict of one check and all that follows from it. */
export interface Decision {
  readonly state: State
  readonly actions: readonly Action[]
  readonly reason: string
  readonly cause: Cause
  readonly verdict: Verdict
  readonly phase: Phase
  readonly interval: Interval
  /** The moment of action if nothing changes; `undefined` while active, unknown or in a hold without an end. */
  readonly due?: Instant
  /** Wait for this moment under the lock, sample again, decide again. */
  readonly waitUntil?: Instant
  /** False for a second check within moments: keep the older sample, store nothing. */
  readonly store: boolean
  /** What an open or past intent of ours turned out to be. */
  readonly outcome?: IntentOutcome
}
