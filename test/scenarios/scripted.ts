/** Sensors and a veto that read the simulated truth since their last sample. */
import type { ConfiguredSensor } from '../../agent/check/parts.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import type { Reading, WeakEvidence } from '../../agent/types.ts'
import type { VetoSource } from '../../agent/vetoes/veto.ts'
import type { Process, World } from './world.ts'

interface Count {
  readonly count: number
}
interface Inputs extends Count {
  readonly lastMono: number
}
interface Weak extends Count {
  readonly present: boolean
}

/** A sensor of the world's own numbers; `unknown` samples come back from the disk as they went there. */
function sensor<Sample>(
  name: string,
  parts: { read(): Sample; judge(now: Sample, before: Sample): Reading },
): ConfiguredSensor {
  const made: Sensor<Sample> = {
    name,
    sampleVersion: 1,
    options: {},
    read: async () => parts.read(),
    judge: (now, before) => parts.judge(now, before),
  }
  return { sensor: made as Sensor<unknown>, limits: {} }
}

function workSensor(world: World, process: Process): ConfiguredSensor {
  return sensor<Count>('work', {
    read: () => {
      process.reads += 1
      const blind = world.is('blind')
      process.seen = {
        tau: world.tau,
        strongTau: Math.max(world.lastInputTau, world.lastBusyTau),
        vetoed: world.is('veto'),
        blind,
      }
      world.judge?.looked(process)
      if (blind) throw new Error('scripted: the tool hangs')
      return { count: world.work }
    },
    judge: (now, before) =>
      now.count > before.count ? { kind: 'active', reason: 'a program works' } : { kind: 'idle', reason: 'no work' },
  })
}

function inputSensor(world: World): ConfiguredSensor {
  return sensor<Inputs>('input', {
    read: () => ({ count: world.inputs, lastMono: world.lastInputMono }),
    judge: (now, before) =>
      now.count > before.count
        ? { kind: 'active', reason: 'somebody types', at: now.lastMono, person: true }
        : { kind: 'idle', reason: 'no input' },
  })
}

function weakSensor(world: World, evidence: WeakEvidence, limitMs: number): ConfiguredSensor {
  return sensor<Weak>(evidence, {
    read: () => ({ count: world.weak[evidence], present: isThere(world, evidence) }),
    judge: (now, before) =>
      now.present || now.count > before.count
        ? { kind: 'hold', reason: `${evidence} is there`, evidence, limitMinutes: limitMs / 60_000 }
        : { kind: 'idle', reason: `no ${evidence}` },
  })
}

function isThere(world: World, evidence: WeakEvidence): boolean {
  for (const one of world.open) if (one.kind === 'weak' && one.evidence === evidence) return true
  return false
}

export function scriptedSensors(world: World, process: Process): readonly ConfiguredSensor[] {
  const { connectionMs, outputMs } = world.setup
  return [
    workSensor(world, process),
    inputSensor(world),
    weakSensor(world, 'connection', connectionMs),
    weakSensor(world, 'output', outputMs),
  ]
}

export function scriptedVeto(world: World): VetoSource {
  return {
    name: 'lease',
    read: async (_, { now }) => {
      const veto = world.opened('veto')
      if (veto === undefined) return []
      const until = veto.tellsEnd ? { until: now.monoMs + veto.until - world.tau } : {}
      return [{ name: 'lease', reason: 'somebody keeps it', ...until }]
    },
  }
}
