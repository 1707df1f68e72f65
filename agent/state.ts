/** The agent's memory on disk: one file, replaced atomically; what cannot be read is moved aside and counts as nothing. */
import { HostError, messageOf } from './errors.ts'
import { isInTheWay } from './host/aside.ts'
import type { Host } from './host/host.ts'
import {
  booleanAt,
  clocksAt,
  isObject,
  type JsonObject,
  listAt,
  numberAt,
  numberUpTo,
  objectAt,
  oneOf,
  optional,
  parseObject,
  textAt,
} from './parse.ts'
import type {
  Attempt,
  Clocks,
  FalseStop,
  Instant,
  LeaseChain,
  RunIdentity,
  State,
  StateTags,
  WeakEvidence,
} from './types.ts'
import { isWeakEvidence } from './words.ts'

/** Version of the file's form. A file of another version is moved aside. */
const SCHEMA = 'idle-agent.state.v1'

/** Whom a sensor named, and since when it has been them at each check. */
export interface Known {
  readonly key: string
  readonly since: Instant
}

/** A sensor's last sample and the form it is in. */
export interface StoredSample {
  readonly version: number
  readonly sample: unknown
  /** When it was taken, where that was before the others: its sensor could not be read since. */
  readonly at?: Instant
  readonly who?: Known
}

/** What the cloud is known to show, and when a failed write may be tried again. */
export interface TagMirror {
  readonly written?: StateTags
  readonly instanceId?: string
  readonly failures: number
  /** Over how many milliseconds the writes of machines like this one have to be spread; left out where none was throttled lately. */
  readonly spreadMs?: number
  /** Since when, in boot-time milliseconds, a change waits for its moment in that time. */
  readonly sinceBootMs?: number
  /** Boot-time milliseconds before which no tag write is tried. */
  readonly notBeforeBootMs?: number
  readonly bootId?: string
}

export interface Stored {
  readonly state: State
  readonly samples: Readonly<Record<string, StoredSample>>
  /** Clocks when the samples were taken. */
  readonly sampledAt: Clocks
  readonly mirror: TagMirror
  /** Since when users' leases hold without their input. */
  readonly leases?: readonly LeaseChain[]
  /** Sensors that cannot be read, and when they last could (ISO 8601); where they never could in this run, its first check. */
  readonly blind?: JsonObject
  /** What the last check belongs to (check/segment.ts). */
  readonly segment?: object | undefined
  /** What is known of this machine's noise; read by check/noise.ts, which takes what it cannot read for nothing. */
  readonly floors?: unknown
}

/** Loads the state. `problem` says what was wrong with something that had to be ignored. Throws HostError where the host cannot read it. */
export async function loadState(host: Host, path: string): Promise<{ stored?: Stored; problem?: string }> {
  try {
    const text = await host.store.read(path)
    return text === undefined ? {} : { stored: parseStored(text) }
  } catch (error) {
    if (error instanceof HostError && !isInTheWay(error)) throw error
    return { problem: `${path} cannot be used (${messageOf(error)}); starting without it` }
  }
}

/** Replaces the state file atomically. Throws HostError. */
export async function saveState(host: Host, path: string, stored: Stored): Promise<void> {
  await host.store.replace(path, `${JSON.stringify({ schema: SCHEMA, ...stored })}\n`, 0o600)
}

function parseStored(text: string): Stored {
  const file = parseObject(text)
  if (file['schema'] !== SCHEMA) throw new Error(`its form is ${String(file['schema'])}, not ${SCHEMA}`)
  const samples: Record<string, StoredSample> = {}
  for (const [name, value] of Object.entries(objectAt(file, 'samples'))) {
    if (!isObject(value)) continue
    const at = optional(value, 'at', numberAt)
    samples[name] = {
      version: numberAt(value, 'version'),
      sample: value['sample'],
      ...at,
      ...optional(value, 'who', knownAt),
    }
  }
  return {
    state: parseState(objectAt(file, 'state')),
    samples,
    sampledAt: clocksAt(file, 'sampledAt'),
    mirror: parseMirror(objectAt(file, 'mirror')),
    ...optional(file, 'leases', (object, key) => listAt(object, key, parseChain)),
    ...optional(file, 'blind', objectAt),
    ...optional(file, 'segment', objectAt),
    ...optional(file, 'floors', (object, key) => object[key]),
  }
}

function knownAt(object: JsonObject, key: string): Known {
  const who = objectAt(object, key)
  return { key: textAt(who, 'key'), since: numberAt(who, 'since') }
}

function parseChain(value: unknown): LeaseChain {
  if (!isObject(value)) throw new Error('leases holds something else')
  const told = value['told'] === true ? { told: true as const } : {}
  return { uid: numberAt(value, 'uid'), since: numberAt(value, 'since'), ...told }
}

