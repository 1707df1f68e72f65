/** Histories of a machine: what is configured, when cron looks, and everything that happens to it, made from a seed. */

import type { Refusal } from '../../agent/types/outcome.ts'
import type { WeakEvidence } from '../../agent/types.ts'
import { createRandom, draw, type Random } from './random.ts'

// All moments are milliseconds of time that the machine is awake, from the beginning of the history ("tau"); time in which
// it is off or asleep passes between two of them.

export interface Setup {
  readonly intervalMs: number
  readonly idleMs: number
  readonly actMs: number
  readonly graceMs: number
  readonly notReadyMs: number
  readonly wanted: 'hibernate' | 'stop'
  /** The provider tells the last start. */
  readonly tellsStart: boolean
  /** A resume hook stamps each resume. */
  readonly hook: boolean
  /** A clock that never stops lets the kernel learn how long it slept. */
  readonly rtc: boolean
  readonly canHibernate: boolean
  readonly operatorTags: 'optional' | 'required'
  readonly connectionMs: number
  readonly outputMs: number
}

/** What the cloud does with a call that stops the machine. */
export type Answer =
  | 'accept'
  /** Accepted and never carried out. */
  | 'ignore'
  /** The answer is lost on its way; it was executed, or it was not. */
  | 'lost-executed'
  | 'lost'
  /** Executed at once: the process is frozen in its call and woken in the next run of the machine. */
  | 'freeze-lost'
  | 'freeze-accept'
  | Refusal

interface At {
  readonly at: number
}
interface During extends At {
  readonly until: number
}

export type Happening =
  | (At & { readonly kind: 'input' })
  | (During & { readonly kind: 'busy' })
  | (During & { readonly kind: 'weak'; readonly evidence: WeakEvidence })
  | (During & { readonly kind: 'blind' })
  | (During & { readonly kind: 'veto'; readonly tellsEnd: boolean })
  | (During & { readonly kind: 'tag'; readonly name: 'KeepAwakeUntil' | 'Protected' })
  | (During & { readonly kind: 'no-cron' })
  | (During & { readonly kind: 'no-metadata' })
  | (During & { readonly kind: 'no-tags' })
  | (During & { readonly kind: 'no-operator-tags' })
  | (During & { readonly kind: 'disk-full' })
  /** `again`: what calls after the first get. */
  | (During & { readonly kind: 'api'; readonly answer: Answer; readonly again?: Answer })
  /** The owner hibernates or stops it and starts it again. */
  | (At & { readonly kind: 'sleep' | 'boot'; readonly offMs: number; readonly cloudInitMs?: number })
  /** Suspended by somebody inside: the clocks show it, the provider does not. */
  | (At & { readonly kind: 'suspend'; readonly offMs: number })
  /** All clocks stand (live migration, snapshot); the wall clock is stepped some time later, or never. */
  | (At & { readonly kind: 'pause'; readonly offMs: number; readonly stepAfterMs?: number })
  | (At & { readonly kind: 'step'; readonly ms: number })
  | (At & { readonly kind: 'lose-state' | 'corrupt-state' | 'twice' })
  /** The next check dies at its n-th point (disk change, or side of a cloud call); with `cut` the machine loses power. */
  | (At & { readonly kind: 'crash'; readonly point: number; readonly cut: boolean })

export type Kind = Happening['kind']

export interface History {
  readonly seed: number
  readonly setup: Setup
  readonly happenings: readonly Happening[]
  /** From here on nothing happens any more. */
  readonly calmFrom: number
}

export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 3_600_000

/** When the n-th cron job starts: 0 to 5 s late, one in fifty 18 s. */
export function tickAt({ seed, setup }: Pick<History, 'seed' | 'setup'>, n: number): number {
  const drawn = draw(Math.imul(seed, 7919) + n)
  const late = drawn < 0.02 ? 18 * SECOND : draw(Math.imul(seed, 104_729) + n) * 5 * SECOND
  return Math.round((n + draw(seed)) * setup.intervalMs + late)
}

/** A setup that a machine can really have: each resume shows in at least one way. */
function makeSetup(random: Random): Setup {
  const intervalMs = random.pick([120, 120, 120, 60, 300]) * SECOND
  const actMs = intervalMs * random.pick([2, 3, 3, 5, 2.5])
  const signs = random.pick([
    { tellsStart: true, hook: true, rtc: true },
    { tellsStart: true, hook: false, rtc: false },
    { tellsStart: true, hook: false, rtc: true },
    { tellsStart: false, hook: true, rtc: false },
    { tellsStart: false, hook: true, rtc: true },
    { tellsStart: false, hook: false, rtc: true },
  ])
  return {
    intervalMs,
    actMs,
    idleMs: actMs / 2,
    graceMs: intervalMs * random.pick([0, 1, 2, 2.4]),
    notReadyMs: intervalMs * 2,
    wanted: random.pick(['hibernate', 'hibernate', 'stop']),
    ...signs,
    canHibernate: random.chance(0.9),
    operatorTags: random.pick(['optional', 'required']),
    connectionMs: actMs * random.pick([0.6, 1.5, 3]),
    outputMs: actMs * random.pick([1.5, 4]),
  }
}

const answers: readonly [Answer, ...Answer[]] = [
  'ignore',
  'ignore',
  'ignore',
  'lost-executed',
  'lost-executed',
  'lost',
  'lost',
  'freeze-lost',
  'freeze-accept',
  'not-ready',
  'not-ready',
  'unsupported',
  'forbidden',
  'credentials',
  'throttled',
  'protected',
  'owned',
  'wrong-state',
  'unreachable',
  'other',
]

const offs: readonly [number, ...number[]] = [90 * SECOND, 10 * MINUTE, 45 * MINUTE, 14 * HOUR]

