// One machine of the fleet: its files, its clocks, what it is needed for, and the agent's real check on it.
import { type Checked, checkAndAct } from '../../../agent/agent.ts'
import { type Parts, pathsOf } from '../../../agent/check/parts.ts'
import { decide } from '../../../agent/decide/state.ts'
import { LockedError } from '../../../agent/errors.ts'
import type { Host } from '../../../agent/host/host.ts'
import type { Sensor } from '../../../agent/sensors/sensor.ts'
import { loadState, type Stored, saveState } from '../../../agent/state.ts'
import type { Clocks, Policy } from '../../../agent/types.ts'
import { iso } from '../../../agent/words.ts'
import { state } from '../../decide/given.ts'
import { Crash, createMemoryHost } from '../../host/memory.ts'
import { createRandom, draw, type Random } from '../../scenarios/random.ts'
import type { Account } from './account.ts'
import { createLeanStore } from './lean-store.ts'
import { type Life, MINUTE, neededUntil, SECOND } from './life.ts'
import type { Timeline } from './timeline.ts'
import { createFleetCloud } from './transport.ts'

export const INTERVAL_MS = 2 * MINUTE
/** A Monday, 00:00 UTC: where the simulation begins. */
const EPOCH_MS = Date.UTC(2026, 10, 16)
const FIRST_PID = 1000

export const paths = pathsOf(undefined)

/** The defaults. */
export const policy: Policy = {
  enabled: true,
  idleThresholdMs: 5 * MINUTE,
  hibernateThresholdMs: 10 * MINUTE,
  checkIntervalMs: INTERVAL_MS,
  action: 'stop',
  bootGraceMs: 10 * MINUTE,
  notReadyMs: 10 * MINUTE,
  unknownCeilingMs: 24 * 60 * MINUTE,
}

const settings: Parts['settings'] = {
  tagPrefix: 'T',
  protected: false,
  operatorTags: 'required',
  allow: [],
  keepCeilingMs: 24 * 60 * MINUTE,
  horizonMs: 0,
}

/** A host with nothing on it. */
export const nothing = createMemoryHost()

export interface MachineOptions {
  readonly seed: number
  readonly life: Life
  /** How far its wall clock is ahead, in milliseconds. */
  readonly skewMs: number
  readonly broken: boolean
  readonly metadataTags: boolean
  /** As its first check finds it, in milliseconds. */
  readonly windowMs: number
  /** `tag_window_minutes`, in milliseconds. */
  readonly tagWindowMs: number
}

export interface World {
  readonly timeline: Timeline
  readonly account: Account
  stopAccepted(machine: Machine): void
}

interface Needed {
  readonly sumMs: number
}

export class Machine {
  readonly id: string
  readonly options: MachineOptions
  readonly files = new Map<string, string>()
  readonly random: Random
  /** What the cloud shows. */
  tags = ''
  on = false
  bootedMs = 0
  boots = 0
  readonly #world: World
  #pid = FIRST_PID

  constructor(world: World, options: MachineOptions) {
    this.#world = world
    this.options = options
    this.id = `i-${options.seed.toString(16).padStart(17, '0')}`
    this.random = createRandom(options.seed ^ 0x2545f491)
  }

  boot(): void {
    this.on = true
    this.boots += 1
    this.bootedMs = this.#world.timeline.now
    for (const path of this.files.keys()) if (path.includes('/lock/')) this.files.delete(path)
  }

