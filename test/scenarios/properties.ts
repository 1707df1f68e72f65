/** What must always hold (detection.md), judged against the truth of the world and not against what the agent says of itself. */
import type { Checked } from '../../agent/agent.ts'
import { gapLimit, waitMax } from '../../agent/decide/clock.ts'
import type { Input } from '../../agent/decide/state.ts'
import { loadState } from '../../agent/state.ts'
import { openIntent } from '../../agent/state-intents.ts'
import type { Decision, Method } from '../../agent/types.ts'
import { type History, HOUR, MINUTE, SECOND } from './histories.ts'
import { type Judge, type Process, paths, type Tricks, World } from './world.ts'

export type Property = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P8' | 'P9' | 'P10'

export interface Violation {
  readonly property: Property
  readonly text: string
}

/** What happened in a history, for the tests to show that it was worth living. */
export interface Outcome {
  readonly violation: Violation | undefined
  readonly calls: number
  readonly stops: number
  readonly checks: number
  readonly crashes: number
  /** Where each check began, and at how many points it could have died. */
  readonly places: readonly { readonly startedTau: number; readonly points: number }[]
}

export interface Judging {
  /** What is judged; everything, unless said otherwise. */
  readonly only?: readonly Property[]
  readonly tricks?: Tricks
  /** Told every event, for people. */
  readonly trace?: (line: string) => void
}

/** Lives a history and judges it. */
export async function judgeHistory(history: History, { only, tricks, trace }: Judging = {}): Promise<Outcome> {
  const world = new World(history, tricks)
  world.trace = trace
  const judge = new Properties(world, only)
  await world.live(judge)
  const { violation, calls, checks, crashes, places } = judge
  if (violation !== undefined) trace?.(`VIOLATION ${violation.property}: ${violation.text}`)
  return { violation, calls, stops: world.stops, checks, crashes, places }
}

const FAILED_AFTER_MS = 5 * MINUTE
/** A lost answer, a second look, a late cron job: the slack of the guarantee. */
const LATE_MS = 30 * SECOND
const TAG = 'T:'

interface Mark {
  readonly tau: number
  readonly away: number
  readonly boots: number
}

interface Call {
  readonly pid: number
  readonly run: number
  readonly agentRun: string
  readonly tau: number
  readonly method: Method
  told: 'accepted' | 'refused' | 'unknown'
}

class Properties implements Judge {
  violation: Violation | undefined
  calls = 0
  checks = 0
  crashes = 0
  readonly places: { startedTau: number; points: number }[] = []
  readonly #world: World
  readonly #only: readonly Property[] | undefined
  #runSeen = -1
  #graceUntil = Number.NEGATIVE_INFINITY
  #uncoveredTau = Number.NEGATIVE_INFINITY
  #sampleTau = Number.NaN
  #cadence: number[] = []
  #call: Call | undefined
  #agentRun = ''
  #base: Input['state']
  readonly #first = new Map<number, Mark & { readonly strongTau: number }>()
  #isFirst = false
  #inTime = false
  /** How the world stood when the last intent was written. */
  #claim: Mark | undefined
  #claimed = ''
  #lastIntent = ''
  /** The cloud may show other tags than the agent knows: a write failed, or the process that wrote died. */
  #tagDoubt = true
  #tagsFailed = false
  #settled = 0
  #settledRun = -1
  #bound = Number.POSITIVE_INFINITY
  #done = false

  constructor(world: World, only: readonly Property[] | undefined) {
    this.#world = world
    this.#only = only
  }

  over(): boolean {
    return this.#done || this.violation !== undefined
  }

  looked(process: Process): void {
    const world = this.#world
    const { tau } = world
    if (this.#runSeen !== world.run || world.memoryLost) {
      this.#runSeen = world.run
      if (world.memoryLost) this.#tagDoubt = true
      world.memoryLost = false
      this.#graceUntil = tau + world.setup.graceMs
      this.#cadence = []
    } else if (process.reads === 1 && tau - this.#sampleTau > gapLimit(this.#interval())) {
      this.#uncoveredTau = tau
    }
    if (process.reads === 1) {
      this.#inTime = tau - this.#sampleTau <= gapLimit(this.#interval())
      this.#first.set(process.pid, { tau, away: world.away, boots: world.boots, strongTau: process.seen.strongTau })
      this.#isFirst = true
    }
  }

