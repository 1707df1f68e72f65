/** Deliberately broken agents: each must be caught by the property that it breaks. */

import { decide, type Input } from '../../agent/decide/state.ts'
import type { Host } from '../../agent/host/host.ts'
import type { Clocks, Decision, Moment, NamedReading, State } from '../../agent/types.ts'
import { type History, makeCrashBase } from './histories.ts'
import type { Property } from './properties.ts'
import type { Tricks } from './world.ts'

export interface Mutant extends Tricks {
  readonly name: string
  /** Any of these reports it. */
  readonly caughtBy: readonly [Property, ...Property[]]
  /** Histories that are rich in what it does wrong; the general ones, unless given. */
  readonly histories?: (seed: number) => History
}

type Store = Host['store']

/** A mutant that decides rightly about a wrong input. */
function deaf(name: string, caughtBy: Mutant['caughtBy'], change: (input: Input) => Input): Mutant {
  return { name, caughtBy, decide: (input) => decide(change(input)) }
}

/** A mutant that spoils a right decision. */
function clumsy(
  name: string,
  caughtBy: Mutant['caughtBy'],
  change: (decision: Decision, input: Input) => Decision,
): Mutant {
  return { name, caughtBy, decide: (input) => change(decide(input), input) }
}

function mapReadings(input: Input, change: (reading: NamedReading) => NamedReading): Input {
  return { ...input, readings: input.readings.map(change) }
}

function idleReading({ sensor, reason }: NamedReading): NamedReading {
  return { sensor, kind: 'idle', reason }
}

function withState(input: Input, change: (state: State) => State): Input {
  return input.state === undefined ? input : { ...input, state: change(input.state) }
}

function shifted(clocks: Clocks, ms: number): Clocks {
  return { wallMs: clocks.wallMs + ms, bootMs: clocks.bootMs + ms, monoMs: clocks.monoMs + ms }
}

function act(decision: Decision, method: 'hibernate' | 'stop'): Decision {
  const { waitUntil: _, ...rest } = decision
  return { ...rest, phase: 'acting', actions: [{ kind: 'act', method }] }
}

function withoutWait(decision: Decision): Decision {
  const { waitUntil: _, ...rest } = decision
  return rest
}

function withoutIntent({ intent: _, ...now }: Moment): Moment {
  return now
}

function withTags(decision: Decision, tags: Partial<State['tags']>): Decision {
  return { ...decision, state: { ...decision.state, tags: { ...decision.state.tags, ...tags } } }
}

/** Does not see that another run began: takes the new identity for the old one, and the clocks as if they never parted. */
function blindToResume(input: Input): Input {
  const { state, now } = input
  if (state === undefined || state.identity.bootId !== now.identity.bootId) return input
  const last = shifted(now.clocks, state.last.monoMs - now.clocks.monoMs)
  return {
    ...input,
    state: { ...state, last, identity: now.identity, run: { ...state.run, ended: false } },
    now: withoutIntent(now),
  }
}

function countWallTime(input: Input): Input {
  const { now } = input
  return withState(input, (state) => {
    const stepped = now.clocks.wallMs - state.last.wallMs - (now.clocks.bootMs - state.last.bootMs)
    return { ...state, idleSince: Math.min(state.idleSince, state.idleSince - stepped) }
  })
}

let flips = 0

