// The floor's side of the bench: floor/floor-agent.c, compiled, with a state file of its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { AwsCloud } from '../clouds/aws.ts'
import { clocksAgo } from './agent-state.ts'
import { compile } from './compiler.ts'
import type { Command, Measurer } from './processes.ts'
import { expectWords, plainSide, type Side } from './side.ts'

export interface Floor {
  readonly version: Side
  /** A check 2 minutes after the one before and 3 minutes after the last activity. */
  readonly steady: Side
}

/** As for the agent: limits so high that the bench's own work does not count. Cores, bytes per second twice, seconds since the last input. */
const limits = ['64', '1e9', '1e10', '0'] as const

/** Compiles it into the folder, which need not be there; static, so that the loader does not count. False where that cannot be done. */
export function compileFloor(folder: string): boolean {
  mkdirSync(folder, { recursive: true })
  return compile(join(import.meta.dirname, 'floor/floor-agent.c'), programIn(folder), '-static')
}

function programIn(folder: string): string {
  return resolve(folder, 'floor-agent')
}

/** What one check of the floor is: the program, the state file in the same folder, the limits. */
export function floorCheck(folder: string, env: Readonly<Record<string, string>>): Command {
  return { argv: [programIn(folder), resolve(folder, 'state'), ...limits], env }
}

/** Makes its first check; `undefined` where there is no compiler. */
export async function createFloor(measurer: Measurer, cloud: AwsCloud, folder: string): Promise<Floor | undefined> {
  if (!compileFloor(folder)) return undefined
  const check = floorCheck(folder, cloud.env)
  expectWords(await measurer.run(check), 'this is the first check')
  const steady: Side = {
    command: check,
    prepare: () => dateBack(folder),
    verify: (run) => expectWords(run, 'idle for 3 min'),
  }
  return { version: plainSide({ argv: [programIn(folder), 'version'], env: {} }, 'floor-agent '), steady }
}

/** The counters stay those of the last run. */
function dateBack(folder: string): void {
  const state = resolve(folder, 'state')
  const [, counters = ''] = readFileSync(state, 'utf8').split('\n')
  writeFileSync(state, `${clocksAgo(120_000).bootMs} ${clocksAgo(180_000).bootMs}\n${counters}\n`)
}
