/** What one check is made of: where it looks, what it judges by, and where its files are. */
import type { Cloud } from '../clouds/cloud.ts'
import type { Input } from '../decide/state.ts'
import type { Host } from '../host/host.ts'
import type { Sensor } from '../sensors/sensor.ts'
import type { OptIn } from '../types/outcome.ts'
import type { Decision, Policy } from '../types.ts'
import type { VetoSource } from '../vetoes/veto.ts'

/** Where the agent keeps its files. */
export interface Paths {
  readonly state: string
  readonly intents: string
  readonly history: string
  readonly configCache: string
  readonly lockDir: string
  readonly stateDir: string
  readonly runDir: string
  readonly status: string
  readonly leases: string
  readonly resumed: string
  /** The line for the next login. */
  readonly note: string
  readonly logDir: string
  readonly audit: string
  readonly log: string
}

/** A sensor with the limits that the configuration gives it. */
export interface ConfiguredSensor {
  readonly sensor: Sensor<unknown>
  readonly limits: Readonly<Record<string, number>>
}

/** Settings that the loop needs and the decision does not. */
export interface Settings {
  readonly tagPrefix: string
  /** Within which each machine writes its tags at a moment of its own; one that is learned may be longer. */
  readonly tagWindowMs?: number
  readonly protected: boolean
  readonly operatorTags: 'optional' | 'required'
  /** What an operator allows although the machine is not ours alone, or loses data by it. */
  readonly allow: readonly OptIn[]
  readonly keepCeilingMs: number
  /** With false the limits are the configured ones, and nothing is learned. */
  readonly learnFloor?: boolean
  /** How far ahead a job that is due is waited for. */
  readonly horizonMs: number
  /** Services and timers that the operator counts to housekeeping. */
  readonly ignoredUnits?: readonly string[]
}

export interface Parts {
  readonly host: Host
  readonly cloud: Cloud
  readonly sensors: readonly ConfiguredSensor[]
  readonly vetoes: readonly VetoSource[]
  readonly policy: Policy
  readonly settings: Settings
  readonly paths: Paths
  decide(input: Input): Decision
}

/** The agent's files: the system's folders, or all below `stateDir` when one is given. */
export function pathsOf(stateDir: string | undefined): Paths {
  const state = stateDir ?? '/var/lib/idle-agent'
  const run = stateDir === undefined ? '/run/idle-agent' : `${stateDir}/run`
  const log = stateDir === undefined ? '/var/log/idle-agent' : `${stateDir}/log`
  return {
    stateDir: state,
    state: `${state}/state.json`,
    intents: `${state}/intents.jsonl`,
    history: `${state}/history.jsonl`,
    configCache: `${state}/config.json`,
    lockDir: `${state}/lock`,
    runDir: run,
    status: `${run}/status.json`,
    leases: `${run}/leases`,
    resumed: `${run}/resumed_at`,
    note: stateDir === undefined ? '/etc/motd.d/idle-agent' : `${stateDir}/run/note`,
    logDir: log,
    audit: `${log}/audit.jsonl`,
    log: `${log}/agent.log`,
  }
}
