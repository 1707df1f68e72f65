/** A machine, its cloud and its owner, in memory: lives one history through the agent's real loop and tells its judge. */
import { type Checked, checkAndAct } from '../../agent/agent.ts'
import { type Parts, pathsOf } from '../../agent/check/parts.ts'
import { decide, type Input } from '../../agent/decide/state.ts'
import { HostError, LockedError } from '../../agent/errors.ts'
import type { Host, Store } from '../../agent/host/host.ts'
import type { Decision, Method, Policy } from '../../agent/types.ts'
import { Crash, createMemoryHost, type MemoryHost } from '../host/memory.ts'
import {
  type Answer,
  type Happening,
  type History,
  HOUR,
  type Kind,
  MINUTE,
  SECOND,
  type Setup,
  tickAt,
} from './histories.ts'
import { createRandom, type Random } from './random.ts'
import { scriptedSensors, scriptedVeto } from './scripted.ts'
import { createSimCloud } from './sim-cloud.ts'

export const paths = pathsOf(undefined)

/** What the world did at the moment a process last looked: the truth that its decision is held against. */
export interface Snapshot {
  readonly tau: number
  readonly strongTau: number
  readonly vetoed: boolean
  readonly blind: boolean
}

/** One process of the agent. */
export interface Process {
  readonly pid: number
  readonly startedTau: number
  /** The run of the machine in which it began. */
  readonly run: number
  dead: boolean
  points: number
  readonly crash: Extract<Happening, { kind: 'crash' }> | undefined
  reads: number
  slept: boolean
  seen: Snapshot
  /** An operator's tag forbade acting when it was last asked for; `unread` if that could not be told. */
  operator: 'free' | 'forbids' | 'unread'
  acts: number
  tagWrites: number
  /** What the cloud shows is not known after that. */
  tagFailed: boolean
}

/** A call that took the machine down. */
interface Taken {
  readonly method: Method
  readonly calledTau: number
  readonly tau: number
  /** Ends in the journal when it was made. */
  readonly told: number
}

/** What the properties listen to. */
export interface Judge {
  looked(process: Process): void
  called(process: Process, method: Method): void
  answered(process: Process, told: 'accepted' | 'refused' | 'unknown'): void
  tagsWritten(process: Process, was: ReadonlyMap<string, string>): void
  deciding(input: Input): void
  /** `again` decides the same once more. */
  decided(input: Input, decision: Decision, again: () => Decision): void
  finished(process: Process, checked: Checked): void
  crashed(process: Process): Promise<void>
  threw(error: unknown): void
  /** True once the history is told. */
  over(): boolean
}

/** What a mutant of the agent does differently. */
export interface Tricks {
  readonly decide?: (input: Input) => Decision
  readonly store?: (store: Store) => Store
}

interface Entry {
  readonly at: number
  readonly run: () => void
}

const FIRST_PID = 1000

export class World {
  readonly history: History
  readonly setup: Setup
  readonly random: Random
  readonly host: MemoryHost
  readonly tags = new Map<string, string>()
  readonly policy: Policy
  judge: Judge | undefined
  /** Tells every event, for people. */
  trace: ((line: string) => void) | undefined

  tau = 0
  realMs: number
  /** Number of the true run of the machine; each boot and each resume begins another. */
  run = 0
  boots = 0
  /** How often the machine was away: off, hibernated or suspended. */
  away = 0
  wallSteps = 0
  monoOffset: number
  startedAt: string
  work = 0
  inputs = 0
  lastInputMono = 0
  lastInputTau = Number.NEGATIVE_INFINITY
  lastBusyTau = Number.NEGATIVE_INFINITY
  weak = { connection: 0, output: 0, 'gpu-memory': 0, 'gpu-work': 0, housekeeping: 0, process: 0, client: 0 }
  cloudInitUntil = 0
  /** When the last consequence of what happened so far is over. */
  quietFrom = 0
  /** When the memory of the agent was lost from the disk. */
  memoryLost = false
  stopping: { readonly method: Method } | undefined
  /** The last call that took the machine down, until the agent has told so. */
  taken: Taken | undefined
  stops = 0
  readonly open = new Set<Happening>()
  readonly #answered = new Set<Happening>()

  readonly #tricks: Tricks
  #queue: Entry[] = []
  #running = new Set<Promise<void>>()
  #alive = new Set<Process>()
  #current: Process | undefined
  #armed: Extract<Happening, { kind: 'crash' }> | undefined
  #twice = false
  #disk: (() => void)[] = []
  #pids = FIRST_PID

