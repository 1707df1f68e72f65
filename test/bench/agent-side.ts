// The executable's side of the bench: its state folder, its configuration, and what a check printed.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { AwsCloud } from '../clouds/aws.ts'
import type { Command, Measurer, Run } from './processes.ts'

export const executable = resolve('dist/idle-agent')

/** The part of `check --json` that the bench looks at. */
const Check = z.object({
  host: z.object({ cloud: z.string() }),
  verdict: z.enum(['active', 'idle', 'unknown']),
  state: z.string(),
  reason: z.string(),
  covered: z.object({ seconds: z.number(), complete: z.boolean() }),
  actions: z.array(z.object({ action: z.string(), result: z.string(), detail: z.string() })),
})
export type Check = z.infer<typeof Check>

// Limits far above what the bench itself does to this machine: it is to be found idle. What is read and compared is the
// same under any limit.
const limits = `
  sensors:
    cpu: { cores: 64 }
    network: { in_bytes_per_second: 1000000000, out_bytes_per_second: 1000000000 }
    disk: { bytes_per_second: 10000000000 }
    sessions: { connection_hold_minutes: 0, output_hold_minutes: 0`

export interface Agent {
  readonly stateDir: string
  readonly check: Command
  /** A check that writes nothing and acts on nothing. */
  readonly look: Command
  /** The defaults are 2 minutes between checks, idle after 5, hibernated after 10. */
  readonly intervalMs: number
}

export interface AgentOptions {
  readonly intervalMs?: number
  /** Without it, whoever works on this machine during the bench does not hold the simulated one back. */
  readonly sessions?: boolean
}

/** Prepares a folder with a configuration; the first check, which begins a history, is still to be made. */
export function createAgent(folder: string, cloud: AwsCloud, options: AgentOptions = {}): Agent {
  const { intervalMs = 120_000, sessions = true } = options
  const config = join(folder, 'config.yaml')
  const stateDir = join(folder, 'state')
  const minutes = intervalMs / 60_000
  writeFileSync(config, `idle_detection:\n  check_interval_minutes: ${minutes}${limits}, enabled: ${sessions} }\n`)
  const words = ['--json', '--config', config, '--state-dir', stateDir]
  const env = { PATH: '/usr/bin:/bin', ...cloud.env }
  return {
    stateDir,
    intervalMs,
    check: { argv: [executable, 'check', '--act', ...words], env },
    look: { argv: [executable, 'check', ...words], env },
  }
}

/** Throws where the firmware names a cloud that is not EC2: firmware goes before the simulated endpoint. */
export async function expectEc2({ argv: [program, ...args], env }: Command): Promise<void> {
  // Whatever its exit code: the other cloud may not answer.
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(program, args, { env }, (error, text) => (text === '' && error !== null ? reject(error) : resolve(text)))
  })
  const { cloud } = Check.pick({ host: true }).parse(JSON.parse(stdout)).host
  if (cloud === 'aws') return
  throw new Error(
    `this is a machine of ${cloud}, by its firmware, and the bench simulates EC2: run it on EC2, or where there is no cloud. Nothing was measured, installed or written`,
  )
}

/** The first check: nothing can be said yet, the tags are written for the first time. */
export async function beginHistory(measurer: Measurer, agent: Agent): Promise<void> {
  expectDeeds(readCheck(await measurer.run(agent.check)).actions, ['tag'])
}

/** What a finished check printed. Throws with all of it if the check failed. */
export function readCheck(run: Run): Check {
  if (run.status !== 0) throw new Error(`a check ended with ${run.status}: ${run.stderr || run.stdout}`)
  return Check.parse(JSON.parse(run.stdout))
}

/** Throws unless the check judged its whole interval and did exactly these things. */
export function expectCheck(run: Run, agent: Agent, deeds: readonly string[]): void {
  const { covered, verdict, reason, actions } = readCheck(run)
  const long = covered.seconds * 1000 >= agent.intervalMs
  if (!covered.complete || !long || verdict === 'unknown') {
    throw new Error(`no whole interval was judged (${covered.seconds} s, ${verdict}): ${reason}`)
  }
  expectDeeds(actions, deeds, reason)
}

function expectDeeds(actions: Check['actions'], deeds: readonly string[], reason = 'the first check'): void {
  const done = actions.filter(({ result }) => result === 'done').map(({ action }) => action)
  if (done.length === actions.length && done.join() === deeds.join()) return
  throw new Error(`expected ${deeds.join(', ') || 'nothing'} to be done, got ${JSON.stringify(actions)}: ${reason}`)
}
