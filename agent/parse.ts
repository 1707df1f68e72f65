/** Reads typed fields out of foreign JSON where no schema library may be loaded: the path of a steady check. */
import type { Clocks } from './types.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Parses JSON text into an object. Throws Error when it is something else; the message holds nothing of the text, which may be anything. */
export function parseObject(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error('not JSON', { cause: error })
  }
  if (!isObject(value)) throw new Error('not a JSON object')
  return value
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A finite number. Throws Error naming the key. */
export function numberAt(object: JsonObject, key: string): number {
  const value = object[key]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`${key} is no number`)
  return value
}

/** Reads a number that is at most so large. What it gives throws Error naming the key. */
export function numberUpTo(most: number): typeof numberAt {
  return (object, key) => {
    const value = numberAt(object, key)
    if (value > most) throw new Error(`${key} is too large`)
    return value
  }
}

/** A text. Throws Error naming the key. */
export function textAt(object: JsonObject, key: string): string {
  const value = object[key]
  if (typeof value !== 'string') throw new Error(`${key} is no text`)
  return value
}

/** True or false. Throws Error naming the key. */
export function booleanAt(object: JsonObject, key: string): boolean {
  const value = object[key]
  if (typeof value !== 'boolean') throw new Error(`${key} is neither true nor false`)
  return value
}

/** An object. Throws Error naming the key. */
export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  if (!isObject(value)) throw new Error(`${key} is no object`)
  return value
}

/** A list, each member read by `member`. Throws Error naming the key. */
export function listAt<T>(object: JsonObject, key: string, member: (value: unknown) => T): readonly T[] {
  const value = object[key]
  if (!Array.isArray(value)) throw new Error(`${key} is no list`)
  return value.map(member)
}

/** Three clocks. Throws Error naming the key. */
export function clocksAt(object: JsonObject, key: string): Clocks {
  const clocks = objectAt(object, key)
  return { wallMs: numberAt(clocks, 'wallMs'), bootMs: numberAt(clocks, 'bootMs'), monoMs: numberAt(clocks, 'monoMs') }
}

/** What `read` gives where the key is there, else nothing; for spreading into an object with optional fields. */
export function optional<K extends string, T>(
  object: JsonObject,
  key: K,
  read: (object: JsonObject, key: string) => T,
): { [P in K]?: T } {
  if (object[key] === undefined) return {}
  const found: { [P in K]?: T } = {}
  found[key] = read(object, key)
  return found
}

/** One of the given words. Throws Error naming the key. */
export function oneOf<T extends string>(object: JsonObject, key: string, words: readonly T[]): T {
  const value = object[key]
  const found = words.find((word) => word === value)
  if (found === undefined) throw new Error(`${key} is none of ${words.join(', ')}`)
  return found
}
