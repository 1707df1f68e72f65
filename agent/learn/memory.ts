/** Everything that is remembered of a machine's noise: a floor for each unit that makes some, and for each kind of traffic. Pure. */
import { isObject, listAt, numberAt, objectAt } from '../parse.ts'
import { leastCores, mostUnits, type Rule, rules } from './constants.ts'
import { type Floor, floorOf, learn } from './floor.ts'

const version = 1

/** As it is stored; another version, another machine or another number of cores begins anew. */
export interface Memory {
  readonly version: number
  /** The instance, and how many cores it has. */
  readonly machine: string
  /** By sensor and key. */
  readonly floors: Readonly<Record<string, Readonly<Record<string, Floor>>>>
}

function parseFloor(value: unknown): Floor {
  if (!isObject(value)) throw new Error('a floor is no object')
  const bins = listAt(value, 'bins', (pair) => {
    if (!Array.isArray(pair)) throw new Error('a bin is no pair')
    const [bin, minutes] = [numberAt({ ...pair }, '0'), numberAt({ ...pair }, '1')]
    if (!(bin >= 0 && Number.isInteger(bin) && bin < 1000 && minutes >= 0)) throw new Error('a bin is out of bounds')
    return [bin, minutes] as const
  })
  return { bins, days: numberAt(value, 'days'), lastDay: numberAt(value, 'lastDay') }
}

/** What was stored, if it is of this machine and can be read; else nothing is known. Throws nothing. */
export function parseMemory(value: unknown, machine: string): Memory {
  const fresh = { version, machine, floors: {} }
  if (!isObject(value) || value['version'] !== version || value['machine'] !== machine) return fresh
  try {
    const floors: Record<string, Record<string, Floor>> = {}
    const all = objectAt(value, 'floors')
    for (const name of Object.keys(all)) {
      const entries = Object.entries(objectAt(all, name)).slice(0, mostUnits)
      floors[name] = Object.fromEntries(entries.map(([key, floor]) => [key, parseFloor(floor)]))
    }
    return { version, machine, floors }
  } catch {
    return fresh
  }
}

/** One quiet stretch. */
export interface Quiet {
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly quiet: { readonly wallMs: number; readonly minutes: number }
  /** Units in which something other than the system's own runs now. */
  readonly mixed: readonly string[]
  /** Units of the system alone that use CPU time all the time, the most first. */
  readonly busy: readonly string[]
}

/** Units that use CPU time all the time, at least `leastCores` since boot, of all with what they used so far in milliseconds; the most first. */
export function busiest(units: readonly (readonly [path: string, ms: number])[], bootMs: number): readonly string[] {
  const busy = units.filter(([, ms]) => ms >= leastCores * bootMs)
  return busy.sort((a, b) => b[1] - a[1]).map(([path]) => path)
}

type Known = Readonly<Record<string, Readonly<Record<string, number>>>>

const unseen: Floor = { bins: [], days: 0, lastDay: -1 }

/** The floors of the units that are watched. One that is gone makes no noise; one in which somebody's work runs was not what it seemed. */
function learnUnits(old: Readonly<Record<string, Floor>>, given: Quiet): Readonly<Record<string, Floor>> {
  const { figures, quiet, mixed, busy } = given
  const kept = Object.entries(old).filter(([unit]) => !mixed.includes(unit))
  const present = new Set([...busy, ...Object.keys(figures['cpu'] ?? {})])
  kept.sort(([a], [b]) => Number(present.has(b)) - Number(present.has(a)))
  const floors = new Map(kept.slice(0, mostUnits))
  for (const unit of busy) if (floors.size < mostUnits && !floors.has(unit)) floors.set(unit, unseen)
  return Object.fromEntries(
    [...floors].map(([unit, floor]) => {
      const value = figures['cpu']?.[unit] ?? (floor.bins.length === 0 ? Number.NaN : 0)
      return [unit, learn(floor, { ...quiet, value }, rules.cpu.cores)]
    }),
  )
}

/** What is remembered after it, and the floors that are known; the cpu's by every unit that is watched, 0 where not enough was seen. */
export function learnAll(memory: Memory, given: Quiet): { readonly memory: Memory; readonly known: Known } {
  const floors: Record<string, Readonly<Record<string, Floor>>> = { ...memory.floors }
  if (given.figures['cpu'] !== undefined) floors['cpu'] = learnUnits(memory.floors['cpu'] ?? {}, given)
  for (const [name, options] of Object.entries<Readonly<Record<string, Rule>>>(rules)) {
    const figures = Object.entries(given.figures[name] ?? {})
    if (name === 'cpu' || figures.length === 0) continue
    const old = memory.floors[name]
    const learned = figures.flatMap(([key, value]) => {
      const rule = options[key]
      return rule === undefined ? [] : [[key, learn(old?.[key], { ...given.quiet, value }, rule)] as const]
    })
    floors[name] = { ...old, ...Object.fromEntries(learned) }
  }
  return { memory: { ...memory, floors }, known: knownOf(floors) }
}

function knownOf(floors: Memory['floors']): Known {
  const known: Record<string, Record<string, number>> = {}
  for (const [name, options] of Object.entries<Readonly<Record<string, Rule>>>(rules)) {
    for (const [key, floor] of Object.entries(floors[name] ?? {})) {
      const rule = name === 'cpu' ? rules.cpu.cores : options[key]
      const amount = rule === undefined ? undefined : floorOf(floor, rule)
      if (name === 'cpu' || (amount ?? 0) > 0) known[name] = { ...known[name], [key]: amount ?? 0 }
    }
  }
  return known
}