  /** Leaves state and tags as its own stop would have. */
  async leaveStopped(): Promise<void> {
    const { stored } = await loadState(this.#host(), paths.state)
    if (stored !== undefined) await this.#leave(stored)
  }

  /** Before its first boot: what it has learned in earlier runs. */
  async recall(): Promise<void> {
    const { windowMs } = this.options
    if (windowMs === 0 || this.boots > 1) return
    const last = this.clocksAt(this.#world.timeline.now)
    const mirror = { failures: 0, spreadMs: windowMs, instanceId: this.id, written: state().tags }
    const earlier = state({ identity: { bootId: 'earlier', instanceId: this.id }, last })
    await this.#leave({ state: earlier, samples: {}, sampledAt: last, mirror })
  }

  async #leave(stored: Stored): Promise<void> {
    const IdleSince = iso(EPOCH_MS + this.#world.timeline.now - policy.hibernateThresholdMs)
    const tags = { IdleStatus: 'idle', IdleSince, IdleAction: 'stopping', IdleReason: '' } as const
    const mirror = { ...stored.mirror, ...(stored.mirror.written === undefined ? {} : { written: tags }) }
    this.tags = JSON.stringify(Object.values(tags))
    await saveState(this.#host(), paths.state, { ...stored, state: { ...stored.state, tags }, mirror })
  }

  /** What it has learned about its account, in milliseconds. */
  async window(): Promise<number> {
    const { stored } = await loadState(this.#host(), paths.state)
    return stored?.mirror.spreadMs ?? 0
  }

  /** The next moment at which cron starts a check, after one of the simulation. */
  tickAfter(ms: number): number {
    const wallMs = EPOCH_MS + ms + this.options.skewMs
    return ms + INTERVAL_MS - (wallMs % INTERVAL_MS)
  }

  /** When the check that cron starts then comes to look: cron, the process and its modules take their time. */
  lookAt(tickMs: number): number {
    const drawn = draw(Math.imul(this.options.seed, 7919) + Math.round(tickMs / 1_000))
    return tickMs + 200 + drawn * 1_800
  }

  clocksAt(ms: number): Clocks {
    const up = ms - this.bootedMs + 20 * SECOND
    return { wallMs: EPOCH_MS + ms + this.options.skewMs, bootMs: up, monoMs: up }
  }

  /** The moment of the simulation at which the monotonic clock of this boot shows so much. */
  momentOf(monoMs: number): number {
    return monoMs + this.bootedMs - 20 * SECOND
  }

  /** One check; `undefined` where another one holds the lock, or the machine went down in the middle. */
  async check(): Promise<Checked | undefined> {
    try {
      return await checkAndAct(this.#parts())
    } catch (error) {
      if (error instanceof LockedError || error instanceof Crash) return undefined
      throw error
    }
  }

  #parts(): Parts {
    const { options } = this
    const { account } = this.#world
    const host = this.#host()
    const instance = {
      id: this.id,
      startedAt: `${new Date(EPOCH_MS + this.bootedMs).toISOString().slice(0, 19)}Z`,
      metadata: options.broken ? ('broken' as const) : ('answers' as const),
      metadataTags: options.metadataTags,
      tagged: (tags: Readonly<Record<string, string>>) => {
        this.tags = JSON.stringify(Object.values(tags))
      },
      stopped: () => this.#world.stopAccepted(this),
    }
    return {
      host,
      cloud: createFleetCloud(instance, { account, random: this.random, sleep: (ms) => host.sleep(ms) }),
      sensors: [{ sensor: this.#sensor(), limits: {} }],
      vetoes: [],
      policy,
      settings: { ...settings, tagWindowMs: options.tagWindowMs },
      paths,
      decide,
    }
  }

  #sensor(): Sensor<unknown> {
    const made: Sensor<Needed> = {
      name: 'work',
      sampleVersion: 1,
      options: {},
      read: async () => ({ sumMs: neededUntil(this.options.life, this.#world.timeline.now).sumMs }),
      judge: (now, before, { span }) => {
        if (now.sumMs <= before.sumMs) return { kind: 'idle', reason: 'no input' }
        const { lastMs = 0 } = neededUntil(this.options.life, this.#world.timeline.now)
        const at = Math.min(span.now.monoMs, span.now.monoMs - (this.#world.timeline.now - lastMs))
        return { kind: 'active', reason: 'somebody types', at, person: true }
      },
    }
    return made as Sensor<unknown>
  }

  #host(): Host {
    const { timeline } = this.#world
    const { boots } = this
    this.#pid += 1
    const pid = this.#pid
    const bootId = `00000000-0000-4000-8000-${String(boots).padStart(12, '0')}`
    return {
      ...nothing,
      store: createLeanStore(this.files),
      self: { ...nothing.self, pid, startTicks: pid, bootId, startTicksOf: async (other) => other },
      clocks: () => this.clocksAt(timeline.now),
      sleep: async (ms) => {
        await timeline.sleep(ms)
        if (!this.on || this.boots !== boots) throw new Crash('the machine is off')
      },
    }
  }
}
