// The life of a soak's machine: check after check by a resident agent, the owner who comes back, measurements, and what came of it all.
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import type { Clocks } from '../../../agent/types.ts'
import type { Instance } from '../../clouds/aws.ts'
import type { Random } from '../../scenarios/random.ts'
import { type Around, cronAgent, type Fate, type Ran, type SoakAgent, startResident } from './agents.ts'
import type { Faults } from './faults.ts'
import { type Sample, sizesOf } from './figures.ts'
import type { Called, Ledger, Seen } from './ledger.ts'
import type { SoakMachine } from './machine.ts'
import { DAY, MINUTE, nextTyping, type Owner } from './owner.ts'
import { writePast } from './past.ts'
import { Promises } from './promises.ts'
import type { SoakOptions, SoakResult } from './result.ts'

const INTERVAL_MS = 2 * MINUTE
/** As configured, by default. */
export const limits = { thresholdMs: 10 * MINUTE, intervalMs: INTERVAL_MS, graceMs: 10 * MINUTE }
/** Nobody is back so soon after a stop that it would count as a false one, after which the agent waits longer. */
const BACK_MS = 31 * MINUTE
const MOST_PROBLEMS = 20
const RECENT = 15

/** What a life goes on in. */
export interface World {
  readonly machine: SoakMachine
  readonly owner: Owner
  readonly random: Random
  readonly faults: Faults
  readonly ledger: Ledger
  readonly folder: string
  readonly stateDir: string
}

export class Life implements Around {
  readonly #options: SoakOptions
  readonly #world: World
  readonly #promises: Promises
  readonly #flags: readonly string[]
  readonly #requests = { metadata: 0, api: 0 }
  readonly #samples: Sample[] = []
  readonly #verdicts: string[] = []
  /** Checks that failed, or did not all that they had to, and what they said. */
  readonly #failed: string[] = []
  /** The last checks, for whoever has to find out what went wrong. */
  readonly #recent: string[] = []
  #agent: SoakAgent | undefined
  #checks = 0
  #killed = 0

  constructor(options: SoakOptions, world: World) {
    this.#options = options
    this.#world = world
    this.#promises = new Promises(world.machine, limits)
    this.#flags = ['--root', join(world.folder, 'root'), '--state-dir', world.stateDir, '--config', this.#config]
  }

  clocks(): Clocks {
    return this.#world.machine.clocks()
  }

  hurried(): boolean {
    return this.#goesOn(/hang|silent|does not say/)
  }

  pass(ms: number): void {
    const { machine, faults } = this.#world
    machine.pass(ms)
    faults.go()
    const fault = faults.now()
    if (fault !== undefined) this.#promises.during(fault)
  }

  /** The cloud accepts a stop. */
  stopped({ hibernated }: Instance): void {
    this.#world.ledger.accepted(hibernated ? 'hibernate' : 'stop', new Date(this.clocks().wallMs).toISOString())
    this.#promises.stopped()
  }

