// The agent itself over a series: the very judgement of its sensors and its very decision, once a sample.
import { decide } from '../../../agent/decide/state.ts'
import { rules as floorRules } from '../../../agent/learn/constants.ts'
import { limitOf } from '../../../agent/learn/floor.ts'
import { learnAll, parseMemory } from '../../../agent/learn/memory.ts'
import { cpu, cpuOptions } from '../../../agent/sensors/cpu.ts'
import type { CpuSample } from '../../../agent/sensors/cpu-sample.ts'
import { type DiskSample, disk, diskOptions } from '../../../agent/sensors/disk.ts'
import { type NetworkSample, network, networkOptions } from '../../../agent/sensors/network.ts'
import type { Clocks, Intent, NamedReading, Policy as Rules, State } from '../../../agent/types.ts'
import { defaults } from '../../sensors/machine.ts'
import { ACT_MINUTES, SLOT_MINUTES } from './constants.ts'
import type { Contender, Policy } from './policy.ts'
import type { Series } from './series.ts'

const MINUTE = 60_000
const ms = SLOT_MINUTES * MINUTE

const rules: Rules = {
  enabled: true,
  idleThresholdMs: (ACT_MINUTES / 2) * MINUTE,
  hibernateThresholdMs: ACT_MINUTES * MINUTE,
  checkIntervalMs: ms,
  action: 'stop',
  bootGraceMs: 10 * MINUTE,
  notReadyMs: 10 * MINUTE,
  unknownCeilingMs: 24 * 60 * MINUTE,
}

const fixed = { cpu: defaults(cpuOptions), network: defaults(networkOptions), disk: defaults(diskOptions) }
type AllLimits = typeof fixed

/** A server's work is that of one unit of the system. */
const unit = 'system.slice/server.service'
/** So much quiet time is taken in at once: two samples. */
const ROUND_SLOTS = 2

/** What the agent learns of a machine's noise, and the limits that follow; nobody is ever there on a server. */
class Noise {
  #memory = parseMemory(undefined, 'i-1')
  #known: Readonly<Record<string, Readonly<Record<string, number>>>> = {}
  #quiet = 0

