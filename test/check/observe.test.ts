/** One look: a sensor that says active may look more closely before it is believed, and only then. */
import { describe, expect, it } from 'vitest'
import { look } from '../../agent/check/observe.ts'
import { type Parts, pathsOf } from '../../agent/check/parts.ts'
import { createLocal } from '../../agent/clouds/local.ts'
import { decide } from '../../agent/decide/state.ts'
import type { Host } from '../../agent/host/host.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import type { Stored } from '../../agent/state.ts'
import type { Policy } from '../../agent/types.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const minute = 60_000
const policy: Policy = {
  ...{ enabled: true, action: 'report', idleThresholdMs: 5 * minute, hibernateThresholdMs: 10 * minute },
  ...{ checkIntervalMs: 2 * minute, bootGraceMs: 0, notReadyMs: 0, unknownCeilingMs: 60 * minute },
}

interface Sample {
  readonly work: number
}

/** Reads `work`, and calls more than 10 of it activity. */
function sensor(work: number, excuse?: NonNullable<Sensor<Sample>['excuse']>): Sensor<Sample> {
  return {
    name: 'test',
    sampleVersion: 1,
    options: {},
    read: async () => ({ work }),
    judge: (now) =>
      now.work > 10 ? { kind: 'active', reason: `${now.work} of work` } : { kind: 'idle', reason: 'little work' },
    ...(excuse === undefined ? {} : { excuse }),
  }
}

/** Deadlines pass at once: nothing here but what hangs takes longer. */
function deadline(): ReturnType<MemoryHost['deadline']> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('too late')), 20)
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}

function partsWith(host: Host, one: Sensor<Sample>): Parts {
  const paths = pathsOf(undefined)
  const settings = {
    tagPrefix: 'x',
    protected: false,
    operatorTags: 'optional',
    allow: [],
    keepCeilingMs: minute,
    horizonMs: minute,
  } as const
  const cloud = createLocal(host, { name: 'local', stateDir: paths.stateDir })
  return { host, cloud, sensors: [{ sensor: one, limits: {} }], vetoes: [], policy, settings, paths, decide }
}

async function secondLook(one: Sensor<Sample>) {
  const host = createMemoryHost()
  const parts = partsWith({ ...host, deadline }, one)
  const asked = { intent: undefined, due: false }
  const first = await look(parts, undefined, asked)
  const { state } = decide({ state: undefined, readings: first.readings, vetoes: [], policy, now: first.moment })
  const base: Stored = { state, samples: first.samples, sampledAt: first.sampledAt, mirror: { failures: 0 } }
  host.clock.advance(2 * minute)
  const { readings, samples } = await look(parts, base, asked)
  return { kind: readings[0]?.kind, reason: readings[0]?.reason, kept: samples['test']?.sample }
}

describe('a sensor that says active', () => {
  it('is asked again with what excuses it, and that is kept', async () => {
    let given: unknown
    const excuse: Sensor<Sample>['excuse'] = async (_host, { now, before, span }) => {
      given = { now, before, ms: span.ms }
      return { work: now.work - 20 }
    }
    expect(await secondLook(sensor(25, excuse))).toEqual({ kind: 'idle', reason: 'little work', kept: { work: 5 } })
    expect(given).toEqual({ now: { work: 25 }, before: { work: 25 }, ms: 2 * minute })
  })

  it.each<[string, NonNullable<Sensor<Sample>['excuse']> | undefined, string]>([
    ['has no excuse', undefined, ''],
    ['finds none', async () => undefined, ''],
    ['fails to find out', () => Promise.reject(new Error('systemd is dead')), '; systemd is dead'],
    [
      'fails at once',
      () => {
        throw new Error('a bug')
      },
      '; a bug',
    ],
    [
      'gets no answer',
      (_host, _given, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
      '; a closer look: no answer within 7 s',
    ],
  ])('is believed when it %s', async (_, excuse, told) => {
    const kept = { work: 25 }
    expect(await secondLook(sensor(25, excuse))).toEqual({ kind: 'active', reason: `25 of work${told}`, kept })
  })

  it('is believed when other sensors have left no time to wait for more', async () => {
    const host = createMemoryHost()
    let hangs = false
    const slow: Sensor<Sample> = {
      ...sensor(25, () => new Promise(() => {})),
      async read() {
        if (hangs) host.clock.advance(7_000)
        return { work: 25 }
      },
    }
    const parts = partsWith({ ...host, deadline }, slow)
    const asked = { intent: undefined, due: false }
    const first = await look(parts, undefined, asked)
    const { state } = decide({ state: undefined, readings: first.readings, vetoes: [], policy, now: first.moment })
    const base: Stored = { state, samples: first.samples, sampledAt: first.sampledAt, mirror: { failures: 0 } }
    host.clock.advance(2 * minute)
    hangs = true
    const { readings } = await look(parts, base, asked)
    expect(readings[0]?.reason).toBe('25 of work; a closer look: no answer within 0.5 s')
  })

  it('is believed when the excuse is not enough', async () => {
    const found = await secondLook(sensor(25, async () => ({ work: 11 })))
    expect(found).toMatchObject({ kind: 'active', reason: '11 of work' })
  })

  it('is the only one that is asked', async () => {
    let asked = 0
    const excuse = async () => {
      asked += 1
      return undefined
    }
    expect(await secondLook(sensor(10, excuse))).toMatchObject({ kind: 'idle' })
    expect(asked).toBe(0)
  })
})
