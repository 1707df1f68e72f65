/** One check: look, decide, act, save. The only place that acts. */
import { type Deed, recordDeed } from './audit.ts'
import type { Episode } from './check/episode.ts'
import { keepNote } from './check/note.ts'
import { costlyVetoes, type Look, look } from './check/observe.ts'
import { makeFolders, openState, takeLock, tidyStamp } from './check/open.ts'
import type { Parts } from './check/parts.ts'
import { endedLeases } from './check/report.ts'
import { keepBackOff, save, settled } from './check/save.ts'
import { writeStatus } from './check/status-file.ts'
import { syncTags, untilTurn } from './check/tag-sync.ts'
import type { Turn } from './check/tag-wait.ts'
import type { Told } from './check/warning.ts'
import { methodIn } from './decide/explain.ts'
import { duration } from './decide/words.ts'
import { HostError, LockedError } from './errors.ts'
import { endedInWords } from './leases/chain.ts'
import type { Lock } from './lock.ts'
import { loadState, type Stored, saveState } from './state.ts'
import { closeIntent, openIntent, recordWithdrawn } from './state-intents.ts'
import type { Decision, Instant, Intent, Moment, State, Veto } from './types.ts'

const WAIT_MARGIN_MS = 20
/** A first look that took longer is not followed by another one: something hangs. */
const QUICK_LOOK_MS = 3_000

/** What a check saw, decided and did. */
export interface Checked {
  readonly look: Look
  readonly decision: Decision
  readonly deeds: readonly Deed[]
  /** Something the operator should know, such as a state file that had to be set aside. */
  readonly notes: readonly string[]
}

/** A look by hand: judged against the last stored sample, or over `glanceMs` where there is none. Writes and acts nothing. */
export async function checkByHand(parts: Parts, glanceMs: number): Promise<Checked> {
  const { stored, problem } = await loadState(parts.host, parts.paths.state)
  const intent = await openIntent(parts.host, parts.paths.intents, 'read-only')
  const notes = problem === undefined ? [] : [problem]
  const began = parts.host.clocks().monoMs
  const first = await evaluate(parts, stored, { intent, byHand: true })
  const quick = parts.host.clocks().monoMs - began < QUICK_LOOK_MS
  if (!first.decision.interval.newRun || !quick)
    return { ...first, deeds: [], notes: [...notes, ...endedLeases(parts, first.look)] }
  const base = {
    state: first.decision.state,
    samples: first.look.samples,
    sampledAt: first.look.sampledAt,
    mirror: { failures: 0 },
  }
  await parts.host.sleep(glanceMs)
  const second = await look(parts, base, { intent, due: true })
  const { readings, vetoes, moment } = second
  // The readings are of the glance, the state is what a first check would find.
  const decision = parts.decide({ state: stored?.state, readings, vetoes, policy: parts.policy, now: moment })
  return { look: second, decision, deeds: [], notes }
}

/** A check that records and acts, under the lock. Throws LockedError, HostError. */
export async function checkAndAct(parts: Parts): Promise<Checked> {
  try {
    return await locked(parts)
  } catch (error) {
    const hangs = error instanceof LockedError && error.hanging !== undefined
    if (hangs || error instanceof HostError) {
      const { tellFault } = await import('./check/tell-fault.ts')
      await tellFault(parts, hangs ? 'check' : 'files', error.message)
    }
    throw error
  }
}

async function locked(parts: Parts): Promise<Checked> {
  const notes = await makeFolders(parts)
  const { turn, ...checked } = await withLock(parts)
  // Loaded by machines of large accounts, and in an outage.
  const late = turn.ms > 0 ? await (await import('./check/tag-wait.ts')).writeInTurn(parts, turn) : []
  return { ...checked, deeds: [...checked.deeds, ...late], notes: [...notes, ...checked.notes] }
}

async function withLock(parts: Parts): Promise<Checked & { readonly turn: Turn }> {
  const lock = await takeLock(parts)
  try {
    return await underLock(parts, lock)
  } finally {
    await lock.release()
  }
}

