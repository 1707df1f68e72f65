/** A machine in memory that is checked by the real loop again and again, with sensors and vetoes that a test scripts. */
import { type Checked, checkAndAct } from '../../agent/agent.ts'
import { type Parts, pathsOf } from '../../agent/check/parts.ts'
import { decide } from '../../agent/decide/state.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import { loadState, type Stored, saveState, type TagMirror } from '../../agent/state.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import type { Method, Policy, Reading } from '../../agent/types.ts'
import type { VetoSource } from '../../agent/vetoes/veto.ts'
import { MINUTE, policy } from '../decide/given.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'
import { createMemoryCloud, type MemoryCloud } from '../host/memory-cloud.ts'

export const paths = pathsOf(undefined)

export interface Fake {
  readonly name: string
  version?: number
  read?: () => unknown
  judge?: Sensor<unknown>['judge']
  settle?: Sensor<unknown>['settle']
}

const quiet: Reading = { kind: 'idle', reason: 'no work' }

function sensorOf(fake: Fake): Sensor<unknown> {
  return {
    name: fake.name,
    sampleVersion: fake.version ?? 1,
    options: {},
    read: async () => fake.read?.() ?? { count: 1 },
    judge: (now, before, context) => fake.judge?.(now, before, context) ?? quiet,
    settle: (sample, deeds) => fake.settle?.(sample, deeds) ?? sample,
  }
}

/** A machine with two sensors, checked every two minutes, without grace unless given. */
export class Bench {
  readonly host: MemoryHost = createMemoryHost()
  startedAt = '2026-01-01T00:00:00Z'
  /** What the cloud answers to each call; it accepts what is not listed. Throw in it for an answer that never comes. */
  answers: ((method: Method) => Outcome)[] = []
  readonly cloud: MemoryCloud = createMemoryCloud({
    startedAt: () => this.startedAt,
    onAct: (method) => this.answers.shift()?.(method) ?? { result: 'accepted', detail: 'scripted' },
  })
  fakes: Fake[] = [{ name: 'cpu' }, { name: 'disk' }]
  vetoes: VetoSource[] = []
  policy: Policy = { ...policy, bootGraceMs: 0 }
  #pid = 2000

  parts(): Parts {
    this.#pid += 1
    this.host.processes.clear()
    const host = this.host.withSelf({ pid: this.#pid, startTicks: this.#pid })
    return {
      host,
      cloud: this.cloud,
      sensors: this.fakes.map((fake) => ({ sensor: sensorOf(fake), limits: {} })),
      vetoes: this.vetoes,
      policy: this.policy,
      settings: {
        tagPrefix: 'T',
        protected: false,
        operatorTags: 'optional',
        allow: [],
        keepCeilingMs: 60 * MINUTE,
        horizonMs: 0,
      },
      paths,
      decide,
    }
  }

  check(afterMs = 2 * MINUTE): Promise<Checked> {
    this.host.clock.advance(afterMs)
    return checkAndAct(this.parts())
  }

  /** Checks until the machine was quiet for `count` intervals. */
  async settle(count: number): Promise<Checked> {
    let last = await this.check()
    for (let i = 1; i < count; i += 1) last = await this.check()
    return last
  }

  get acts(): number {
    return this.cloud.calls.filter(({ kind }) => kind === 'act').length
  }

  get writes(): number {
    return this.cloud.calls.filter(({ kind }) => kind === 'write-tags').length
  }

  /** What the disk holds. Throws where that is nothing. */
  async stored(): Promise<Stored> {
    const { stored } = await loadState(this.host, paths.state)
    if (stored === undefined) throw new Error('test: no state')
    return stored
  }

  async mirror(): Promise<TagMirror> {
    return (await this.stored()).mirror
  }

  async changeMirror(more: Partial<TagMirror>): Promise<void> {
    const stored = await this.stored()
    await saveState(this.host, paths.state, { ...stored, mirror: { ...stored.mirror, ...more } })
  }
}