  constructor(history: History, tricks: Tricks = {}) {
    const { setup } = history
    this.history = history
    this.setup = setup
    this.#tricks = tricks
    this.random = createRandom(history.seed ^ 0x5bd1e995)
    this.realMs = Date.UTC(2026, 10, 16, 6) + Math.round(this.random.next() * 168 * HOUR)
    const up = 40 * SECOND
    this.monoOffset = up
    this.startedAt = this.#iso(this.realMs - up)
    this.host = createMemoryHost({
      clocks: { wallMs: this.realMs, bootMs: up, monoMs: up },
      self: { bootId: bootId(0) },
    })
    this.host.processes.clear()
    this.host.files.onMutation = () => this.point(this.#current)
    this.policy = {
      enabled: true,
      idleThresholdMs: setup.idleMs,
      hibernateThresholdMs: setup.actMs,
      checkIntervalMs: setup.intervalMs,
      action: setup.wanted,
      bootGraceMs: setup.graceMs,
      notReadyMs: setup.notReadyMs,
      unknownCeilingMs: 24 * HOUR,
    }
    for (const happening of history.happenings) this.#plan(happening)
    this.schedule(history.calmFrom, () => this.#calm())
    this.#scheduleTick(0)
  }

  /** Lives until the judge has seen enough. */
  async live(judge: Judge): Promise<void> {
    this.judge = judge
    while (!judge.over()) {
      const next = this.#queue[0]
      if (next === undefined) throw new Error('simulation: nothing left to happen')
      this.advanceTo(next.at)
      while (this.#running.size > 0) await Promise.all(this.#running)
    }
  }

  is(kind: Kind): boolean {
    for (const { kind: one } of this.open) if (one === kind) return true
    return false
  }

  opened<K extends Kind>(kind: K): Extract<Happening, { kind: K }> | undefined {
    for (const one of this.open) if (isKind(one, kind)) return one
    return undefined
  }

  /** What the present call gets. */
  answer(): Answer {
    const api = this.opened('api')
    if (api === undefined) return 'accept'
    const isFirst = !this.#answered.has(api)
    this.#answered.add(api)
    return isFirst ? api.answer : (api.again ?? api.answer)
  }

  tauOf(monoMs: number): number {
    return monoMs - this.monoOffset
  }

  say(text: string): void {
    if (this.trace === undefined) return
    const { wallMs, bootMs, monoMs } = this.host.clock.now()
    const clocks = `m=${seconds(monoMs)} b=${seconds(bootMs)} w=${new Date(wallMs).toISOString().slice(5, 19)}`
    this.trace(`${seconds(this.tau).padStart(7)} run ${this.run} ${clocks} ${text}`)
  }

  schedule(at: number, run: () => void): void {
    let i = this.#queue.length
    while (i > 0 && (this.#queue[i - 1]?.at ?? 0) > at) i -= 1
    this.#queue.splice(i, 0, { at, run })
  }

  advanceTo(tau: number): void {
    for (let next = this.#queue[0]; next !== undefined && next.at <= tau; next = this.#queue[0]) {
      this.#queue.shift()
      this.#pass(next.at - this.tau)
      next.run()
    }
    this.#pass(tau - this.tau)
  }

  /** A point at which a process can die. */
  point(process: Process | undefined): void {
    if (process === undefined) return
    process.points += 1
    if (process.crash === undefined || process.points !== process.crash.point) return
    process.dead = true
    throw new Crash()
  }

  /** How many ends of calls stand in the journal. */
  told(): number {
    return (this.host.files.read(paths.intents) ?? '').split(/"result":"(?:hibernated|stopped)"/).length - 1
  }

  /** The cloud takes the machine down, now or some time later. */
  takeDown(method: Method, delayMs: number): void {
    if (this.stopping !== undefined) return
    const stopping = { method }
    this.stopping = stopping
    const called = { method, calledTau: this.tau, told: this.told() }
    const go = () => {
      if (this.stopping !== stopping) return
      this.stops += 1
      this.taken = { ...called, tau: this.tau }
      this.#leave(method, this.random.pick([90 * SECOND, 20 * MINUTE, 45 * MINUTE, 14 * HOUR]))
    }
    if (delayMs === 0) go()
    else this.schedule(this.tau + delayMs, go)
  }

  #iso(ms: number): string {
    return `${new Date(ms).toISOString().slice(0, 19)}Z`
  }

  #pass(ms: number): void {
    if (ms <= 0) return
    this.host.clock.advance(ms)
    this.tau += ms
    this.realMs += ms
    for (const one of this.open) {
      if (one.kind === 'busy') {
        this.work += ms
        this.lastBusyTau = this.tau
      } else if (one.kind === 'weak') this.weak[one.evidence] += ms
    }
  }

  #plan(happening: Happening): void {
    if (!('until' in happening)) {
      this.schedule(happening.at, () => this.#happen(happening))
      return
    }
    this.schedule(happening.at, () => this.#begin(happening))
    this.schedule(happening.until, () => this.#end(happening))
  }

  #begin(happening: Happening): void {
    this.open.add(happening)
    if (happening.kind === 'busy') this.lastBusyTau = this.tau
    if (happening.kind === 'busy') this.work += 1
    if (happening.kind === 'weak') this.weak[happening.evidence] += 1
    if (happening.kind === 'disk-full') this.host.files.full = true
    this.say(`${happening.kind} begins ${JSON.stringify(happening)}`)
  }

  #end(happening: Happening): void {
    this.open.delete(happening)
    this.host.files.full = this.is('disk-full')
    this.say(`${happening.kind} ends`)
  }

  #happen(happening: Happening): void {
    this.say(`${happening.kind} ${JSON.stringify(happening)}`)
    if (happening.kind === 'input') this.#type()
    else if (happening.kind === 'sleep') this.#leaveByOwner('hibernate', happening.offMs)
    else if (happening.kind === 'boot') this.#leaveByOwner('stop', happening.offMs, happening.cloudInitMs)
    else if (happening.kind === 'suspend') this.#suspend(happening.offMs)
    else if (happening.kind === 'pause') this.#pause(happening.offMs, happening.stepAfterMs)
    else if (happening.kind === 'step') this.#step(happening.ms)
    else if (happening.kind === 'crash') this.#armed = happening
    else if (happening.kind === 'twice') this.#twice = true
    else if (happening.kind === 'lose-state') this.#disk.push(() => this.#loseState(undefined))
    else if (happening.kind === 'corrupt-state') this.#disk.push(() => this.#loseState('half'))
  }

  #type(): void {
    this.inputs += 1
    this.lastInputMono = this.host.clock.now().monoMs
    this.lastInputTau = this.tau
  }

  /** What the agent has not told of an end by then cannot be told from the owner's own. */
  #leaveByOwner(method: Method, offMs: number, cloudInitMs = 0): void {
    this.taken = undefined
    this.#leave(method, offMs, cloudInitMs)
  }

