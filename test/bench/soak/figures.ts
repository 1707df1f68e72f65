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
  /** In a short soak, all of which is warming up; it is one from the source, whose compiler takes room, too, so that nothing bounds it. */
  readonly mayWarm?: number
  readonly mayBe: number
}

const anyRise = Number.POSITIVE_INFINITY

// The product's own bounds (agent/history.ts, agent/audit.ts, agent/state-intents.ts, agent/check/open.ts), and the lines of one check more.
const [historyMost, auditMost, intentsMost, stateMost] = [2 * MIB + 4_000, MIB + 4_000, 32_768 + 2_000, 65_536]
const filesMost = 16
const BLOCK = 4096

/**
 * What each may rise by over a whole soak, and be at most. Rises: less than the smallest thing would come to that stays at each
 * check, which is 16 bytes in V8's heap, or at each stop; where things are counted, less than one in all. At most: what the
 * product says; where it says nothing, a fifth over what was measured when the limit was set.
 */
const bounds: readonly Bound[] = [
  {
    what: 'resident memory',
    unit: 'MB',
    of: ({ rssBytes }) => rssBytes / 1e6,
    // What 100 bytes at each check would come to: the three below tell of less, but not of what is outside V8.
    mayRise: 6,
    mayWarm: anyRise,
    mayBe: 120,
  },
  { what: 'objects', unit: 'MB', of: ({ heapBytes }) => heapBytes / 1e6, mayRise: 0.5, mayWarm: 4, mayBe: 11 },
  { what: 'buffers', unit: 'MB', of: ({ externalBytes }) => externalBytes / 1e6, mayRise: 0.5, mayWarm: 0.5, mayBe: 5 },
  {
    what: 'compiled code',
    unit: 'MB',
    of: ({ codeBytes }) => codeBytes / 1e6,
    mayRise: 1.5,
    mayWarm: anyRise,
    mayBe: 11,
  },
  { what: 'open descriptors', unit: '', of: ({ descriptors }) => descriptors, mayRise: 0.5, mayBe: 30 },
  { what: 'timers, sockets, pipes', unit: '', of: ({ resources }) => resources, mayRise: 0.5, mayBe: 5 },
  { what: 'state file', unit: 'kB', of: ({ stateBytes }) => stateBytes / 1e3, mayRise: 1, mayBe: stateMost / 1e3 },
  {
    what: 'all files',
    unit: 'kB',
    of: ({ folderBytes }) => folderBytes / 1e3,
    mayRise: anyRise,
    mayBe: (historyMost + auditMost + intentsMost + stateMost + filesMost * BLOCK) / 1e3,
  },
  // Bounded by rolling up: they grow until then.
  {
    what: 'history',
    unit: 'kB',
    of: ({ historyBytes }) => historyBytes / 1e3,
    mayRise: anyRise,
    mayBe: historyMost / 1e3,
  },
  { what: 'audit log', unit: 'kB', of: ({ auditBytes }) => auditBytes / 1e3, mayRise: anyRise, mayBe: auditMost / 1e3 },
  {
    what: 'journal of intents',
    unit: 'kB',
    of: ({ intentsBytes }) => intentsBytes / 1e3,
    mayRise: anyRise,
    mayBe: intentsMost / 1e3,
  },
  { what: 'number of files', unit: '', of: ({ files }) => files, mayRise: 1, mayWarm: 3, mayBe: filesMost },
  { what: 'temporary files left', unit: '', of: ({ leftovers }) => leftovers, mayRise: 0.5, mayBe: 0 },
]

/** Each line, and what it has to keep to. */
export function linesOf(samples: readonly Sample[], length: 'long' | 'short' = 'long'): readonly Flat[] {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_SHARE))
  return bounds.map(({ of, mayWarm, ...bound }) => {
    const figures = warm.map(of)
    const [first = 0, last = 0] = [figures[0], figures.at(-1)]
    const warming = length === 'short' && mayWarm !== undefined
    const limits = warming ? { mayRise: mayWarm, mayBe: anyRise } : {}
    return { ...bound, ...limits, first, last, most: Math.max(0, ...samples.map(of)), rise: riseOf(figures) }
  })
}

/** Those that are not flat, in words. */
export function notFlat(lines: readonly Flat[]): readonly string[] {
  return lines.flatMap(({ what, unit, rise, mayRise, most, mayBe }) => {
    const rises = rise > mayRise ? [`${what} rises by ${rise.toFixed(1)} ${unit}, at most ${mayRise}`] : []
    return most > mayBe ? [...rises, `${what}: ${most.toFixed(1)} ${unit}, at most ${mayBe.toFixed(1)}`] : rises
  })
}
