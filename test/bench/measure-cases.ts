// Measures the cases: pairs in turn, warm-ups first, and one more run of each side under strace.
import type { Case, Side } from './cases.ts'
import { pairRatios, type Spread, spreadOf } from './figures.ts'
import type { Measurer, Run } from './processes.ts'
import { type SystemCalls, traceCalls } from './system-calls.ts'

export type CaseName = Case['name']

/** What one side of a case costs. */
export interface Cost {
  readonly cpuMs: Spread
  readonly userMs: Spread
  readonly systemMs: Spread
  readonly wallMs: Spread
  readonly peakMb: Spread
  /** Of a single run of its own; absent where strace may not be used. */
  readonly systemCalls?: SystemCalls
}

export interface Row {
  readonly name: CaseName
  readonly about: string
  readonly pairs: number
  readonly agent: Cost
  readonly peer: Cost
  /** The agent's figure over the peer's, pair by pair. */
  readonly cpuRatio: Spread
  readonly wallRatio: Spread
}

const warmUps = 2
/** Something else on this machine may come in between; then that run does not count, and is made again. */
const attempts = 3

/** Throws when a side keeps doing something else than its case says. */
export async function measureCase(measurer: Measurer, one: Case, logPath: string): Promise<Row> {
  const runs: { readonly agent: Run[]; readonly peer: Run[] } = { agent: [], peer: [] }
  for (let pair = -warmUps; pair < one.pairs; pair += 1) {
    const order = pair % 2 === 0 ? (['agent', 'peer'] as const) : (['peer', 'agent'] as const)
    for (const side of order) {
      const run = await runOnce(one[side], () => measurer.run(one[side].command))
      if (pair >= 0) runs[side].push(run)
    }
  }
  const { name, about, pairs } = one
  const cpu = { agent: runs.agent.map(cpuMs), peer: runs.peer.map(cpuMs) }
  const wall = { agent: runs.agent.map(({ wallMs }) => wallMs), peer: runs.peer.map(({ wallMs }) => wallMs) }
  return {
    name,
    about,
    pairs,
    agent: { ...costOf(runs.agent), ...(await trace(measurer, one.agent, logPath)) },
    peer: { ...costOf(runs.peer), ...(await trace(measurer, one.peer, logPath)) },
    cpuRatio: pairRatios(cpu.agent, cpu.peer),
    wallRatio: pairRatios(wall.agent, wall.peer),
  }
}

async function runOnce(side: Side, start: () => Promise<Run>): Promise<Run> {
  for (let attempt = 1; ; attempt += 1) {
    side.prepare()
    const run = await start()
    try {
      side.verify(run)
      return run
    } catch (error) {
      if (attempt === attempts) throw error
    }
  }
}

async function trace(measurer: Measurer, side: Side, logPath: string): Promise<Pick<Cost, 'systemCalls'>> {
  side.prepare()
  const traced = await traceCalls(measurer, side.command, logPath)
  if (traced === undefined) return {}
  side.verify(traced.run)
  return { systemCalls: traced.calls }
}

function cpuMs({ userMs, systemMs }: Run): number {
  return userMs + systemMs
}

function costOf(runs: readonly Run[]): Cost {
  return {
    cpuMs: spreadOf(runs.map(cpuMs)),
    userMs: spreadOf(runs.map(({ userMs }) => userMs)),
    systemMs: spreadOf(runs.map(({ systemMs }) => systemMs)),
    wallMs: spreadOf(runs.map(({ wallMs }) => wallMs)),
    peakMb: spreadOf(runs.map(({ peakMb }) => peakMb)),
  }
}
