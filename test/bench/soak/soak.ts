// One soak: a machine, its owner and its faults, checked by a resident agent again and again, measured once a day of checks.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeSmallDisk, type SmallDisk } from '../../e2e/crash/small-disk.ts'
import { createRandom } from '../../scenarios/random.ts'
import { type Around, cronAgent, type Fate, type Ran, startResident } from './agents.ts'
import { createFaults, planFaults } from './faults.ts'
import { type Sample, sizesOf } from './figures.ts'
import { Ledger } from './ledger.ts'
import { createMachine, type SoakMachine } from './machine.ts'
import { createOwner, MINUTE, nextTyping, type Owner } from './owner.ts'
import { writePast } from './past.ts'
import { Promises } from './promises.ts'

export interface SoakOptions {
  readonly checks: number
  /** Checks between two measurements. */
  readonly sampleEvery: number
  readonly seed: number
  /** The resident agent, and its first arguments; without one, the executable as cron runs it. */
  readonly program?: readonly string[]
  readonly mutant?: string
  readonly faultless?: true
  /** A history and a log that are about to be rolled up are there already. */
  readonly past?: true
  readonly say?: (line: string) => void
}

export interface SoakResult {
  readonly checks: number
  readonly killed: number
  /** Days of the machine's calendar. */
  readonly days: number
  readonly boots: number
  readonly resumes: number
  readonly stops: number
  readonly requests: { readonly metadata: number; readonly api: number }
  readonly auditLines: number
  readonly rewritings: number
  readonly faults: Readonly<Record<string, number>>
  readonly lateMs: readonly number[]
  readonly samples: readonly Sample[]
  /** What each check called the machine: `idle (counting)`; '' of one that was killed. */
  readonly verdicts: readonly string[]
  /** What was done in the order of the log: `hibernate done`. */
  readonly deeds: readonly string[]
  readonly problems: readonly string[]
  readonly seconds: number
}

const INTERVAL_MS = 2 * MINUTE
const limits = { thresholdMs: 10 * MINUTE, intervalMs: INTERVAL_MS, graceMs: 10 * MINUTE }
const MOST_DAYS = 500
/** Nobody is back so soon after a stop that it would count as a false one, after which the agent waits longer. */
const BACK_MS = 31 * MINUTE
const MOST_PROBLEMS = 20

