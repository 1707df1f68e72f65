/** Every setting there is: those of options.ts, and the lists, which no check loads before one of them is given. */
import { isObject } from '../parse.ts'
import { lists } from '../sensors/listed.ts'
import type { Block, Field, ListOption, Option } from '../types/options.ts'
import type { Given } from './compile.ts'
import { fits, type Setting, settings, type Value } from './options.ts'

/** A setting that may hold a list. */
export interface AnySetting extends Omit<Setting, 'option'> {
  readonly option: Option | ListOption
}

/** All settings, in the order in which they are declared and shown. */
export const allSettings: readonly AnySetting[] = [
  ...settings,
  ...Object.entries(lists).map(([name, option]) => ({ name, path: name.split('.'), option })),
]

/** What the named groups of settings are for. */
export const groups: Readonly<Record<string, string>> = {
  keep: 'Leases: requests of users to stay up.',
  sensors: 'What is watched; each sensor by its name.',
  ignore: 'What is left out, beside what the agent knows by itself (docs/known-agents.md).',
}

/** Settings of the design that this version does not have: refused, never taken and left without effect. */
export const notYet: readonly string[] = ['allow_os_shutdown', 'work_hours', 'notify', 'profile']

/** What a setting does, as a sentence of its own: capital letter, full stop. */
export function sentence({ about }: { readonly about: string }): string {
  return `${about.charAt(0).toUpperCase()}${about.slice(1)}${about.endsWith('.') ? '' : '.'}`
}

function isText(value: unknown, pattern: string): value is string {
  return typeof value === 'string' && new RegExp(pattern).test(value)
}

function isTexts(option: Extract<ListOption, { type: 'texts' }>, value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > option.most) return false
  if (option.first !== undefined && value.length === 0) return false
  return value.every((one, index) => isText(one, (index === 0 ? option.first?.pattern : undefined) ?? option.pattern))
}

function fitsField(field: Field, value: unknown): boolean {
  if (value === undefined) return field.required !== true
  if (field.type === 'texts') return isTexts(field, value)
  if (field.type === 'text') return isText(value, field.pattern)
  if (field.type === 'boolean') return typeof value === 'boolean'
  if (typeof value !== 'number' || (field.whole === true && !Number.isInteger(value))) return false
  return value >= field.min && value <= field.max
}

function isBlock(fields: Readonly<Record<string, Field>>, value: unknown): value is Block {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const own = new Map(Object.entries(value))
  return [...own.keys()].every((key) => Object.hasOwn(fields, key)) && everyField(fields, own)
}

function everyField(fields: Readonly<Record<string, Field>>, own: ReadonlyMap<string, unknown>): boolean {
  return Object.entries(fields).every(([key, field]) => fitsField(field, own.get(key)))
}

/** As `fits`, of any setting. */
export function fitsAny(option: Option | ListOption, value: unknown): value is Value {
  if (option.type === 'texts') return isTexts(option, value)
  if (option.type !== 'blocks') return fits(option, value)
  return Array.isArray(value) && value.length <= option.most && value.every((one) => isBlock(option.fields, one))
}

/** Is it a setting of a compiled configuration, with a value that it can have? */
export function isAnyGiven(value: unknown): value is Given {
  if (!isObject(value) || typeof value['line'] !== 'number' || typeof value['column'] !== 'number') return false
  const option = allSettings.find(({ name }) => name === value['name'])?.option
  return option !== undefined && fitsAny(option, value['value'])
}

/** Every setting that has a value, by its dotted name, in the order of declaration. */
export function effectiveValues(given: readonly Given[]): ReadonlyMap<string, Value> {
  const own = new Map(given.map(({ name, value }) => [name, value]))
  const pairs = allSettings.map(({ name, option }) => {
    const unset = option.type === 'texts' || option.type === 'blocks' ? [] : option.default
    return [name, own.get(name) ?? unset] as const
  })
  return new Map(pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
}

/** What a value is held to. */
export type Kind = Option | ListOption | Field | { readonly type: 'block'; readonly fields: Fields }
type Fields = Readonly<Record<string, Field>>

/** A place in the block: a setting, an entry of its list, or a value of such an entry. */
export interface Spot {
  readonly setting: AnySetting
  /** As it is shown: `['processes[2]', 'name']`. */
  readonly path: readonly string[]
  /** `undefined` for a name that its block does not have. */
  readonly kind: Kind | undefined
}

/** The setting that a path leads to or into; `undefined` where there is none. An item of a list of words counts as the list. */
export function spotAt(path: readonly string[]): Spot | undefined {
  const setting = allSettings.find((one) => one.path.every((key, depth) => path[depth] === key))
  if (setting === undefined) return undefined
  const { option } = setting
  const [index, ...rest] = path.slice(setting.path.length)
  if (index === undefined) return { setting, path, kind: option }
  if (option.type === 'choices')
    return { setting, path: setting.path, kind: { ...option, type: 'choice', default: '' } }
  const item = indexed(setting.path, index)
  if (option.type === 'texts') return { setting, path: item, kind: itemKind(option, index) }
  if (option.type !== 'blocks') return { setting, path, kind: undefined }
  const [key, inner] = rest
  if (key === undefined) return { setting, path: item, kind: { type: 'block', fields: option.fields } }
  const field = Object.hasOwn(option.fields, key) ? option.fields[key] : undefined
  if (inner === undefined) return { setting, path: [...item, key], kind: field }
  const kind = field?.type === 'texts' ? itemKind(field, inner) : undefined
  return { setting, path: indexed([...item, key], inner), kind }
}

function indexed(path: readonly string[], index: string): readonly string[] {
  return path.with(-1, `${path.at(-1)}[${index}]`)
}

function itemKind({ pattern, rule, first }: Extract<ListOption, { type: 'texts' }>, index: string): Kind {
  return { type: 'text', about: '', ...((index === '0' ? first : undefined) ?? { pattern, rule }) }
}