  async live(): Promise<SoakResult> {
    const began = performance.now()
    const { machine, stateDir, ledger } = this.#world
    const from = machine.now
    this.#configure(false)
    if (this.#options.past) writePast(stateDir, this.clocks().wallMs)
    ledger.begin()
    this.#agent = await this.#start(this.#options.mutant ?? '')
    this.pass(MINUTE / 2)
    while (this.#checks < this.#options.checks && this.#problems.length < MOST_PROBLEMS) {
      if (machine.isUp) await this.#turn(this.#agent)
      else this.#comeBack()
    }
    ledger.close(this.clocks().wallMs)
    return this.#told(from, began)
  }

  async close(): Promise<void> {
    await this.#agent?.close()
  }

  get #config(): string {
    return join(this.#world.folder, 'config.yaml')
  }

  get #problems(): readonly string[] {
    return [...this.#world.ledger.problems, ...this.#promises.problems, ...this.#failed]
  }

  async #start(mutant: string): Promise<SoakAgent> {
    const { program } = this.#options
    const { env } = this.#world.machine.cloud
    if (program === undefined) return cronAgent(this.#flags, { folder: this.#world.folder, env })
    return startResident([...program, ...this.#flags, '--mutant', mutant], env)
  }

  /** One check, or the time of one that is left out. */
  async #turn(agent: SoakAgent): Promise<void> {
    const { machine } = this.#world
    if (this.#goesOn(/no checks/)) return this.pass(INTERVAL_MS)
    const before = machine.now
    const began = { full: this.#goesOn(/disk full/), hurried: this.hurried() }
    const { killed, said } = await this.#check(agent)
    this.#checks += 1
    this.#killed += killed ? 1 : 0
    const full = began.full || this.#goesOn(/disk full/)
    this.#account(said, { killed, full, hurried: began.hurried || this.hurried() })
    if (this.#checks % this.#options.sampleEvery === 0) await this.#measure(agent)
    this.pass(Math.max(1_000, INTERVAL_MS - (machine.now - before)))
  }

  /** By the process that stays, or by one of its own that is killed on the way. */
  async #check(agent: SoakAgent): Promise<Ran> {
    const { faults, random } = this.#world
    if (faults.now()?.name !== 'processes killed') return agent.check(this, {})
    const fate: Fate = random.chance(0.5) ? { diesAt: random.whole(0, 30) } : { killedAfterMs: random.whole(0, 60) }
    const victim = await this.#start('')
    try {
      return await victim.check(this, fate)
    } finally {
      await victim.close()
    }
  }

  #goesOn(name: RegExp): boolean {
    return name.test(this.#world.faults.now()?.name ?? '')
  }

  /** What a check said, called and told. */
  #account(said: readonly string[], seen: Omit<Seen, keyof Called>): void {
    const { machine, ledger } = this.#world
    const before = this.#problems.length
    const verdict = verdictIn(said[0])
    this.#verdicts.push(verdict)
    const other = verdict === '' ? (said[0] ?? 'nothing') : said[1]
    // Where the disk is full it says that it fails, or that what it did is not on record.
    if (other !== undefined && !seen.killed && !seen.full)
      this.#failed.push(`${new Date(machine.cloud.clock.now()).toISOString()}: a check says: ${other}`)
    const called = this.#called()
    ledger.account({ ...seen, ...called })
    this.#promises.sent(called.calls)
    if (machine.cloud.instance().state === 'running') this.#promises.stillUp()
    this.#recent.push(`  ${this.#world.faults.now()?.name ?? ''} | ${said.join(' | ')}`)
    if (this.#recent.length > RECENT) this.#recent.shift()
    if (this.#problems.length > before) this.#options.say?.([this.#problems.at(-1), ...this.#recent].join('\n'))
  }

  /** What was called since the last check. */
  #called(): Called {
    const { requests } = this.#world.machine.cloud
    const calls = requests.list({ action: 'StopInstances' })
    const writes = requests.list({ action: 'CreateTags', status: 200 })
    const { metadata, api } = requests.counts()
    this.#requests.metadata += metadata
    this.#requests.api += api
    requests.clear()
    return { calls, writes: writes.filter(({ fault }) => fault === undefined).length }
  }

  async #measure(agent: SoakAgent): Promise<void> {
    const held = await agent.measure()
    if (held !== undefined)
      this.#samples.push({ checks: this.#checks, load: loadavg()[0] ?? 0, ...held, ...sizesOf(this.#world.stateDir) })
    // A command of the operator's is run for a tenth of the time.
    const probes = this.#samples.length % 10 === 1
    this.#configure(probes)
    if (probes) this.#promises.configured()
    const { stops } = this.#world.ledger
    const { rssBytes = 0, heapBytes = 0, codeBytes = 0 } = held ?? {}
    const [resident, objects, code] = [rssBytes, heapBytes, codeBytes].map((bytes) => (bytes / 1e6).toFixed(1))
    const memory = `${resident} MB resident, objects ${objects}, code ${code}`
    this.#options.say?.(
      `${this.#checks} of ${this.#options.checks} checks, ${memory}, ${stops.length} stops, ${this.#problems.length} problems`,
    )
  }

  /** The owner comes back to a machine that is off, and starts it. */
  #comeBack(): void {
    const { machine, owner } = this.#world
    const earliest = machine.now + BACK_MS
    const next = nextTyping(owner, earliest)
    if (next === undefined) throw new Error('the owner has left for good: more days are needed')
    this.pass(Math.max(earliest, next.from) - machine.now)
    machine.start()
    this.#promises.began()
    this.pass(MINUTE / 2)
  }

  #configure(probes: boolean): void {
    const { settings = '' } = this.#options
    const commands = probes ? '  commands: [{ argv: [/bin/false], name: probe }]\n' : ''
    const text = `idle_detection:\n  check_interval_minutes: ${INTERVAL_MS / MINUTE}\n${settings}${commands}`
    writeFileSync(this.#config, text)
  }

  #told(from: number, began: number): SoakResult {
    const { machine, ledger, faults } = this.#world
    return {
      checks: this.#checks,
      killed: this.#killed,
      days: Math.round((machine.now - from) / DAY),
      boots: machine.boots,
      resumes: machine.resumes,
      stops: ledger.stops.length,
      requests: this.#requests,
      auditLines: ledger.lines.length - ledger.past,
      rewritings: ledger.rewritings,
      faults: Object.fromEntries(faults.met),
      calls: this.#promises.calls,
      samples: this.#samples,
      verdicts: this.#verdicts,
      deeds: ledger.lines.slice(ledger.past).map(({ action, result }) => `${action} ${result}`),
      problems: this.#problems,
      seconds: (performance.now() - began) / 1000,
    }
  }
}

/** `idle (counting)` out of "2027-01-04T11:27:30.000Z idle (counting): nothing needed this machine for 2 min". */
function verdictIn(line = ''): string {
  return /^(?:\S+Z )?(\w+(?: \([^)]*\))?): /.exec(line)?.[1] ?? ''
}
