/**
 * The state machine: one pure function from what was known, what was read and what time it is, to a verdict, a state and
 * what to do.
 *
 * The idle clock (`idleSince`, monotonic) starts again, and only ever moves forward within a run of the machine, at:
 * - a new run of the machine: first check, another instance, boot, resume, an accepted stop of ours, a clock fault, the
 *   provider's start time known for the first time, a jump ahead that the provider's start time does not explain (clock.ts) - then it starts at the end of grace;
 * - each check within grace, each check that finds cloud-init at work (at most two hours), and the first that does not;
 * - the end of an interval that nobody observed (a gap), or in which a sensor could not read its subject;
 * - strong evidence: at the evidence's own time, or at the end of its interval.
 * Weak evidence and vetoes never move it; they move the due time.
 */
import type {
  Action,
  Decision,
  Instant,
  IntentOutcome,
  Interval,
  Method,
  Moment,
  NamedReading,
  Phase,
  Policy,
  State,
  Veto,
} from '../types.ts'
import { causeOf } from './cause.ts'
import { classify, retryMax, waitMax } from './clock.ts'
import { explain, methodIn } from './explain.ts'
import { combine, heldUntil, type Judgement, rememberHolds } from './policy.ts'
import {
  beginRun,
  continueRun,
  FALSE_STOP_MS,
  freshAttempt,
  inGrace,
  inVain,
  patience,
  pendingStop,
  reconcile,
} from './run.ts'
import { nextTags } from './tags.ts'

export interface Input {
  readonly state: State | undefined
  readonly readings: readonly NamedReading[]
  readonly vetoes: readonly Veto[]
  readonly policy: Policy
  readonly now: Moment
}

/** Where the present check stands between the clock and the action. */
export interface Standing {
  readonly phase: Phase
  readonly now: Instant
  readonly idleMs: number
  /** The moment of action if nothing changes; `undefined` while active or unknown, or under a veto without an end. */
  readonly due: Instant | undefined
  readonly warnAt: Instant | undefined
  readonly held: { readonly until: Instant; readonly evidence: string } | undefined
  readonly vetoes: readonly Veto[]
}

const WARN_SLACK_MS = 1_000

/** Decides. Pure: the same input gives the same decision. */
export function decide(asked: Input): Decision {
  const { state: before, readings, policy, now } = asked
  const interval = classify(before, now, policy.checkIntervalMs)
  const outcome = reconcile(now, policy, before?.told)
  const input = { ...asked, vetoes: [...asked.vetoes, ...pendingStop(now, outcome, policy)] }
  const judgement = combine(readings, interval, now.clocks.monoMs)
  const base =
    before === undefined || interval.newRun
      ? beginRun(before, now, { policy, interval, outcome })
      : continueRun(before, now, { interval, outcome })
  const clocked = moveClock(base, judgement, { interval, now, readings })
  const standing = stand(clocked, judgement, input)
  const closed = outcome ?? withdraw(now, judgement)
  const actions = actionsOf(clocked, standing, outcome === undefined ? input : { ...input, now: withoutIntent(now) })
  const marked = mark(clocked, actions, { standing, judgement, input, closed })
  return {
    state: marked,
    actions: [...inVain(outcome, now), ...actions],
    verdict: judgement.verdict,
    phase: standing.phase,
    interval,
    reason: explain(marked, standing, { judgement, policy, clocks: now.clocks }),
    cause: causeOf(marked, standing, { judgement, readings }),
    store: interval.kind !== 'merge',
    ...(standing.due === undefined ? {} : { due: standing.due }),
    ...waiting(standing, input, marked.attempt.retryAt),
    ...(closed === undefined ? {} : { outcome: closed }),
  }
}