/** How often each kind is drawn. */
const weights: readonly (readonly [Kind, number])[] = [
  ['input', 12],
  ['busy', 10],
  ['weak', 10],
  ['blind', 5],
  ['veto', 8],
  ['tag', 4],
  ['no-cron', 4],
  ['no-metadata', 5],
  ['no-tags', 4],
  ['no-operator-tags', 2],
  ['disk-full', 3],
  ['api', 16],
  ['sleep', 6],
  ['boot', 3],
  ['suspend', 2],
  ['pause', 4],
  ['step', 6],
  ['lose-state', 2],
  ['corrupt-state', 2],
  ['twice', 4],
  ['crash', 12],
]
const total = weights.reduce((sum, [, weight]) => sum + weight, 0)

function pickKind(random: Random): Kind {
  let left = random.next() * total
  for (const [kind, weight] of weights) {
    left -= weight
    if (left < 0) return kind
  }
  return 'input'
}

/** One happening of a kind at a moment; what lasts ends before the calm. */
function makeHappening(random: Random, kind: Kind, context: { at: number; calmFrom: number; setup: Setup }): Happening {
  const { at, calmFrom, setup } = context
  const { intervalMs } = setup
  const until = Math.min(calmFrom, at + Math.round(intervalMs * random.next() * random.pick([0.3, 2, 6])) + 1)
  const offMs = random.pick(offs)
  switch (kind) {
    case 'weak':
      return { kind, at, until, evidence: random.pick(['connection', 'output']) }
    case 'veto':
      return { kind, at, until, tellsEnd: random.chance(0.5) }
    case 'tag':
      return { kind, at, until, name: random.pick(['KeepAwakeUntil', 'Protected']) }
    case 'no-cron':
      return { kind, at, until: Math.min(calmFrom, at + intervalMs * random.whole(1, 6)) }
    case 'api':
      return {
        kind,
        at,
        until: random.chance(0.3) ? calmFrom : until,
        answer: random.pick(answers),
        ...(random.chance(0.4) ? { again: random.pick(answers) } : {}),
      }
    case 'sleep':
      return sleepKind(setup, { at, offMs })
    case 'boot':
      return {
        kind,
        at,
        offMs,
        ...(random.chance(0.5) ? { cloudInitMs: Math.round(random.next() * 4 * intervalMs) } : {}),
      }
    case 'suspend':
      return setup.rtc ? { kind, at, offMs } : { kind: 'pause', at, offMs }
    case 'pause':
      return { kind, at, offMs, ...(random.chance(0.7) ? { stepAfterMs: random.whole(0, 300) * SECOND } : {}) }
    case 'step':
      return { kind, at, ms: Math.round((random.chance(0.5) ? -1 : 1) * Math.exp(random.next() * 9.28) * SECOND) }
    case 'crash':
      return { kind, at, point: random.whole(1, 40), cut: random.chance(0.2) }
    case 'input':
    case 'lose-state':
    case 'corrupt-state':
    case 'twice':
      return { kind, at }
    default:
      return { kind, at, until }
  }
}

/** Where the owner's hibernation could show in no way at all, it does not exist. */
function sleepKind(setup: Setup, { at, offMs }: { at: number; offMs: number }): Happening {
  return setup.tellsStart || setup.hook || setup.rtc ? { kind: 'sleep', at, offMs } : { kind: 'boot', at, offMs }
}

/** The history of a seed. */
export function makeHistory(seed: number): History {
  const random = createRandom(seed)
  const setup = makeSetup(random)
  const calmFrom = setup.intervalMs * random.whole(8, 22)
  const count = random.pick([0, 1, 2, 3, 4, 6, 9, 12])
  const happenings = Array.from({ length: count }, () => {
    const at = Math.round(random.next() * calmFrom)
    return makeHappening(random, pickKind(random), { at, calmFrom, setup })
  })
  return { seed, setup, calmFrom, happenings: happenings.sort((a, b) => a.at - b.at) }
}

/** Everything that failed, with as little as possible left of its history. */
export async function shrink(history: History, fails: (candidate: History) => Promise<boolean>): Promise<History> {
  let least = history
  for (let i = 0; i < least.happenings.length; ) {
    const fewer = { ...least, happenings: least.happenings.filter((_, index) => index !== i) }
    if (await fails(fewer)) least = fewer
    else i += 1
  }
  return least
}

/** A short history for crashes: little happens but what the cloud answers; the crash itself is added by `withCrash`. */
export function makeCrashBase(seed: number): History {
  const random = createRandom(seed + 1_000_000)
  const setup = makeSetup(random)
  const calmFrom = setup.intervalMs * 6
  const happenings: Happening[] = []
  const answer = random.chance(0.3) ? 'accept' : random.pick(answers)
  happenings.push({ kind: 'api', at: 0, until: calmFrom, answer })
  if (random.chance(0.5)) {
    const kind = random.pick<Kind>([
      'input',
      'busy',
      'weak',
      'veto',
      'no-tags',
      'no-metadata',
      'step',
      'sleep',
      'twice',
    ])
    happenings.push(makeHappening(random, kind, { at: Math.round(random.next() * calmFrom), calmFrom, setup }))
  }
  return { seed, setup, calmFrom, happenings: happenings.sort((a, b) => a.at - b.at) }
}

/** The same history with a crash in the check that begins at `startedTau`. */
export function withCrash(history: History, crash: { startedTau: number; point: number; cut: boolean }): History {
  const at = Math.max(0, crash.startedTau - 1)
  const happening: Happening = { kind: 'crash', at, point: crash.point, cut: crash.cut }
  const happenings = [...history.happenings, happening].sort((a, b) => a.at - b.at)
  return { ...history, happenings, calmFrom: Math.max(history.calmFrom, at + 2) }
}
