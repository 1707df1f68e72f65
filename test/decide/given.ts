/** Moments, states and readings for tests of the decision, and a machine that is checked again and again. */
import { decide, type Input } from '../../agent/decide/state.ts'
import type {
  Clocks,
  Decision,
  Intent,
  Moment,
  NamedReading,
  Policy,
  RunIdentity,
  State,
  Veto,
  WeakEvidence,
} from '../../agent/types.ts'

export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 3_600_000
/** A Monday, 06:00 UTC. */
export const WALL = Date.UTC(2026, 10, 16, 6)
export const BOOT = '11111111-2222-4333-8444-555555555555'

export const policy: Policy = {
  enabled: true,
  idleThresholdMs: 5 * MINUTE,
  hibernateThresholdMs: 10 * MINUTE,
  checkIntervalMs: 2 * MINUTE,
  action: 'hibernate',
  bootGraceMs: 10 * MINUTE,
  notReadyMs: 10 * MINUTE,
  unknownCeilingMs: 24 * HOUR,
}

export const identity: RunIdentity = { bootId: BOOT, instanceId: 'i-1', startedAt: '2026-11-16T05:00:00Z' }

/** Clocks that have run for `ms` since `from`, the boot-time clock with sleep, the wall clock stepped too. */
export function later(from: Clocks, ms: number, parted: { sleptMs?: number; steppedMs?: number } = {}): Clocks {
  const { sleptMs = 0, steppedMs = 0 } = parted
  return {
    wallMs: from.wallMs + ms + sleptMs + steppedMs,
    bootMs: from.bootMs + ms + sleptMs,
    monoMs: from.monoMs + ms,
  }
}

export const start: Clocks = { wallMs: WALL, bootMs: HOUR, monoMs: HOUR }

export function moment(clocks: Clocks, more: Partial<Moment> = {}): Moment {
  return { clocks, identity, cloudInitRunning: false, ...more }
}

/** A run that began at `start`, without grace, last checked then, and idle since then. */
export function state(more: Partial<State> = {}, run: Partial<State['run']> = {}): State {
  return {
    identity,
    last: start,
    cadenceMs: [],
    run: {
      id: 'run-1',
      began: start,
      cause: 'booted',
      graceUntil: start.monoMs,
      personSeen: false,
      ended: false,
      ...run,
    },
    idleSince: start.monoMs,
    idleSinceReason: 'the run began',
    seen: {},
    alerted: false,
    tags: { IdleStatus: 'active', IdleSince: '', IdleAction: '', IdleReason: '' },
    reasonClass: '',
    attempt: { refusals: 0, stopInstead: false },
    unseenStops: 0,
    falseStops: [],
    score: { wouldHaveStopped: 0, wouldHaveBeenFalse: 0 },
    ...more,
  }
}

export function intent(more: Partial<Intent> = {}): Intent {
  return {
    id: 'intent-1',
    runId: 'run-1',
    ...identity,
    method: 'hibernate',
    at: start,
    phase: 'intended',
    personSeen: false,
    ...more,
  }
}

export const idle: NamedReading = { sensor: 'cpu', kind: 'idle', reason: 'no work' }
export const busy: NamedReading = { sensor: 'cpu', kind: 'active', reason: 'make works' }
export const blind: NamedReading = { sensor: 'gpu', kind: 'unknown', reason: 'nvidia-smi hangs' }
export const absent: NamedReading = { sensor: 'gpu', kind: 'absent', reason: 'no GPU' }

export function typed(at: number): NamedReading {
  return { sensor: 'sessions', kind: 'active', reason: 'somebody types', at, person: true }
}

export function held(evidence: WeakEvidence, limitMinutes: number): NamedReading {
  return { sensor: 'sessions', kind: 'hold', reason: `${evidence} is there`, evidence, limitMinutes }
}

export interface CheckUp {
  readonly readings?: readonly NamedReading[]
  readonly vetoes?: readonly Veto[]
  readonly policy?: Partial<Policy>
  readonly moment?: Partial<Moment>
  readonly parted?: { sleptMs?: number; steppedMs?: number }
}

/** A machine under check: each `after` is a check that many milliseconds after the last one, and what it decided is stored. */
export class Machine {
  clocks: Clocks
  state: State | undefined
  constructor(from: { state?: State; clocks?: Clocks } = {}) {
    this.state = from.state
    this.clocks = from.clocks ?? from.state?.last ?? start
  }

  after(ms: number, up: CheckUp = {}): Decision {
    this.clocks = later(this.clocks, ms, up.parted)
    const input: Input = {
      state: this.state,
      readings: up.readings ?? [idle],
      vetoes: up.vetoes ?? [],
      policy: { ...policy, ...up.policy },
      now: moment(this.clocks, up.moment),
    }
    const decision = decide(input)
    if (decision.store) this.state = decision.state
    return decision
  }
}

export function kinds(decision: Decision): readonly string[] {
  return decision.actions.map(({ kind }) => kind)
}