async function underLock(parts: Parts, lock: Lock): Promise<Checked & { readonly turn: Turn }> {
  const { host } = parts
  const { intent, ...opened } = await openState(parts)
  let { base } = opened
  let seen = await evaluate(parts, base, { intent })
  const since = seen.look.sampledAt.monoMs
  const notes = [...opened.notes]
  const { waitUntil, store } = seen.decision
  const before: Deed[] = []
  if (base !== undefined && waitUntil !== undefined && store) {
    const waiting = await beforeWaiting(parts, base, seen)
    base = waiting.base
    before.push(...waiting.deeds)
    await lock.markWaiting(waitUntil)
    await host.sleep(Math.max(0, waitUntil - host.clocks().monoMs) + WAIT_MARGIN_MS)
    seen = await evaluate(parts, base, { intent, lookedAt: seen.look.moment.clocks.monoMs })
  }
  const done = await carryOut(parts, base, seen)
  notes.push(...(await tidyStamp(parts, done.look)))
  if (!seen.decision.store) notes.push('not recorded: the last check was only a moment ago, and its sample stands')
  return {
    look: done.look,
    decision: { ...done.decision, state: done.state },
    deeds: [...before, ...done.deeds],
    notes: [...notes, ...endedLeases(parts, done.look)],
    turn: { ms: await untilTurn(parts, done), since, look: done.look, mirror: done.mirror },
  }
}

async function evaluate(
  parts: Parts,
  base: Stored | undefined,
  known: { readonly intent: Intent | undefined; readonly lookedAt?: Instant; readonly byHand?: true },
): Promise<{ look: Look; decision: Decision }> {
  const seen = await look(parts, base, { intent: known.intent, due: known.byHand === true })
  const first = known.lookedAt === undefined ? seen.moment : { ...seen.moment, lookedAt: known.lookedAt }
  const judge = (now: Moment, vetoes: readonly Veto[]): Decision =>
    parts.decide({ state: base?.state, readings: seen.readings, vetoes, policy: parts.policy, now })
  const decision = judge(first, seen.vetoes)
  const due = decision.actions.some(({ kind }) => kind !== 'alert')
  if (known.byHand === true || (!due && !decision.interval.newRun))
    return { look: { ...seen, moment: first }, decision }
  const moment = { ...first, ...(await hibernation(parts, decision.state)) }
  if (!due) return { look: { ...seen, moment }, decision: judge(moment, seen.vetoes) }
  // What forbids acting moves the due time, and with it the warning: known now, nobody is told a wrong one.
  const vetoes = [...seen.vetoes, ...(await costlyVetoes(parts, decision.state, moment.clocks))]
  return { look: { ...seen, moment, vetoes }, decision: judge(moment, vetoes) }
}

/** Asked once in a run of the machine, so that everybody is told what will really be done: hibernated, or stopped. */
async function hibernation(parts: Parts, { run }: State): Promise<Pick<Moment, 'canHibernate'>> {
  if (parts.policy.action !== 'hibernate' || run.canHibernate !== undefined) return {}
  const { canHibernate } = await import('./check/preflight.ts')
  const told = await canHibernate(parts)
  return told === undefined ? {} : { canHibernate: told }
}

/** Before waiting for the due time: warnings and tags go out now; the samples stay those of the interval's beginning. */
async function beforeWaiting(
  parts: Parts,
  base: Stored,
  seen: { readonly look: Look; readonly decision: Decision },
): Promise<{ base: Stored; deeds: readonly Deed[] }> {
  const { decision } = seen
  const told = await warn(parts, decision)
  const synced = await syncTags(parts, base.mirror, {
    state: decision.state,
    look: seen.look,
    urgent: false,
    base,
  })
  const { warned, tags, reasonClass } = decision.state
  const state: State = { ...base.state, tags, reasonClass, ...(warned === undefined ? {} : { warned }) }
  const next = { ...base, state, mirror: synced.mirror, samples: settled(parts, base.samples, { warned: told.warned }) }
  await saveState(parts.host, parts.paths.state, next)
  const unwritten = await writeStatus(parts, seen.look, { ...decision, state: { ...decision.state, ...state } })
  return { base: next, deeds: [...told.deeds, ...(synced.deed === undefined ? [] : [synced.deed]), ...unwritten] }
}

