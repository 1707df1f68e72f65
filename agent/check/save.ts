/** What a check leaves on disk for the next one. */
import type { Deed } from '../audit.ts'
import type { OwnDeeds } from '../sensors/sensor.ts'
import { type Stored, type StoredSample, saveState } from '../state.ts'
import type { LeaseChain, NamedReading } from '../types.ts'
import type { Episode } from './episode.ts'
import type { Noise } from './noise.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'
import { grown, keyOf } from './segment.ts'

/** Saves how long a refusal is waited for, into what the disk holds of the check before; another run of the machine forgets it. Throws HostError. */
export async function keepBackOff(parts: Parts, { base, backOff, mirror }: Episode): Promise<void> {
  if (base === undefined || backOff === undefined) return
  const state = { ...base.state, attempt: backOff }
  await saveState(parts.host, parts.paths.state, { ...base, state, mirror })
}

/** Saves what this check saw and decided, as it stands after its deeds; gives back a history that cannot be written. Throws HostError. */
export async function save(parts: Parts, episode: Episode, warned: OwnDeeds['warned']): Promise<readonly Deed[]> {
  const { base, look, decision } = episode
  const { floors, ...watch } = await noise(parts, episode)
  const deeds = { cpuMs: parts.host.self.cpuMs(), warned, ...watch }
  const said = { key: keyOf(decision), decision, now: look.moment.clocks }
  const same = grown({ ...base?.segment }, said)
  // First, so that a crash in between writes it again and loses nothing. Loaded where the verdict or its cause changes.
  const next =
    same === undefined ? await (await import('./history.ts')).closeSegment(parts, base?.segment, said) : undefined
  await saveState(parts.host, parts.paths.state, {
    state: episode.state,
    samples: settled(parts, look.samples, deeds),
    sampledAt: look.sampledAt,
    mirror: episode.mirror,
    leases: told(look.leases),
    blind: look.blind,
    segment: same ?? next?.segment,
    ...(floors === undefined ? {} : { floors }),
  })
  return next?.deeds ?? []
}

/** What is known of this machine's noise: nothing on one that never made any while nobody was there. */
async function noise(parts: Parts, episode: Episode): Promise<Noise> {
  const rates = parts.sensors.filter(({ sensor }) => sensor.learns)
  const isBusy = ({ kind, sensor }: NamedReading) =>
    kind === 'active' && rates.some((one) => one.sensor.name === sensor)
  if (
    parts.settings.learnFloor === false ||
    (episode.base?.floors === undefined && !episode.look.readings.some(isBusy))
  )
    return {}
  const { nextNoise } = await import('./noise.ts')
  return nextNoise(parts, episode)
}

/** What was said of an end is not said again. */
function told({ chains, ended }: Look['leases']): readonly LeaseChain[] {
  const over = new Set(ended)
  return chains.map((chain) => (over.has(chain) ? { ...chain, told: true } : chain))
}

/** The samples with what the agent itself did taken into them. */
export function settled(
  parts: Parts,
  samples: Stored['samples'],
  deeds: OwnDeeds,
): Readonly<Record<string, StoredSample>> {
  const next: Record<string, StoredSample> = { ...samples }
  for (const { sensor } of parts.sensors) {
    const found = next[sensor.name]
    if (found === undefined || found.version !== sensor.sampleVersion || sensor.settle === undefined) continue
    // What was kept from an earlier check has its own process's account already.
    const own = found.at === undefined ? deeds : { warned: deeds.warned }
    next[sensor.name] = { ...found, sample: sensor.settle(found.sample, own) }
  }
  return next
}