export const mutants: readonly Mutant[] = [
  deaf('counts from the beginning of the interval', ['P1', 'P3'], (input) =>
    mapReadings(input, (reading) =>
      reading.kind === 'active' && input.state !== undefined ? { ...reading, at: input.state.last.monoMs } : reading,
    ),
  ),
  deaf('takes unknown for idle', ['P1', 'P2'], (input) =>
    mapReadings(input, (reading) => (reading.kind === 'unknown' ? idleReading(reading) : reading)),
  ),
  deaf('has no grace', ['P1', 'P2'], (input) => ({ ...input, policy: { ...input.policy, bootGraceMs: 0 } })),
  deaf('does not wait for cloud-init', ['P1', 'P2'], (input) => ({
    ...input,
    now: { ...input.now, cloudInitRunning: false },
  })),
  deaf('counts time that nobody observed', ['P1'], (input) =>
    withState(input, (state) => {
      const { monoMs } = input.now.clocks
      const gap = monoMs - state.last.monoMs - input.policy.checkIntervalMs
      return gap > 0 ? { ...state, last: shifted(state.last, gap) } : state
    }),
  ),
  deaf('does not see a resume', ['P1', 'P2', 'P4'], blindToResume),
  deaf('counts steps of the wall clock', ['P1', 'P3'], countWallTime),
  deaf('does not hear input', ['P3'], (input) =>
    mapReadings(input, (reading) =>
      reading.sensor === 'input' && reading.kind === 'active' ? idleReading(reading) : reading,
    ),
  ),
  deaf('does not feel work', ['P3'], (input) =>
    mapReadings(input, (reading) =>
      reading.sensor === 'work' && reading.kind === 'active' ? idleReading(reading) : reading,
    ),
  ),
  deaf('acts in spite of a veto', ['P2'], (input) => ({ ...input, vetoes: [] })),
  {
    ...deaf('does not wait for an accepted stop to happen', ['P4'], (input) =>
      input.now.intent?.phase === 'accepted' && input.now.intent.runId !== input.state?.run.id
        ? { ...input, now: withoutIntent(input.now) }
        : input,
    ),
    histories: makeCrashBase,
  },
  clumsy('tries another method while an outcome is unknown', ['P4'], (decision) => ({
    ...decision,
    actions: decision.actions.map((action) =>
      action.kind === 'act' && action.intentId !== undefined
        ? { kind: 'act', method: action.method === 'stop' ? 'hibernate' : 'stop' }
        : action,
    ),
  })),
  clumsy('acts early instead of waiting', ['P1', 'P3'], (decision, { policy }) =>
    decision.waitUntil !== undefined && policy.action !== 'report' ? act(decision, policy.action) : decision,
  ),
  clumsy('does not wait for the due time', ['P5'], (decision) => withoutWait(decision)),
  deaf('takes its own wait for time that nobody observed', ['P5'], ({ now: { lookedAt: _, ...now }, ...input }) => ({
    ...input,
    now,
  })),
  clumsy('never acts', ['P5'], (decision) => ({ ...decision, actions: [] })),
  deaf('lets a hold count from when it was last seen', ['P5'], (input) =>
    withState(input, (state) => ({
      ...state,
      seen: { ...state.seen, output: { at: input.now.clocks.monoMs, limitMs: input.now.clocks.monoMs } },
    })),
  ),
  deaf('takes weak evidence for strong', ['P6'], (input) =>
    mapReadings(input, (reading) =>
      reading.kind === 'hold' ? { kind: 'active', sensor: reading.sensor, reason: reading.reason } : reading,
    ),
  ),
  clumsy('moves the idle clock back', ['P1', 'P3', 'P6'], (decision) => ({
    ...decision,
    state: { ...decision.state, idleSince: decision.state.idleSince - 1 },
  })),
  clumsy('names a due time before the threshold', ['P6'], (decision) =>
    decision.due === undefined ? decision : { ...decision, due: decision.state.idleSince },
  ),
  clumsy('gives up once an outcome is unknown', ['P5', 'P7'], (decision, { now }) =>
    now.intent?.phase === 'intended'
      ? { ...decision, actions: [], state: { ...decision.state, idleSince: now.clocks.monoMs } }
      : decision,
  ),
  clumsy('forgets a call that may have been accepted once somebody is active', ['P8'], (decision) =>
    decision.outcome?.result === 'withdrawn'
      ? { ...decision, outcome: { ...decision.outcome, result: 'abandoned' } }
      : decision,
  ),
  clumsy('claims to have hibernated', ['P8'], (decision) => withTags(decision, { IdleAction: 'hibernated' })),
  clumsy('dates the tags anew at each check', ['P8'], (decision, { now }) =>
    withTags(decision, { IdleSince: new Date(now.clocks.wallMs).toISOString() }),
  ),
  clumsy('says idle without since when', ['P8'], (decision) =>
    withTags(decision, { IdleStatus: 'idle', IdleSince: '' }),
  ),
  { name: 'overwrites its files in place', caughtBy: ['P9'], store: tornStore },
  { name: 'appends to a torn line', caughtBy: ['P9'], store: gluingStore },
  clumsy('is not pure', ['P10'], (decision) => {
    flips += 1
    return { ...decision, reason: `${decision.reason} ${flips}` }
  }),
  {
    name: 'writes into its input',
    caughtBy: ['P7', 'P10'],
    decide: (input) => {
      if (input.state !== undefined) Object.assign(input.state, { idleSinceReason: 'mine' })
      return decide(input)
    },
  },
]

/** Broken in what only a crash brings to light. */
export const crashMutants: readonly Mutant[] = [
  deaf('forgets its journal', ['P4'], (input) => ({ ...input, now: withoutIntent(input.now) })),
  clumsy('never gets over an open intent', ['P5'], (decision, { now }) =>
    now.intent?.phase === 'intended' ? { ...decision, actions: [] } : decision,
  ),
  { name: 'overwrites its files in place', caughtBy: ['P9'], store: tornStore },
  { name: 'appends to a torn line', caughtBy: ['P9'], store: gluingStore },
]

/** Writes the first half, and only then the rest. */
function tornStore(store: Store): Store {
  return {
    ...store,
    replace: async (path, text, mode) => {
      await store.remove(path)
      await store.create(path, text.slice(0, text.length >> 1), mode)
      await store.remove(path)
      await store.create(path, text, mode)
    },
  }
}

/** Does not begin a new line after a torn one. */
function gluingStore(store: Store): Store {
  return {
    ...store,
    append: async (path, line, mode) => {
      const text = (await store.read(path)) ?? ''
      const torn = text !== '' && !text.endsWith('\n')
      if (!torn) return store.append(path, line, mode)
      await store.replace(path, text + line, mode)
      return Buffer.byteLength(text + line)
    },
  }
}
