/** What a check knows of this machine's noise, and when it learns more. Loaded once there is some. */

import { roundMinutes } from '../learn/constants.ts'
import { isObject, numberAt, objectAt } from '../parse.ts'
import type { Episode } from './episode.ts'
import type { Parts } from './parts.ts'

/** The noise of this machine: what is known, and what the learner remembers. */
export interface Floors {
  /** For how long nobody was here, without a break, since something was last learned. */
  readonly quietMs: number
  /** By sensor and key; a machine that is not known well enough has none. */
  readonly known: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly memory?: unknown
}

const unknown: Floors = { quietMs: 0, known: {} }

/** Nothing where a number is none: then the fixed limits hold, and all is learned anew. */
export function parseFloors(floors: unknown): Floors {
  if (!isObject(floors) || !isObject(floors['known'])) return unknown
  try {
    const known: Record<string, Record<string, number>> = {}
    for (const name of Object.keys(floors['known'])) {
      const keys = Object.entries(objectAt(floors['known'], name))
      known[name] = Object.fromEntries(keys.map(([key, value]) => [key, numberAt({ value }, 'value')]))
    }
    return { quietMs: numberAt(floors, 'quietMs'), known, memory: floors['memory'] }
  } catch {
    return unknown
  }
}

/** Is it known to be that of another instance, of which this machine is a copy? */
function isForeign({ memory }: Floors, { look }: Episode): boolean {
  const { instanceId } = look.moment.identity
  const machine = isObject(memory) ? memory['machine'] : undefined
  return instanceId !== undefined && typeof machine === 'string' && !machine.startsWith(`${instanceId} `)
}

/** Was nobody there in the interval, as far as it shows without a closer look? Rates may be noise; everything else is evidence. */
function wasQuiet(parts: Parts, { look, decision }: Episode): boolean {
  if (!decision.interval.covered || decision.interval.newRun || decision.phase === 'grace') return false
  const rates = new Set(parts.sensors.filter(({ sensor }) => sensor.learns).map(({ sensor }) => sensor.name))
  return (
    look.vetoes.length === 0 &&
    look.readings.every(
      ({ kind, sensor }) => kind === 'idle' || kind === 'absent' || (kind === 'active' && rates.has(sensor)),
    )
  )
}

/** What is to be stored. */
export interface Noise {
  readonly floors?: Floors
  /** Units whose CPU time the next check reads. */
  readonly watch?: readonly string[]
}

/** Learns what is there while nobody is, at most every ten minutes; unchanged where somebody may be. */
export async function nextNoise(parts: Parts, episode: Episode): Promise<Noise> {
  const stored = parseFloors(episode.base?.floors)
  const old = isForeign(stored, episode) ? unknown : stored
  const quietMs = wasQuiet(parts, episode) ? old.quietMs + episode.look.coveredMs : 0
  // Nothing is kept of what was somebody's work.
  if (quietMs === 0 && old.memory === undefined) return {}
  const next = { ...old, quietMs }
  if (quietMs < roundMinutes * 60_000) return { floors: next }
  const { learned } = await import('./learned.ts')
  const floors = await learned(parts, episode, next)
  return { floors, watch: Object.keys(floors.known['cpu'] ?? {}) }
}
