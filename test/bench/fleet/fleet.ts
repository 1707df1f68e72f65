// Many machines in one account: cron starts their checks, people start what was stopped, and everything is counted.
import type { Checked } from '../../../agent/agent.ts'
import { patience } from '../../../agent/decide/run.ts'
import { draw } from '../../scenarios/random.ts'
import { Account, type Outage } from './account.ts'
import { type Life, MINUTE, neededTo, nextNeed, SECOND } from './life.ts'
import { Machine, policy, type World } from './machine.ts'
import { skipSteady } from './skip.ts'
import { Timeline } from './timeline.ts'

export interface FleetOptions {
  readonly machines: number
  readonly endMs: number
  readonly lifeOf: (seed: number) => Life
  readonly outage?: Outage
  readonly share?: number
  /** No tag is ever accepted. */
  readonly noTags?: boolean
  /** When all of them are off, as after stops of their own. */
  readonly offMs?: readonly number[]
  /** Share of machines whose metadata shows tags. */
  readonly metadataTags: number
  /** Share of machines whose metadata does not answer. */
  readonly broken: number
  /** Windows in which the machines write their tags, in milliseconds, as learned before; 0 for none. */
  readonly windows?: readonly number[]
  /** `tag_window_minutes`, in milliseconds; the default unless given. */
  readonly tagWindowMs?: number
  /** False: each check is made. */
  readonly skips: boolean
}

/** What became of the stops and the tags. */
export interface Outcome {
  /** From due to accepted, in milliseconds. */
  readonly stopDelays: number[]
  /** Moments at which a stop was accepted. */
  readonly stopsAt: number[]
  /** From the change to the tags that show it. */
  readonly tagDelays: number[]
  /** Moments at which tags were put right. */
  readonly tagsAt: number[]
  checks: number
}

interface Watch {
  dueMs: number | undefined
  acceptedMs: number | undefined
  changedMs: number | undefined
  wanted: string
}

const unwatched: Watch = { dueMs: undefined, acceptedMs: undefined, changedMs: undefined, wanted: '' }

export class Fleet implements World {
  readonly timeline = new Timeline()
  readonly account: Account
  readonly machines: Machine[] = []
  readonly outcome: Outcome = { stopDelays: [], stopsAt: [], tagDelays: [], tagsAt: [], checks: 0 }
  readonly #options: FleetOptions
  readonly #watches = new Map<Machine, Watch>()

  constructor(options: FleetOptions) {
    this.#options = options
    this.account = new Account({ timeline: this.timeline, ...options })
    for (let seed = 0; seed < options.machines; seed += 1) this.#add(seed)
    for (const at of options.offMs ?? []) this.timeline.at(at, () => this.#switchOff())
  }

  #add(seed: number): void {
    const { broken, metadataTags, lifeOf, windows = [], tagWindowMs = 0 } = this.#options
    const chance = (salt: number) => draw(Math.imul(seed + 1, 0x9e3779b1) ^ salt)
    // Most clocks are right to a second; one in a hundred is minutes off.
    const skewMs = chance(1) < 0.01 ? (chance(2) - 0.5) * 10 * MINUTE : (chance(3) - 0.5) * SECOND
    const machine = new Machine(this, {
      seed,
      life: lifeOf(seed),
      skewMs: Math.round(skewMs),
      broken: chance(4) < broken,
      metadataTags: chance(5) < metadataTags,
      windowMs: windows[seed % windows.length] ?? 0,
      tagWindowMs,
    })
    this.machines.push(machine)
    this.#watches.set(machine, { ...unwatched })
    this.#startWhenNeeded(machine)
  }

  live(): Promise<void> {
    return this.timeline.until(this.#options.endMs)
  }

  #switchOff(): void {
    for (const machine of this.machines) {
      if (!machine.on) continue
      machine.on = false
      this.#watches.set(machine, { ...unwatched })
      this.timeline.start(() => machine.leaveStopped())
      this.#startWhenNeeded(machine)
    }
  }