/** Moves the idle clock forward to the latest thing that forbids counting before it. */
function moveClock(
  state: State,
  judgement: Judgement,
  context: { readonly interval: Interval; readonly now: Moment; readonly readings: readonly NamedReading[] },
): State {
  const { interval, now } = context
  const mono = now.clocks.monoMs
  const marks: { at: Instant; reason: string }[] = [{ at: state.idleSince, reason: state.idleSinceReason }]
  if (!interval.covered) marks.push({ at: mono, reason: interval.reason })
  const blind = judgement.unknown[0]
  if (blind !== undefined) marks.push({ at: mono, reason: `${blind.sensor} unknown: ${blind.reason}` })
  if (judgement.active !== undefined) marks.push(judgement.active)
  const grace = inGrace(state, now)
  if (grace) marks.push({ at: Math.max(mono, state.run.graceUntil), reason: 'end of grace' })
  else if (state.run.settling === true) marks.push({ at: mono, reason: 'cloud-init was at work until now' })
  const latest = marks.reduce((a, b) => (b.at > a.at ? b : a))
  const moved = latest.at > state.idleSince
  return {
    ...state,
    idleSince: latest.at,
    idleSinceReason: latest.reason,
    seen: rememberHolds(state.seen, context.readings, mono),
    attempt: moved ? { ...freshAttempt, stopInstead: state.attempt.stopInstead } : state.attempt,
    run: {
      ...state.run,
      personSeen: state.run.personSeen || judgement.active?.person === true,
      settling: grace && now.cloudInitRunning,
      ...(now.canHibernate === undefined ? {} : { canHibernate: now.canHibernate }),
    },
  }
}

function stand(state: State, judgement: Judgement, input: Input): Standing {
  const { policy, now, vetoes } = input
  const mono = now.clocks.monoMs
  const leadMs = policy.hibernateThresholdMs - policy.idleThresholdMs
  const held = heldUntil(state.seen, state.idleSince, { now: mono, leadMs })
  const common = { now: mono, idleMs: Math.max(0, mono - state.idleSince), held, vetoes }
  if (inGrace(state, now)) return { ...common, phase: 'grace', due: undefined, warnAt: undefined }
  if (judgement.verdict !== 'idle') return { ...common, phase: 'active', due: undefined, warnAt: undefined }
  const threshold = policy.hibernateThresholdMs * patience(state.falseStops, now.clocks.wallMs)
  const ends = vetoes.map((veto) => veto.until ?? Number.POSITIVE_INFINITY)
  const own = Math.max(state.idleSince + threshold, held?.until ?? 0, state.attempt.retryAt ?? 0)
  const due = Math.max(own, ...ends)
  const endless = !Number.isFinite(due)
  const open = { ...common, due: endless ? undefined : due, warnAt: endless ? undefined : due - leadMs }
  if (common.idleMs < policy.idleThresholdMs) return { ...open, phase: 'counting' }
  if (mono < state.idleSince + threshold) return { ...open, phase: 'idle' }
  return { ...open, phase: mono < due || vetoes.length > 0 ? 'held' : 'acting' }
}

/** An intent whose outcome is unknown is not sent again once somebody is active; whether it was accepted is still watched. */
function withdraw(now: Moment, judgement: Judgement): IntentOutcome | undefined {
  if (now.intent?.phase !== 'intended' || judgement.verdict !== 'active') return undefined
  return { intentId: now.intent.id, result: 'withdrawn', offMs: 0, falseStop: false }
}

/** One whose end is known is no reason to send anything again. */
function withoutIntent({ intent: _, ...now }: Moment): Moment {
  return now
}