  called(process: Process, method: Method): void {
    const world = this.#world
    this.calls += 1
    this.#judgeClock(process)
    this.#judgeForbidden(process)
    this.#judgeRepetition(process, method)
    this.#judgeJournal(method)
    if (world.tau > this.#bound) this.#fail('P5', `acted ${sec(world.tau - this.#bound)} s after the guarantee`)
    const { tau, run, away, boots } = world
    this.#call = { pid: process.pid, run, agentRun: this.#agentRun, tau, method, told: 'unknown' }
    this.#claim = { tau, away, boots }
    this.#claimed = this.#lastIntent
  }

  answered(_: Process, told: Call['told']): void {
    if (this.#call !== undefined) this.#call.told = told
    if (told !== 'refused' && this.#isCalm() && this.#world.opened('api') === undefined) this.#done = true
  }

  deciding(input: Input): void {
    deepFreeze(input)
  }

  decided(input: Input, decision: Decision, again: () => Decision): void {
    this.#agentRun = decision.state.run.id
    if (this.#isFirst) this.#base = input.state
    this.#isFirst = false
    if (JSON.stringify(again()) !== JSON.stringify(decision)) this.#fail('P10', 'the same input gave another decision')
    this.#judgeIdleClock(input, decision)
  }

  tagsWritten(process: Process, was: ReadonlyMap<string, string>): void {
    const { tags } = this.#world
    const at = (name: string) => tags.get(`${TAG}${name}`) ?? ''
    const [action, since] = [at('IdleAction'), at('IdleSince')]
    const same = [...tags].every(([key, value]) => was.get(key) === value)
    if (same && !this.#tagDoubt && !process.tagFailed) this.#fail('P8', 'wrote tags that had not changed')
    if (this.#world.is('no-tags')) this.#tagDoubt = true
    const isNew = was.get(`${TAG}IdleAction`) !== action
    const claim = this.#claim ?? { tau: 0, away: this.#world.away, boots: this.#world.boots }
    if (isNew && action === 'hibernated' && claim.away === this.#world.away) {
      this.#fail('P8', 'the tags claim hibernated, and the machine was not away since the last call')
    }
    if (isNew && action === 'stopped' && claim.boots === this.#world.boots) {
      this.#fail('P8', 'the tags claim stopped, and the machine did not boot since the last call')
    }
    if ((at('IdleStatus') === 'idle') !== (since !== '')) this.#fail('P8', `${at('IdleStatus')} since "${since}"`)
    if (at('IdleReason').length > 120) this.#fail('P8', 'IdleReason is longer than 120 characters')
    if (
      since === '' ||
      this.#world.wallSteps > 0 ||
      this.#world.is('no-metadata') ||
      was.get(`${TAG}IdleSince`) === since
    )
      return
    const tau = this.#world.tau + Date.parse(since) - this.#world.host.clock.now().wallMs
    // A rate that only a further look saw leaves the clock: what the first one saw counts.
    const strongTau = this.#first.get(process.pid)?.strongTau ?? 0
    const truly = Math.max(strongTau, this.#graceUntil, this.#uncoveredTau)
    if (tau + SECOND < truly && process.run === this.#world.run) {
      this.#fail('P8', `IdleSince is ${sec(truly - tau)} s before the last that is known to forbid it`)
    }
  }

  finished(process: Process, checked: Checked): void {
    this.checks += 1
    this.places.push({ startedTau: process.startedTau, points: process.points })
    const world = this.#world
    const { decision, look, deeds } = checked
    const tagFailure = deeds.some((deed) => deed.action === 'tag' && deed.result === 'failed')
    this.#noteSample()
    const saved = this.#sampleTau === world.tauOf(look.sampledAt.monoMs)
    if (process.run !== world.run || !saved) {
      this.#tagDoubt ||= process.tagWrites > 0
      this.#tagsFailed ||= tagFailure
      return
    }
    this.#noteCoverage(checked)
    this.#judgeTaken(checked)
    if (
      deeds.some((deed) => deed.detail.startsWith('postponed')) &&
      decision.state.idleSince !== this.#base?.idleSince
    ) {
      this.#fail('P3', 'a rate seen in the second look only moved the clock')
    }
    this.#judgeTags(process, checked, tagFailure)
    const dueIn = (decision.due ?? Number.POSITIVE_INFINITY) - look.moment.clocks.monoMs
    const { checkIntervalMs, hibernateThresholdMs } = world.policy
    const free = look.vetoes.length === 0 && look.moment.intent?.phase !== 'accepted'
    const waits = free && dueIn > 0 && dueIn <= waitMax(checkIntervalMs, hibernateThresholdMs)
    if (waits && !process.slept) this.#fail('P5', `did not wait for the due time ${sec(dueIn)} s away`)
    if (this.#inTime && decision.interval.kind === 'gap')
      this.#fail('P5', 'took its own wait for time that nobody observed')
    this.#judgeLiveness(checked)
  }

  async crashed(process: Process): Promise<void> {
    this.crashes += 1
    this.#tagDoubt = true
    this.#tagsFailed ||= process.tagWrites > 0
    const { host, memoryLost } = this.#world
    try {
      const { problem } = await loadState(host, paths.state)
      if (problem !== undefined && !memoryLost) this.#fail('P9', `after a crash: ${problem}`)
      const open = await openIntent(host, paths.intents, 'read-only')
      if (open !== undefined && !this.#claimed.includes(`"${open.id}"`)) {
        this.#claim = this.#first.get(process.pid) ?? this.#claim
        this.#claimed = `"${open.id}"`
      }
      if (this.#call?.pid === process.pid && open?.phase !== 'accepted' && this.#call.told === 'accepted') {
        this.#call.told = 'unknown'
      }
      this.#noteSample()
    } catch (error) {
      this.#fail('P9', `after a crash: ${String(error)}`)
    }
  }

  threw(error: unknown): void {
    this.#fail('P7', `a check threw: ${error instanceof Error ? error.stack : String(error)}`)
  }

  #fail(property: Property, text: string): void {
    // A machine that is never acted on would live for ever where liveness is not judged.
    if (property === 'P5' && this.#isCalm()) this.#done = true
    if (this.#only !== undefined && !this.#only.includes(property)) return
    this.violation ??= { property, text: `${text} (at ${sec(this.#world.tau)} s)` }
  }

  #isCalm(): boolean {
    return this.#world.tau >= this.#world.history.calmFrom
  }

  #interval(): number {
    const seen = this.#cadence.length < 3 ? 0 : Math.min(...this.#cadence, HOUR)
    return Math.max(this.#world.setup.intervalMs, seen)
  }

  /** P1, P3: the threshold is covered idle time since the last thing that forbids counting before it. */
  #judgeClock({ seen, pid }: Process): void {
    const { tau, setup, cloudInitUntil } = this.#world
    const floor = Math.max(this.#graceUntil, this.#uncoveredTau, cloudInitUntil)
    if (tau < seen.strongTau + setup.actMs) {
      this.#fail('P3', `acted ${sec(tau - seen.strongTau)} s after the last strong evidence`)
    }
    if (seen.strongTau > (this.#first.get(pid)?.tau ?? 0))
      this.#fail('P3', 'acted in spite of what the second look saw')
    if (tau < floor + setup.actMs) {
      this.#fail('P1', `acted ${sec(tau - floor)} s after grace, boot, or the last uncovered time`)
    }
  }

  /** P2. */
  #judgeForbidden(process: Process): void {
    const { tau, setup, cloudInitUntil } = this.#world
    if (tau < Math.max(this.#graceUntil, cloudInitUntil)) this.#fail('P2', 'acted in grace')
    if (process.seen.vetoed) this.#fail('P2', 'acted under a veto')
    if (process.seen.blind) this.#fail('P2', 'acted with an unknown reading')
    const unread = process.operator === 'unread' && setup.operatorTags === 'required'
    if (process.operator === 'forbids' || unread) this.#fail('P2', `acted in spite of the operator's tags`)
  }

  /** P4. */
  #judgeRepetition(process: Process, method: Method): void {
    const { run, tau, setup } = this.#world
    if (process.run !== run) this.#fail('P4', 'called by a process that began in another run of the machine')
    const before = this.#call
    if (before === undefined || before.run !== run) return
    const soon = tau - before.tau < FAILED_AFTER_MS + setup.intervalMs - 10 * SECOND
    if (before.told === 'accepted' && soon) this.#fail('P4', 'called again after an accepted call in the same run')
    const same = before.agentRun === this.#agentRun && process.seen.strongTau <= before.tau
    if (before.told === 'unknown' && soon && same && before.method !== method) {
      this.#fail('P4', 'called with another method while an outcome is unknown')
    }
  }

  /** P9: what is about to be sent stands in the journal, whatever was torn before. */
  #judgeJournal(method: Method): void {
    const text = this.#world.host.files.read(paths.intents) ?? ''
    const last = text.trimEnd().split('\n').at(-1) ?? ''
    const isIntent = last.includes('"phase":"intended"') && last.includes(`"method":"${method}"`) && isJson(last)
    this.#lastIntent = last.slice(0, 40)
    if (!isIntent) this.#fail('P9', `called without an intent in the journal, whose last line is ${last.slice(0, 60)}`)
  }

  /** P6. */
  #judgeIdleClock({ state, readings, now, policy }: Input, { state: after, due, interval, phase }: Decision): void {
    if (due !== undefined && due < after.idleSince + policy.hibernateThresholdMs)
      this.#fail('P6', 'due before idleSince + threshold')
    if (state === undefined || interval.newRun) return
    if (after.idleSince < state.idleSince) this.#fail('P6', 'idleSince moved backwards')
    const quiet = readings.every(
      (reading) => reading.kind === 'idle' || reading.kind === 'hold' || reading.kind === 'absent',
    )
    const wasGrace = state.run.settling === true || now.cloudInitRunning || phase === 'grace'
    if (quiet && interval.covered && !wasGrace && after.idleSince !== state.idleSince) {
      this.#fail('P6', 'idleSince moved without strong evidence, an unknown or a gap')
    }
  }

  #noteCoverage({ look }: Checked): void {
    if (look.readings.some((reading) => reading.kind === 'unknown')) {
      this.#uncoveredTau = this.#world.tauOf(look.moment.clocks.monoMs)
    }
  }

  /** The moment up to which the stored samples cover. */
  #noteSample(): void {
    const text = this.#world.host.files.read(paths.state)
    const mono = /"sampledAt":\{"wallMs":[\d.]+,"bootMs":[\d.]+,"monoMs":([\d.]+)/.exec(text ?? '')?.[1]
    if (mono === undefined) return
    const tau = this.#world.tauOf(Number(mono))
    const distance = tau - this.#sampleTau
    if (distance > 0) this.#cadence = [...this.#cadence, distance].slice(-3)
    this.#sampleTau = tau
  }

  /** P8: the tags follow the state, and an unchanged check writes nothing. */
  #judgeTags(process: Process, { decision, look }: Checked, failed: boolean): void {
    const { tags } = this.#world
    const wanted = Object.entries(decision.state.tags)
    const same = wanted.every(([name, value]) => tags.get(`${TAG}${name}`) === value)
    if (process.tagWrites > 0) this.#tagDoubt = failed
    if (process.tagWrites > 0) this.#tagsFailed = failed
    if (!same && !this.#tagsFailed && look.moment.identity.instanceId !== undefined) {
      this.#fail(
        'P8',
        `the cloud shows ${[...tags.values()].join('|')} and not ${wanted.map(([, value]) => value).join('|')}`,
      )
    }
  }

  /** P8: when a call of ours took the machine down, the first check that can tell says so. */
  #judgeTaken({ decision: { outcome } }: Checked): void {
    const world = this.#world
    const { taken } = world
    // Until metadata says when it was started, it cannot tell.
    if (taken === undefined || world.is('no-metadata')) return
    world.taken = undefined
    if (taken.tau - taken.calledTau >= FAILED_AFTER_MS) return
    const expected = taken.method === 'hibernate' ? 'hibernated' : 'stopped'
    // A check that died may have told it already.
    if (outcome?.result === expected || world.told() > taken.told) return
    this.#fail('P8', `${expected} by a call of ours, and the agent says ${outcome?.result ?? 'nothing'}`)
  }

  /** P5: once nothing happens any more, the machine is acted on within one interval + 30 s of the moment that the agent names. */
  #judgeLiveness({ decision, look }: Checked): void {
    const world = this.#world
    const { intervalMs, actMs } = world.setup
    if (!this.#isCalm() || world.stopping !== undefined) return
    if (this.#settledRun !== world.run) this.#settled = 0
    this.#settledRun = world.run
    this.#settled += 1
    if (this.#settled < 4 || world.tau < world.quietFrom + 2 * intervalMs) return
    const patience = decision.state.falseStops.length > 0 ? 2 : 1
    const { phase, state } = decision
    if (phase !== 'grace' && decision.verdict !== 'idle')
      this.#fail('P5', `still ${decision.verdict}: ${decision.reason}`)
    const graceEnd = phase === 'grace' ? state.run.graceUntil + actMs * patience : undefined
    const named = graceEnd ?? (decision.due === undefined ? undefined : decision.due + actMs * (patience - 1))
    if (named === undefined) this.#fail('P5', `nothing forbids it, and no due time: ${decision.reason}`)
    const mono = look.moment.clocks.monoMs
    const until = world.tauOf(Math.max(mono, named ?? mono)) + intervalMs + LATE_MS
    this.#bound = Math.min(this.#bound, until)
    if (world.tau > this.#bound)
      this.#fail('P5', `not acted on ${sec(world.tau - this.#bound)} s after the guarantee: ${decision.reason}`)
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function sec(ms: number): string {
  return (ms / 1000).toFixed(1)
}