async function carryOut(
  parts: Parts,
  base: Stored | undefined,
  seen: { readonly look: Look; readonly decision: Decision },
): Promise<Episode> {
  const { decision } = seen
  const mirror = base?.mirror ?? { failures: 0 }
  let episode: Episode = { base, ...seen, state: decision.state, mirror, deeds: [] }
  if (!decision.store) return episode
  const told = await warn(parts, decision)
  episode = { ...episode, deeds: [...told.deeds, ...(await say(parts, seen))] }
  const action = decision.actions.find((one) => one.kind === 'act')
  // Loaded by the one check in hundreds that acts.
  if (action !== undefined) episode = await (await import('./check/act.ts')).attempt(parts, episode, action)
  if (episode.overtaken === true) {
    await keepBackOff(parts, episode)
    return episode
  }
  const synced = await syncTags(parts, episode.mirror, {
    state: episode.state,
    look: episode.look,
    urgent: action !== undefined && episode.state.tags.IdleAction === '',
    base: episode.base,
  })
  episode = {
    ...episode,
    mirror: synced.mirror,
    deeds: [...episode.deeds, ...(synced.deed === undefined ? [] : [synced.deed])],
  }
  const lost = await save(parts, episode, told.warned)
  const closed = await closeOutcome(parts, episode.decision)
  const unwritten = await writeStatus(parts, episode.look, { ...episode.decision, state: episode.state })
  const untold = await keepNote(parts, episode)
  return { ...episode, deeds: [...episode.deeds, ...lost, ...closed, ...unwritten, ...untold] }
}

/** Loaded where somebody is to be warned, which is not at every check. */
async function warn(parts: Parts, { state, actions }: Decision): Promise<Told> {
  const action = actions.find((one) => one.kind === 'warn')
  if (action === undefined) return { warned: [], deeds: [] }
  const { tellPeople } = await import('./check/warning.ts')
  const doing = methodIn(state, parts.policy.action)
  return tellPeople(parts, { idleSince: state.idleSince, due: action.due, doing })
}

/** Alerts, what `report` mode would have done, and whose leases hold no longer: to the audit log. */
async function say(parts: Parts, seen: { readonly look: Look; readonly decision: Decision }): Promise<readonly Deed[]> {
  const deeds: Deed[] = []
  for (const action of seen.decision.actions) {
    if (action.kind !== 'alert' && action.kind !== 'report') continue
    deeds.push({ action: action.kind, result: action.kind === 'alert' ? 'done' : 'dry-run', detail: action.reason })
  }
  for (const chain of seen.look.leases.ended) {
    if (chain.told === true) continue
    deeds.push({ action: 'lease', result: 'done', detail: endedInWords(chain, parts.settings.keepCeilingMs) })
  }
  const recorded: Deed[] = []
  // One after the other: the log keeps the order of what happened.
  for (const deed of deeds) recorded.push(await recordDeed(parts.host, parts.paths.audit, deed))
  return recorded
}

/** After the state is saved: told again it would be the same, so a crash in between loses nothing. */
async function closeOutcome(parts: Parts, decision: Decision): Promise<readonly Deed[]> {
  const { outcome } = decision
  if (outcome === undefined) return []
  const { host, paths } = parts
  const off = outcome.offMs > 0 ? `, off for ${duration(outcome.offMs)}` : ''
  const back = outcome.falseStop ? '; started again within 30 min: counted as a false stop' : ''
  const result = outcome.result === 'failed' ? 'failed' : 'done'
  const deed = await recordDeed(host, paths.audit, {
    action: 'reconcile',
    result,
    detail: `${outcome.result}${off}${back}`,
    intentId: outcome.intentId,
  })
  if (outcome.result === 'withdrawn') await recordWithdrawn(host, paths.intents, outcome.intentId)
  else await closeIntent(host, paths.intents, { id: outcome.intentId, result: outcome.result })
  return [deed]
}