function actionsOf(state: State, standing: Standing, input: Input): readonly Action[] {
  const { policy, now } = input
  const actions: Action[] = []
  if (!policy.enabled) return actions
  const unknownMs = state.unknownSince === undefined ? 0 : standing.now - state.unknownSince
  if (unknownMs >= policy.unknownCeilingMs && !state.alerted) {
    actions.push({
      kind: 'alert',
      reason: `unknown for ${policy.unknownCeilingMs / 3_600_000} h: ${state.idleSinceReason}`,
    })
  }
  const acting = standing.phase === 'acting'
  if (policy.action === 'report') {
    if (acting && state.reported !== state.idleSince) actions.push({ kind: 'report', reason: 'would have stopped now' })
    return actions
  }
  if (standing.due !== undefined && shouldWarn(state, standing)) actions.push({ kind: 'warn', due: standing.due })
  if (acting) actions.push(act(state, now, policy.action))
  return actions
}

/** Once for each due time of an idle period; again only if something moved it on since, a refusal of the cloud excepted. */
function shouldWarn(state: State, standing: Standing): boolean {
  const { due, warnAt, now, phase } = standing
  if (due === undefined || warnAt === undefined || now < warnAt || phase === 'counting') return false
  if (state.attempt.retryAt !== undefined) return false
  const warned = state.warned
  return warned === undefined || warned.idleSince !== state.idleSince || due > warned.due + WARN_SLACK_MS
}

/** An open intent of this run is sent again as it was: never another method while its outcome is unknown. */
function act(state: State, now: Moment, wanted: Method): Action {
  const open = now.intent
  if (open?.phase === 'intended' && open.runId === state.run.id) {
    return { kind: 'act', method: open.method, intentId: open.id }
  }
  return { kind: 'act', method: methodIn(state, wanted) }
}

function waiting(standing: Standing, input: Input, retryAt: Instant | undefined): { waitUntil?: Instant } {
  const { policy, vetoes } = input
  if (!policy.enabled || policy.action === 'report' || vetoes.length > 0) return {}
  if (standing.due === undefined || standing.due <= standing.now) return {}
  // The moment after a refusal is this machine's own, among many that were refused: not the next one of cron, which is everybody's.
  const most =
    standing.due === retryAt ? retryMax(policy) : waitMax(policy.checkIntervalMs, policy.hibernateThresholdMs)
  return standing.due - standing.now <= most ? { waitUntil: standing.due } : {}
}

interface Marking {
  readonly standing: Standing
  readonly judgement: Judgement
  readonly input: Input
  readonly closed: IntentOutcome | undefined
}

/** Notes in the state what this check saw and will do. */
function mark(state: State, actions: readonly Action[], context: Marking): State {
  const { standing, judgement, input } = context
  const mono = standing.now
  const isUnknown = judgement.verdict === 'unknown'
  const { unknownSince, ...rest } = state
  const warn = actions.find((action) => action.kind === 'warn')
  const reports = actions.some((action) => action.kind === 'report')
  const next: State = {
    ...rest,
    ...(isUnknown ? { unknownSince: unknownSince ?? mono } : {}),
    alerted: isUnknown && (state.alerted || actions.some((action) => action.kind === 'alert')),
    ...(warn !== undefined ? { warned: { idleSince: state.idleSince, due: warn.due } } : {}),
    ...(reports ? { reported: state.idleSince } : {}),
    score: score(state, judgement, { reports, wallMs: input.now.clocks.wallMs }),
  }
  return { ...next, ...nextTags(next, standing, { judgement, policy: input.policy, clocks: input.now.clocks }) }
}

/** What `report` mode would have done: a stop counts as false if somebody was there again within 30 minutes. */
function score(
  state: State,
  judgement: Judgement,
  now: { readonly reports: boolean; readonly wallMs: number },
): State['score'] {
  const was = state.score
  if (now.reports) return { ...was, wouldHaveStopped: was.wouldHaveStopped + 1, lastWallMs: now.wallMs }
  if (judgement.verdict !== 'active' || was.lastWallMs === undefined) return was
  const { lastWallMs, ...counts } = was
  const early = now.wallMs - lastWallMs < FALSE_STOP_MS
  return { ...counts, wouldHaveBeenFalse: counts.wouldHaveBeenFalse + (early ? 1 : 0) }
}
