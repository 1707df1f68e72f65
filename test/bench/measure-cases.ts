// Measures the cases: all sides in turn, warm-ups first, and one more run of each side under strace.
import type { Case } from './cases.ts'
import { pairRatios, type Spread, spreadOf } from './figures.ts'
import type { Measurer, Run } from './processes.ts'
import type { Side } from './side.ts'
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

/** What runs beside the agent, and the agent's figures over its own, pair by pair. */
export interface Beside extends Cost {
  readonly cpuRatio: Spread
  readonly wallRatio: Spread
}

export interface Row {
  readonly name: CaseName
  readonly about: string
  readonly pairs: number
  readonly agent: Cost
  readonly peer: Beside
  readonly floor?: Beside
}

const warmUps = 2
/** Something else on this machine may come in between; then that run does not count, and is made again. */
const attempts = 3

/** Throws when a side keeps doing something else than its case says. */
export async function measureCase(measurer: Measurer, one: Case, logPath: string): Promise<Row> {
  const { name, about, pairs, agent, peer, floor } = one
  const sides = [agent, peer, ...(floor === undefined ? [] : [floor])]
  const runs = new Map<Side, Run[]>(sides.map((side) => [side, []]))
  for (let pair = -warmUps; pair < pairs; pair += 1) {
    for (const side of pair % 2 === 0 ? sides : sides.toReversed()) {
      const run = await runOnce(side, () => measurer.run(side.command))
      if (pair >= 0) runs.get(side)?.push(run)
    }
  }
  const ours = runs.get(agent) ?? []
  const costOf = async (side: Side): Promise<Cost> => {
    return { ...spreadsOf(runs.get(side) ?? []), ...(await trace(measurer, side, logPath)) }
  }
  const besideOf = async (side: Side): Promise<Beside> => {
    const theirs = runs.get(side) ?? []
    const ratio = (figure: (run: Run) => number): Spread => pairRatios(ours.map(figure), theirs.map(figure))
    return { ...(await costOf(side)), cpuRatio: ratio(cpuMs), wallRatio: ratio(({ wallMs }) => wallMs) }
  }
  const measured = { name, about, pairs, agent: await costOf(agent), peer: await besideOf(peer) }
  return floor === undefined ? measured : { ...measured, floor: await besideOf(floor) }
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

function spreadsOf(runs: readonly Run[]): Cost {
  return {
    cpuMs: spreadOf(runs.map(cpuMs)),
    userMs: spreadOf(runs.map(({ userMs }) => userMs)),
    systemMs: spreadOf(runs.map(({ systemMs }) => systemMs)),
    wallMs: spreadOf(runs.map(({ wallMs }) => wallMs)),
    peakMb: spreadOf(runs.map(({ peakMb }) => peakMb)),
  }
}