  learn(series: Series, slot: number, { found, wallMs }: { found: readonly NamedReading[]; wallMs: number }): void {
    this.#quiet = found.some((one) => one.kind === 'active' && one.person === true) ? 0 : this.#quiet + 1
    if (this.#quiet < ROUND_SLOTS) return
    this.#quiet = 0
    const { cpu: busy, received, sent, disk: bytes } = series
    const others =
      received === undefined || sent === undefined || bytes === undefined
        ? {}
        : {
            network: { in_bytes_per_second: received[slot] ?? 0, out_bytes_per_second: sent[slot] ?? 0 },
            disk: { bytes_per_second: bytes[slot] ?? 0 },
          }
    const cpuIdle = found.every(({ sensor, kind }) => sensor !== 'cpu' || kind === 'idle')
    const figures = { cpu: { [unit]: busy[slot] ?? 0 }, ...(cpuIdle ? others : {}) }
    const quiet = { wallMs, minutes: ROUND_SLOTS * SLOT_MINUTES }
    const next = learnAll(this.#memory, { figures, quiet, mixed: [], busy: [unit] })
    this.#memory = next.memory
    this.#known = next.known
  }

  limits(series: Series, slot: number): AllLimits {
    const { cpu: units, network: bytes, disk: disks } = this.#known
    const cores = Math.min(units?.[unit] ?? 0, series.cpu[slot] ?? 0)
    return {
      cpu: { cores: limitOf(cores, fixed.cpu.cores, floorRules.cpu.cores) },
      network: {
        in_bytes_per_second: limitOf(
          bytes?.['in_bytes_per_second'],
          fixed.network.in_bytes_per_second,
          floorRules.network.in_bytes_per_second,
        ),
        out_bytes_per_second: limitOf(
          bytes?.['out_bytes_per_second'],
          fixed.network.out_bytes_per_second,
          floorRules.network.out_bytes_per_second,
        ),
      },
      disk: {
        bytes_per_second: limitOf(
          disks?.['bytes_per_second'],
          fixed.disk.bytes_per_second,
          floorRules.disk.bytes_per_second,
        ),
      },
    }
  }
}

/** Counters that have grown since nought by what the series says of one sample: what a sensor would have read. */
function cpuSample(busyMs: number, bootMs: number): CpuSample {
  return { whole: { of: 'machine', ino: 0, ms: busyMs }, known: [], processes: [], cut: 0, groups: [], bootMs }
}

function networkSample(received: number, sent: number): NetworkSample {
  return { interfaces: [{ name: 'eth0', index: 2, received, sent }] }
}

function diskSample(read: number, bootMs: number): DiskSample {
  return { of: 'machine', ino: 0, bootMs, disks: [{ name: 'vda', id: '254:0', read, written: 0 }] }
}

/** What the sensors say of one sample of the series. */
export function readings(
  series: Series,
  slot: number,
  { now, limits, typed }: { now: Clocks; limits: AllLimits; typed?: Uint8Array | undefined },
): readonly NamedReading[] {
  const span = { now, ms }
  const seconds = ms / 1000
  const found: NamedReading[] = []
  const before = now.bootMs - ms
  const busy = Math.round((series.cpu[slot] ?? 0) * seconds * 1000)
  const cpuReading = cpu.judge(cpuSample(busy, now.bootMs), cpuSample(0, before), { span, limits: limits.cpu })
  found.push({ ...cpuReading, sensor: 'cpu' })
  if (series.received !== undefined && series.sent !== undefined) {
    const bytes = [series.received, series.sent].map((rates) => Math.round((rates[slot] ?? 0) * seconds))
    const sample = networkSample(bytes[0] ?? 0, bytes[1] ?? 0)
    const reading = network.judge(sample, networkSample(0, 0), { span, limits: limits.network })
    found.push({ ...reading, sensor: 'network' })
  }
  if (series.disk !== undefined) {
    const sample = diskSample(Math.round((series.disk[slot] ?? 0) * seconds), now.bootMs)
    found.push({ ...disk.judge(sample, diskSample(0, before), { span, limits: limits.disk }), sensor: 'disk' })
  }
  if (typed?.[slot] === 1) found.push({ sensor: 'sessions', kind: 'active', reason: 'input', person: true })
  return found
}

/** The loop around the decision, as far as a series can tell it: boots, clocks, and what became of the last stop. */
class Agent implements Policy {
  #state: State | undefined
  #intent: Intent | undefined
  #clocks: Clocks = { wallMs: 0, bootMs: 0, monoMs: 0 }
  #boots = 0
  readonly #noise = new Noise()
  readonly #series: Series
  readonly #typed: Uint8Array | undefined

  constructor(series: Series, typed: Uint8Array | undefined) {
    this.#series = series
    this.#typed = typed
  }

  /** The first check of a run sees no interval yet. */
  start(wallMs: number): void {
    this.#boots += 1
    this.#clocks = { wallMs, bootMs: MINUTE, monoMs: MINUTE }
    this.#decide([{ sensor: 'cpu', kind: 'unknown', reason: 'no earlier sample' }])
  }

  look(slot: number): boolean {
    const { wallMs, bootMs, monoMs } = this.#clocks
    this.#clocks = { wallMs: wallMs + ms, bootMs: bootMs + ms, monoMs: monoMs + ms }
    const [series, typed] = [this.#series, this.#typed]
    const found = readings(series, slot, { now: this.#clocks, limits: this.#noise.limits(series, slot), typed })
    this.#noise.learn(series, slot, { found, wallMs: this.#clocks.wallMs })
    return this.#decide(found)
  }

  #decide(found: readonly NamedReading[]): boolean {
    const identity = { bootId: `boot-${this.#boots}`, instanceId: 'i-1' }
    const intent = this.#intent === undefined ? {} : { intent: this.#intent }
    const now = { clocks: this.#clocks, identity, cloudInitRunning: false, ...intent }
    const { state, actions, outcome } = decide({ state: this.#state, readings: found, vetoes: [], policy: rules, now })
    if (outcome !== undefined) this.#intent = undefined
    this.#state = state
    if (!actions.some(({ kind }) => kind === 'act')) return false
    const { id: runId, personSeen } = state.run
    this.#intent = {
      ...identity,
      id: `stop-${this.#boots}`,
      runId,
      method: 'stop',
      at: this.#clocks,
      phase: 'accepted',
      personSeen,
    }
    this.#state = { ...state, run: { ...state.run, ended: true } }
    return true
  }
}

export const ours: Contender = {
  name: 'idle-agent',
  about: `its defaults: idle for ${ACT_MINUTES} min, checked every ${SLOT_MINUTES} min, 10 min of grace`,
  over: (series, typed) => new Agent(series, typed),
}