  /** The machine goes away and its owner starts it again. */
  #leave(method: Method, offMs: number, cloudInitMs = 0): void {
    this.stopping = undefined
    this.run += 1
    this.away += 1
    this.realMs += offMs
    this.startedAt = this.#iso(this.realMs)
    if (method === 'hibernate') {
      this.#wake(offMs)
      return
    }
    for (const process of this.#alive) process.dead = true
    this.host.processes.clear()
    this.boots += 1
    const up = this.random.whole(5, 60) * SECOND
    this.host.clock.set({ wallMs: this.realMs, bootMs: up, monoMs: up })
    this.monoOffset = up - this.tau
    this.host.files.remove('/run/idle-agent')
    this.cloudInitUntil = this.tau + cloudInitMs
    this.quietFrom = Math.max(this.quietFrom, this.cloudInitUntil)
    this.say(`booted after ${offMs / 1000} s`)
  }

  /** Resume: what of it the clocks show depends on the machine. */
  #wake(offMs: number): void {
    if (this.setup.rtc) this.host.clock.suspend(offMs)
    else this.#ntpLater(offMs, this.random.whole(0, 300) * SECOND)
    this.#stamp()
    this.say(`resumed after ${offMs / 1000} s`)
  }

  #suspend(offMs: number): void {
    this.taken = undefined
    this.run += 1
    this.away += 1
    this.realMs += offMs
    this.host.clock.suspend(offMs)
    this.#stamp()
  }

  #stamp(): void {
    if (this.setup.hook) this.host.files.write(paths.resumed, `${Math.floor(this.realMs / 1000)}\n`)
  }

  #pause(offMs: number, stepAfterMs: number | undefined): void {
    this.realMs += offMs
    if (stepAfterMs !== undefined) this.#ntpLater(offMs, stepAfterMs)
  }

  #step(ms: number): void {
    this.wallSteps += 1
    this.host.clock.stepWall(ms)
  }

  #ntpLater(ms: number, afterMs: number): void {
    const { boots } = this
    this.quietFrom = Math.max(this.quietFrom, this.tau + afterMs)
    this.schedule(this.tau + afterMs, () => {
      if (boots === this.boots) this.#step(ms)
      this.say(`NTP steps by ${ms / 1000} s`)
    })
  }

  #loseState(how: 'half' | undefined): void {
    const text = this.host.files.read(paths.state)
    if (text === undefined) return
    this.memoryLost = true
    if (how === undefined) this.host.files.remove(paths.state)
    else this.host.files.write(paths.state, text.slice(0, text.length >> 1))
  }

  #calm(): void {
    this.#armed = undefined
    this.#twice = false
    this.say('calm')
  }

  #scheduleTick(n: number): void {
    this.schedule(tickAt(this.history, n), () => {
      this.#scheduleTick(n + 1)
      if (this.is('no-cron')) return
      this.#start()
      if (this.#twice) this.#start()
      this.#twice = false
    })
  }

  #start(): void {
    if (this.#alive.size === 0) {
      for (const change of this.#disk) change()
      this.#disk = []
    }
    const done = this.#check().finally(() => this.#running.delete(done))
    this.#running.add(done)
  }

  async #check(): Promise<void> {
    const process = this.#spawn()
    this.#alive.add(process)
    try {
      this.judge?.finished(process, await checkAndAct(this.#parts(process)))
    } catch (error) {
      await this.#ended(process, error)
    } finally {
      this.#alive.delete(process)
      this.host.processes.delete(process.pid)
    }
  }

  async #ended(process: Process, error: unknown): Promise<void> {
    if (process.dead) {
      this.say(`pid ${process.pid} died at point ${process.points}`)
      const { crash } = process
      if (crash !== undefined && crash.point <= process.points && crash.cut) this.#leave('stop', 30 * SECOND)
      await this.judge?.crashed(process)
      return
    }
    this.say(`pid ${process.pid}: ${error instanceof Error ? error.message : String(error)}`)
    if (error instanceof LockedError) return
    if (error instanceof HostError && this.host.files.full) await this.judge?.crashed(process)
    else this.judge?.threw(error)
  }

  #spawn(): Process {
    this.#pids += 1
    const crash = this.#armed
    this.#armed = undefined
    return {
      pid: this.#pids,
      startedTau: this.tau,
      run: this.run,
      dead: false,
      points: 0,
      crash,
      reads: 0,
      slept: false,
      seen: { tau: this.tau, strongTau: 0, vetoed: false, blind: false },
      operator: 'free',
      acts: 0,
      tagWrites: 0,
      tagFailed: false,
    }
  }

  #parts(process: Process): Parts {
    const { setup } = this
    return {
      host: this.#hostOf(process),
      cloud: createSimCloud(this, process),
      sensors: scriptedSensors(this, process),
      vetoes: [scriptedVeto(this)],
      policy: this.policy,
      settings: {
        tagPrefix: 'T',
        protected: false,
        operatorTags: setup.operatorTags,
        allow: [],
        keepCeilingMs: 24 * HOUR,
        horizonMs: 15 * MINUTE,
      },
      paths,
      decide: (input) => {
        const deciding = this.#tricks.decide ?? decide
        this.judge?.deciding(input)
        const decision = deciding(input)
        this.judge?.decided(input, decision, () => deciding(input))
        return decision
      },
    }
  }

  /** The host as one process has it: whatever a dead process tries, fails. */
  #hostOf(process: Process): Host {
    const raw = this.host.withSelf({ pid: process.pid, startTicks: process.pid, bootId: bootId(this.boots) })
    const alive = () => {
      if (process.dead) throw new Crash()
      this.#current = process
    }
    const sleep = async (ms: number) => {
      alive()
      process.slept = true
      this.advanceTo(this.tau + ms)
      alive()
    }
    const clocks = () => {
      alive()
      return raw.clocks()
    }
    const list = async (path: string) => {
      if (path !== '/run/cloud-init') return undefined
      return this.tau < this.cloudInitUntil ? ['status.json'] : ['status.json', 'result.json']
    }
    const store = guarded(this.#tricks.store?.(raw.store) ?? raw.store, alive)
    return { ...raw, store, clocks, sleep, list }
  }
}

/** A store that asks `alive` before each operation. */
function guarded(store: Store, alive: () => void): Store {
  function first<Args extends unknown[], T>(work: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
    return async (...args) => {
      alive()
      return work(...args)
    }
  }
  return {
    read: first(store.read),
    replace: first(store.replace),
    append: first(store.append),
    create: first(store.create),
    readPlain: first(store.readPlain),
    overwrite: first(store.overwrite),
    give: first(store.give),
    remove: first(store.remove),
    rename: first(store.rename),
    link: first(store.link),
    copy: first(store.copy),
    list: first(store.list),
    makeDir: first(store.makeDir),
  }
}

function isKind<K extends Kind>(one: Happening, kind: K): one is Extract<Happening, { kind: K }> {
  return one.kind === kind
}

function bootId(boots: number): string {
  return `00000000-0000-4000-8000-${String(boots).padStart(12, '0')}`
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