/** Lives as many checks as are asked, and tells what came of them. Root only. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  // In memory: what sensors read is written anew for each of them.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'idle-agent-soak-'))
  const disk = await makeSmallDisk({ size: '8m', names: 300 })
  try {
    return await live(options, { folder, disk })
  } finally {
    await disk.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function live(
  options: SoakOptions,
  { folder, disk }: { readonly folder: string; readonly disk: SmallDisk },
): Promise<SoakResult> {
  const began = performance.now()
  const { stateDir } = disk
  const random = createRandom(options.seed)
  const owner = createOwner(options.seed + 1, MOST_DAYS)
  const plan = options.faultless ? [] : planFaults(random, owner, limits.thresholdMs)
  const ledger = new Ledger(stateDir)
  const requests = { metadata: 0, api: 0 }
  const onStop = ({ hibernated }: { readonly hibernated: boolean }): void => {
    ledger.accepted(hibernated ? 'hibernate' : 'stop', new Date(machine.clocks().wallMs).toISOString())
    promises.stopped()
  }
  const root = join(folder, 'root')
  const from = (owner.typing[0]?.from ?? 0) - MINUTE
  const machine: SoakMachine = await createMachine({ root, stateDir, owner, random, onStop, from })
  const promises = new Promises(machine, limits)
  const faults = createFaults(plan, { machine, stateDir, random, disk })
  const config = join(folder, 'config.yaml')
  const flags = ['--root', root, '--state-dir', stateDir, '--config', config]
  const { program } = options
  const start = async (mutant: string) =>
    program === undefined
      ? cronAgent(flags, { folder, env: machine.cloud.env })
      : startResident([...program, ...flags, '--mutant', mutant], machine.cloud.env)
  const agent = await start(options.mutant ?? '')
  const samples: Sample[] = []
  const verdicts: string[] = []
  let [checks, killed] = [0, 0]

  const around: Around = {
    clocks: machine.clocks,
    hurried: () => /hang|silent|does not say/.test(faults.now()?.name ?? ''),
    pass(ms) {
      machine.pass(ms)
      faults.go()
    },
  }

  /** By the resident process, or by one of its own that is killed on the way. */
  async function check(): Promise<Ran> {
    if (faults.now()?.name !== 'processes killed') return agent.check(around, {})
    const fate: Fate = random.chance(0.5) ? { diesAt: random.whole(0, 30) } : { killedAfterMs: random.whole(0, 60) }
    const victim = await start('')
    try {
      return await victim.check(around, fate)
    } finally {
      await victim.close()
    }
  }

  async function turn(): Promise<void> {
    const before = machine.now()
    const fault = faults.now()
    promises.before(fault, false)
    if (fault?.name === 'no checks') return around.pass(INTERVAL_MS)
    const ran = await check()
    checks += 1
    verdicts.push(verdictIn(ran.said))
    killed += ran.killed ? 1 : 0
    const calls = machine.cloud.requests.list({ action: 'StopInstances' })
    const counts = machine.cloud.requests.counts()
    requests.metadata += counts.metadata
    requests.api += counts.api
    machine.cloud.requests.clear()
    const full = fault?.name === 'disk full' || faults.now()?.name === 'disk full'
    ledger.account({ killed: ran.killed, full, calls })
    if (machine.cloud.instance().state === 'running') promises.stillUp()
    if (checks % options.sampleEvery === 0) {
      const held = await agent.measure()
      if (held !== undefined) samples.push({ checks, ...held, ...sizesOf(stateDir) })
      // A command of the operator's is run for a tenth of the time.
      writeConfig(config, samples.length % 10 === 1)
      options.say?.(`${checks} checks, ${ledger.stops.length} stops, ${problems().length} problems`)
    }
    around.pass(Math.max(1_000, INTERVAL_MS - (machine.now() - before)))
  }

  const problems = (): readonly string[] => [...ledger.problems, ...promises.problems]
  try {
    writeConfig(config, false)
    if (options.past) writePast(stateDir, machine.clocks().wallMs)
    around.pass(MINUTE / 2)
    while (checks < options.checks && problems().length < MOST_PROBLEMS) {
      if (machine.isUp()) await turn()
      else await comeBack(machine, owner, { around, promises })
    }
    ledger.close(machine.clocks().wallMs)
  } finally {
    await agent.close()
    await machine.close()
  }
  return {
    checks,
    killed,
    days: Math.round((machine.now() - from) / 86_400_000),
    ...machine.starts(),
    stops: ledger.stops.length,
    requests,
    auditLines: ledger.lines.length,
    rewritings: ledger.rewritings,
    faults: Object.fromEntries(faults.met),
    lateMs: promises.lateMs,
    samples,
    verdicts,
    deeds: ledger.lines.map(({ action, result }) => `${action} ${result}`),
    problems: problems(),
    seconds: (performance.now() - began) / 1000,
  }
}

/** The owner comes back to a machine that is off, and starts it. */
async function comeBack(
  machine: SoakMachine,
  owner: Owner,
  { around, promises }: { readonly around: Around; readonly promises: Promises },
): Promise<void> {
  const earliest = machine.now() + BACK_MS
  const next = nextTyping(owner, earliest)
  if (next === undefined) throw new Error('the owner has left for good: more days are needed')
  around.pass(Math.max(earliest, next.from) - machine.now())
  machine.start()
  promises.began()
  around.pass(MINUTE / 2)
}

/** `idle (counting)` out of "2027-01-04T11:27:30.000Z idle (counting): nothing needed this machine for 2 min". */
function verdictIn(said: readonly string[]): string {
  return /^(?:\S+Z )?(\w+(?: \([^)]*\))?): /.exec(said[0] ?? '')?.[1] ?? ''
}

function writeConfig(path: string, probes: boolean): void {
  const commands = probes ? '  commands: [{ argv: [/bin/false], name: probe }]\n' : ''
  writeFileSync(path, `idle_detection:\n  check_interval_minutes: ${INTERVAL_MS / MINUTE}\n${commands}`)
}
