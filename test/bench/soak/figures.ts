// The soak's figures: what is measured once a day of checks, whether its lines are flat, and within which bounds it has to stay.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Held } from './messages.ts'

export interface Sizes {
  /** Bytes of all files of the agent, its folders included as the disk counts them. */
  readonly folderBytes: number
  readonly stateBytes: number
  readonly historyBytes: number
  readonly auditBytes: number
  readonly intentsBytes: number
  readonly files: number
  /** Temporary files that nobody removed. */
  readonly leftovers: number
}

export interface Sample extends Held, Sizes {
  /** Checks so far. */
  readonly checks: number
  /** Processes that ran or wanted to, on the average of a minute. */
  readonly load: number
}

/** What a line has to keep to. */
export interface Flat {
  readonly what: string
  readonly unit: string
  readonly first: number
  readonly last: number
  readonly most: number
  /** What the line of least squares rises by, from the first to the last of the measurements after warming up. */
  readonly rise: number
  readonly mayRise: number
  readonly mayBe: number
}

const MIB = 1_048_576
/** Until caches are full and code is compiled; of all measurements. */
const WARM_UP_SHARE = 0.1

/** Everything that the agent keeps in a folder. */
export function sizesOf(stateDir: string): Sizes {
  const names = readdirSync(stateDir, { recursive: true, encoding: 'utf8' })
  const bytesOf = (name: string): number => statSync(join(stateDir, name), { throwIfNoEntry: false })?.size ?? 0
  const blocks = names.map((name) => statSync(join(stateDir, name), { throwIfNoEntry: false })?.blocks ?? 0)
  return {
    folderBytes: blocks.reduce((sum, one) => sum + one * 512, 0),
    stateBytes: bytesOf('state.json'),
    historyBytes: bytesOf('history.jsonl'),
    auditBytes: bytesOf('log/audit.jsonl'),
    intentsBytes: bytesOf('intents.jsonl'),
    files: names.length,
    leftovers: names.filter((name) => name.endsWith('.tmp')).length,
  }
}

/** The rise of the line of least squares through some figures, from the first to the last. */
export function riseOf(figures: readonly number[]): number {
  const count = figures.length
  if (count < 2) return 0
  const middle = (count - 1) / 2
  const mean = figures.reduce((sum, one) => sum + one, 0) / count
  let [above, below] = [0, 0]
  for (const [at, figure] of figures.entries()) {
    above += (at - middle) * (figure - mean)
    below += (at - middle) ** 2
  }
  return (above / below) * (count - 1)
}

interface Bound {
  readonly what: string
  readonly unit: string
  readonly of: (sample: Sample) => number
  readonly mayRise: number
  /** In a short soak, all of which is warming up. */
  readonly mayWarm?: number
  readonly mayBe: number
}

const anyRise = Number.POSITIVE_INFINITY

/** What each may rise by over a whole soak, and be at most. */
const bounds: readonly Bound[] = [
  {
    what: 'resident memory',
    unit: 'MB',
    of: ({ rssBytes }) => rssBytes / 1e6,
    mayRise: 8,
    mayWarm: anyRise,
    mayBe: 200,
  },
  { what: 'objects', unit: 'MB', of: ({ heapBytes }) => heapBytes / 1e6, mayRise: 0.5, mayWarm: 4, mayBe: 20 },
  { what: 'buffers', unit: 'MB', of: ({ externalBytes }) => externalBytes / 1e6, mayRise: 0.5, mayBe: 20 },
  {
    what: 'compiled code',
    unit: 'MB',
    of: ({ codeBytes }) => codeBytes / 1e6,
    mayRise: 2,
    mayWarm: anyRise,
    mayBe: 20,
  },
  { what: 'open descriptors', unit: '', of: ({ descriptors }) => descriptors, mayRise: 0.5, mayBe: 40 },
  { what: 'timers, sockets, pipes', unit: '', of: ({ resources }) => resources, mayRise: 0.5, mayBe: 20 },
  { what: 'state file', unit: 'kB', of: ({ stateBytes }) => stateBytes / 1e3, mayRise: 4, mayBe: 64 },
  // Bounded by rolling up: they grow until then.
  { what: 'all files', unit: 'kB', of: ({ folderBytes }) => folderBytes / 1e3, mayRise: anyRise, mayBe: 5_000 },
  {
    what: 'history',
    unit: 'kB',
    of: ({ historyBytes }) => historyBytes / 1e3,
    mayRise: anyRise,
    mayBe: (2 * MIB) / 1e3 + 4,
  },
  { what: 'audit log', unit: 'kB', of: ({ auditBytes }) => auditBytes / 1e3, mayRise: anyRise, mayBe: MIB / 1e3 + 4 },
  { what: 'journal of intents', unit: 'kB', of: ({ intentsBytes }) => intentsBytes / 1e3, mayRise: anyRise, mayBe: 40 },
  { what: 'number of files', unit: '', of: ({ files }) => files, mayRise: 3, mayBe: 24 },
  { what: 'temporary files left', unit: '', of: ({ leftovers }) => leftovers, mayRise: 0.5, mayBe: 0 },
]

/** Each line, and what it has to keep to. */
export function linesOf(samples: readonly Sample[], length: 'long' | 'short' = 'long'): readonly Flat[] {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_SHARE))
  return bounds.map(({ of, mayWarm, ...bound }) => {
    const figures = warm.map(of)
    const [first = 0, last = 0] = [figures[0], figures.at(-1)]
    const mayRise = length === 'short' ? (mayWarm ?? bound.mayRise) : bound.mayRise
    return { ...bound, mayRise, first, last, most: Math.max(0, ...samples.map(of)), rise: riseOf(figures) }
  })
}

/** Those that are not flat, in words. */
export function notFlat(lines: readonly Flat[]): readonly string[] {
  return lines.flatMap(({ what, unit, rise, mayRise, most, mayBe }) => {
    const rises = rise > mayRise ? [`${what} rises by ${rise.toFixed(1)} ${unit}, at most ${mayRise}`] : []
    return most > mayBe ? [...rises, `${what}: ${most.toFixed(1)} ${unit}, at most ${mayBe}`] : rises
  })
}