function parseMirror(mirror: JsonObject): TagMirror {
  return {
    failures: numberAt(mirror, 'failures'),
    ...optional(mirror, 'instanceId', textAt),
    ...optional(mirror, 'spreadMs', numberAt),
    ...optional(mirror, 'sinceBootMs', numberAt),
    ...optional(mirror, 'notBeforeBootMs', numberAt),
    ...optional(mirror, 'bootId', textAt),
    ...optional(mirror, 'written', tagsAt),
  }
}

function parseState(state: JsonObject): State {
  const score = objectAt(state, 'score')
  const last = clocksAt(state, 'last')
  // One wrong digit must not keep a machine up for ever: nothing is waited for longer than the longest grace, a day.
  const instantAt = numberUpTo(last.monoMs + 86_400_000)
  return {
    identity: parseIdentity(objectAt(state, 'identity')),
    last,
    cadenceMs: listAt(state, 'cadenceMs', (value) => numberAt({ value }, 'value')),
    run: parseRun(objectAt(state, 'run'), instantAt),
    idleSince: instantAt(state, 'idleSince'),
    idleSinceReason: textAt(state, 'idleSinceReason'),
    seen: parseSeen(objectAt(state, 'seen')),
    ...optional(state, 'unknownSince', numberAt),
    alerted: booleanAt(state, 'alerted'),
    ...optional(state, 'warned', warnedAt),
    ...optional(state, 'reported', numberAt),
    tags: tagsAt(state, 'tags'),
    reasonClass: textAt(state, 'reasonClass'),
    attempt: parseAttempt(objectAt(state, 'attempt'), instantAt),
    unseenStops: numberAt(state, 'unseenStops'),
    falseStops: listAt(state, 'falseStops', parseFalseStop),
    ...optional(state, 'told', toldAt),
    score: {
      wouldHaveStopped: numberAt(score, 'wouldHaveStopped'),
      wouldHaveBeenFalse: numberAt(score, 'wouldHaveBeenFalse'),
      ...optional(score, 'lastWallMs', numberAt),
    },
  }
}

/** Who the machine was. Throws Error naming the key. */
export function parseIdentity(identity: JsonObject): RunIdentity {
  return {
    bootId: textAt(identity, 'bootId'),
    ...optional(identity, 'instanceId', textAt),
    ...optional(identity, 'startedAt', textAt),
    ...optional(identity, 'resumeStamp', textAt),
  }
}

function parseRun(run: JsonObject, instantAt: typeof numberAt): State['run'] {
  return {
    id: textAt(run, 'id'),
    began: clocksAt(run, 'began'),
    cause: textAt(run, 'cause'),
    graceUntil: instantAt(run, 'graceUntil'),
    personSeen: booleanAt(run, 'personSeen'),
    ...optional(run, 'settling', booleanAt),
    ...optional(run, 'canHibernate', booleanAt),
    ended: booleanAt(run, 'ended'),
  }
}

function parseSeen(seen: JsonObject): State['seen'] {
  const found: { [K in WeakEvidence]?: { at: number; limitMs: number } } = {}
  for (const kind of Object.keys(seen)) {
    if (!isWeakEvidence(kind)) continue
    const mark = objectAt(seen, kind)
    found[kind] = { at: numberAt(mark, 'at'), limitMs: numberAt(mark, 'limitMs') }
  }
  return found
}

function parseAttempt(attempt: JsonObject, instantAt: typeof numberAt): Attempt {
  return {
    refusals: numberAt(attempt, 'refusals'),
    stopInstead: booleanAt(attempt, 'stopInstead'),
    ...optional(attempt, 'silences', numberAt),
    ...optional(attempt, 'retryAt', instantAt),
    ...optional(attempt, 'notReadySince', numberAt),
    ...optional(attempt, 'refusal', textAt),
  }
}

function parseFalseStop(value: unknown): FalseStop {
  if (!isObject(value)) throw new Error('falseStops holds something else')
  return { wallMs: numberAt(value, 'wallMs'), hourClass: textAt(value, 'hourClass') }
}

function toldAt(object: JsonObject, key: string): NonNullable<State['told']> {
  const told = objectAt(object, key)
  return {
    intentId: textAt(told, 'intentId'),
    result: oneOf(told, 'result', ['hibernated', 'stopped']),
    offMs: numberAt(told, 'offMs'),
    falseStop: booleanAt(told, 'falseStop'),
  }
}

function warnedAt(object: JsonObject, key: string): NonNullable<State['warned']> {
  const warned = objectAt(object, key)
  return { idleSince: numberAt(warned, 'idleSince'), due: numberAt(warned, 'due') }
}

function tagsAt(object: JsonObject, key: string): StateTags {
  const tags = objectAt(object, key)
  return {
    IdleStatus: oneOf(tags, 'IdleStatus', ['active', 'idle']),
    IdleSince: textAt(tags, 'IdleSince'),
    IdleAction: oneOf(tags, 'IdleAction', ['', 'hibernating', 'hibernated', 'stopping', 'stopped']),
    IdleReason: textAt(tags, 'IdleReason'),
  }
}