  /** The person who needs it starts it, which takes some seconds. */
  #startWhenNeeded(machine: Machine): void {
    const { now } = this.timeline
    const at = neededTo(machine.options.life, now) === undefined ? nextNeed(machine.options.life, now) : now
    if (at === undefined) return
    this.timeline.at(at + (20 + 40 * machine.random.next()) * SECOND, () => {
      machine.boot()
      this.timeline.start(() => machine.recall())
      this.#planCheck(machine, machine.tickAfter(this.timeline.now))
    })
  }

  #planCheck(machine: Machine, tickMs: number): void {
    const { boots } = machine
    this.timeline.at(machine.lookAt(tickMs), () => {
      if (!machine.on || machine.boots !== boots) return
      // The next one is planned first: a check that waits does not keep cron from starting it.
      let next = machine.tickAfter(tickMs)
      this.timeline.start(async () => {
        this.outcome.checks += 1
        const began = this.timeline.now
        const checked = await machine.check()
        if (checked !== undefined) this.#note(machine, checked)
        if (!machine.on || machine.boots !== boots) return
        while (machine.lookAt(next) <= this.timeline.now) next = machine.tickAfter(next)
        if (checked !== undefined && this.#options.skips && this.timeline.now - began < SECOND)
          next = await skipSteady(machine, { nowMs: this.timeline.now, tickMs: next, checked })
        if (Number.isFinite(next)) this.#planCheck(machine, next)
      })
    })
  }

  stopAccepted(machine: Machine): void {
    const { now } = this.timeline
    this.outcome.stopsAt.push(now)
    const watch = this.#watches.get(machine)
    if (watch !== undefined) watch.acceptedMs = now
    this.timeline.at(now + (20 + 40 * machine.random.next()) * SECOND, () => {
      if (!machine.on) return
      machine.on = false
      this.#startWhenNeeded(machine)
    })
  }

  /** Keeps when a stop was due first, and since when the tags are not those of the state. */
  #note(machine: Machine, { decision, look }: Checked): void {
    const watch = this.#watches.get(machine)
    if (watch === undefined) return
    const { state } = decision
    const due = state.idleSince + policy.hibernateThresholdMs * patience(state.falseStops, look.moment.clocks.wallMs)
    if (watch.acceptedMs !== undefined) {
      this.outcome.stopDelays.push(Math.max(0, watch.acceptedMs - (watch.dueMs ?? machine.momentOf(due))))
      watch.acceptedMs = undefined
      watch.dueMs = undefined
    } else if (decision.verdict !== 'idle') watch.dueMs = undefined
    else if (due <= look.moment.clocks.monoMs) watch.dueMs ??= machine.momentOf(due)
    this.#noteTags(machine, watch, {
      wanted: JSON.stringify(Object.values(state.tags)),
      atMs: machine.momentOf(look.moment.clocks.monoMs),
    })
  }

  #noteTags(machine: Machine, watch: Watch, { wanted, atMs }: { wanted: string; atMs: number }): void {
    if (wanted !== watch.wanted) watch.changedMs ??= atMs
    watch.wanted = wanted
    if (wanted !== machine.tags || watch.changedMs === undefined) return
    this.outcome.tagDelays.push(this.timeline.now - watch.changedMs)
    this.outcome.tagsAt.push(this.timeline.now)
    watch.changedMs = undefined
  }

  /** What each machine has learned, in milliseconds. */
  windows(): Promise<readonly number[]> {
    return Promise.all(this.machines.map((machine) => machine.window()))
  }

  /** Machines whose stop is due and was not accepted; without those that must not be stopped, since they cannot tell who they are. */
  waitingStops(): number {
    return this.machines.filter(
      (machine) => machine.on && !machine.options.broken && this.#watches.get(machine)?.dueMs !== undefined,
    ).length
  }

  /** Machines whose tags are not those of their state, and machines that are off without the mark of their stop. */
  wrongTags(): number {
    return this.machines.filter((machine) => {
      const wanted = this.#watches.get(machine)?.wanted ?? ''
      if (wanted === '' || machine.options.broken) return false
      return machine.on ? wanted !== machine.tags : !machine.tags.includes('stopping')
    }).length
  }
}
