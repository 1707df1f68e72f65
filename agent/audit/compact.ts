/** Keeps the audit log bounded: what repeats within a day is summed up, what was done to the machine stays line by line. Pure. */
import { isObject, type JsonObject } from '../parse.ts'

/** How long each deed can be read, at least. */
const KEPT_MS = 90 * 86_400_000

/** What becomes of the log, mildest first; the first that is enough is taken. `most`: lines a day of one kind before the others are summed up. */
const measures = [
  { most: 12, old: 'kept' },
  { most: 12, old: 'dropped' },
  { most: 3, old: 'dropped' },
  { most: 0, old: 'dropped' },
] as const

interface Entry {
  readonly line: string
  readonly deed: JsonObject
  readonly at: string
}

/** What is to remain of the log so that it takes at most `maxBytes`; more only if what was done alone takes more. */
export function compact(text: string, limits: { readonly nowMs: number; readonly maxBytes: number }): string {
  const all = text.split('\n').flatMap(entryOf)
  const recent = all.filter((entry) => !(limits.nowMs - Date.parse(lastOf(entry)) > KEPT_MS))
  let made = text
  for (const { most, old } of measures) {
    made = sumUp(old === 'kept' ? all : recent, most)
    if (Buffer.byteLength(made) <= limits.maxBytes) return made
  }
  return made
}

/** None for a line that a crash has torn: nobody can read what it said. */
function entryOf(line: string): readonly Entry[] {
  const deed = parsed(line)
  const at = deed?.['at']
  return deed === undefined || typeof at !== 'string' ? [] : [{ line, deed, at }]
}

function parsed(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The end of a run of the machine by us, and what came of it. Each takes a stop and a start, so there are not many. */
function isDone({ action, result }: JsonObject): boolean {
  return result === 'done' && (action === 'hibernate' || action === 'stop' || action === 'reconcile')
}

interface Sum {
  times: number
  readonly first: Entry
  last: Entry
}

function sumUp(entries: readonly Entry[], most: number): string {
  const lines: (string | Sum)[] = []
  const seen = new Map<string, number>()
  const sums = new Map<string, Sum>()
  for (const entry of entries) {
    const { at, deed, line } = entry
    const key = JSON.stringify([at.slice(0, 10), deed['action'], deed['result'], deed['code']])
    const times = deed['times']
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    const sum = sums.get(key)
    if (isDone(deed) || (typeof times !== 'number' && count <= most)) lines.push(line)
    else if (sum === undefined) {
      const begun = { times: timesOf(deed), first: entry, last: entry }
      sums.set(key, begun)
      lines.push(begun)
    } else {
      sum.times += timesOf(deed)
      sum.last = entry
    }
  }
  return lines.map((line) => `${typeof line === 'string' ? line : written(line)}\n`).join('')
}

function timesOf({ times }: JsonObject): number {
  return typeof times === 'number' ? times : 1
}

/** The last of them, with the time of the first, how often it was, and until when. */
function written({ times, first, last }: Sum): string {
  if (first === last) return first.line
  return JSON.stringify({ ...last.deed, at: first.at, times, until: lastOf(last) })
}

/** When the last of what a line sums up was. */
function lastOf({ at, deed: { until } }: Entry): string {
  return typeof until === 'string' ? until : at
}
