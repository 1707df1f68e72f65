/** Reads a template: from its YAML to what is wanted, or to everything that is wrong with it. */
import * as z from 'zod/mini'
import { compile, strayWarning } from '../agent/config/compile.ts'
import { parseEntries } from '../agent/config/document.ts'
import type { Value } from '../agent/config/options.ts'
import { nearest, type Place, printable, shown } from '../agent/config/problems.ts'
import { jsonSchema } from '../agent/config/schema.ts'
import { type Block, placeKey, readEntries, valueAt } from '../agent/config/tree.ts'
import { UsageError } from '../agent/errors.ts'
import { type Field, type FieldName, fields, userFields } from './fields.ts'

/** A template as it was read. */
export interface Read {
  readonly template: Template
  /** The settings that its `idle_detection` gives, by dotted name. */
  readonly settings: ReadonlyMap<string, Value>
  /** Legal oddities, one line each. */
  readonly warnings: readonly string[]
  /** `FILE:LINE:COL key: message`: what is wrong with a value once the others are known. */
  problem(key: string, message: string): string
}

const user = z.strictObject({
  name: userFields.name.schema,
  ssh_keys: z.optional(userFields.ssh_keys.schema),
  groups: z.optional(userFields.groups.schema),
  shell: z.optional(userFields.shell.schema),
  sudo: z.optional(userFields.sudo.schema),
})

const file = z.strictObject({
  name: fields.name.schema,
  description: z.optional(fields.description.schema),
  cloud: z.optional(fields.cloud.schema),
  base: fields.base.schema,
  size: fields.size.schema,
  memory_gib: z.optional(fields.memory_gib.schema),
  root_device: z.optional(fields.root_device.schema),
  disk_gib: z.optional(fields.disk_gib.schema),
  hibernation: z.optional(fields.hibernation.schema),
  spot: z.optional(fields.spot.schema),
  auto_scaling: z.optional(fields.auto_scaling.schema),
  ephemeral_os_disk: z.optional(fields.ephemeral_os_disk.schema),
  time_zone: z.optional(fields.time_zone.schema),
  protected: z.optional(fields.protected.schema),
  packages: z.optional(fields.packages.schema),
  users: z.optional(z.array(user)),
  tags: z.optional(fields.tags.schema),
  agent_url: z.optional(fields.agent_url.schema),
  agent_sha256: z.optional(fields.agent_sha256.schema),
  agent_in_image: z.optional(fields.agent_in_image.schema),
  proxy: z.optional(fields.proxy.schema),
  imds_root_only: z.optional(fields.imds_root_only.schema),
  user_data: z.optional(fields.user_data.schema),
  idle_detection: z.optional(z.unknown()), // compile.ts looks at it
})

/** What a template without problems says, by the names in the file; `undefined` where it says nothing. */
export type Template = z.output<typeof file>

/** An account to make. */
export type User = z.output<typeof user>

interface Finding {
  readonly place: Place | undefined
  readonly text: string
}

/** Reads and validates. Throws UsageError with all problems, each with its place in `path`. */
export function readTemplate(text: string, path: string): Read {
  const { entries, where } = parseEntries(text, path)
  const block = readEntries(entries, where)
  const result = z.safeParse(file, block.value)
  const findings = [
    ...block.problems
      .filter((one) => one.path?.[0] !== 'idle_detection')
      .map((one) => ({ place: one.place, text: `${nameOf(one.path ?? [])}${one.message}` })),
    ...(Object.hasOwn(Object(valueAt(block.value, ['tags'])), '__proto__')
      ? [
          {
            place: block.places.get(placeKey(['tags', '__proto__']))?.key,
            text: 'tags.__proto__: cannot be the name of a tag',
          },
        ]
      : []),
    ...(result.success ? [] : result.error.issues.flatMap((issue) => issueFindings(issue, block))),
  ]
  const lines = findings.sort((a, b) => order(a) - order(b)).map((one) => lineOf(path, one))
  const compiled = settingsOf(text, path)
  const problems = [...lines, ...('problems' in compiled ? compiled.problems : [])]
  if (!result.success || 'problems' in compiled || problems.length > 0) throw new UsageError(problems)
  return {
    template: result.data,
    ...compiled,
    problem: (key, message) => {
      const place = block.places.get(key)
      return lineOf(path, { place: place?.value, text: `${key}: ${message}` })
    },
  }
}

type Settings = Pick<Read, 'settings' | 'warnings'>

function settingsOf(text: string, path: string): Settings | { readonly problems: readonly string[] } {
  try {
    const { given, warnings } = compile(text, path)
    return {
      settings: new Map(given.map(({ name, value }) => [name, value])),
      // "protected" is also a key of the template, where it does have an effect.
      warnings: warnings.filter((line) => !line.endsWith(strayWarning)),
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { problems: error.problems }
  }
}

type Issue = z.core.$ZodIssue

/** What is wrong at one place; nothing about a value that could not be read, of which that is said. */
function issueFindings(issue: Issue, block: Block): readonly Finding[] {
  const path = issue.path.map(String)
  const places = block.places.get(placeKey(path))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      place: block.places.get(placeKey([...path, key]))?.key,
      text: `${nameOf([...path, key])}${unknownMessage(path, key)}`,
    }))
  }
  if (block.unread.has(placeKey(path))) return []
  if (places === undefined) {
    const around = block.places.get(placeKey(path.slice(0, -1)))
    return [{ place: around?.value, text: `${nameOf(path)}is missing: ${ruleAt(path)}` }]
  }
  const value = valueAt(block.value, path)
  return [
    { place: places.value, text: `${nameOf(path)}must be ${ruleAt(path)}, got ${shown(value)}${hint(path, value)}` },
  ]
}

/** The key that a path is about, and how deep in its value the path ends. */
function fieldAt(path: readonly string[]): { readonly field: Field | undefined; readonly depth: number } {
  const [first = '', , second = ''] = path
  const inUser = first === 'users' && path.length > 2
  const table: Readonly<Record<string, Field>> = inUser ? userFields : fields
  const name = inUser ? second : first
  return { field: Object.hasOwn(table, name) ? table[name] : undefined, depth: path.length - (inUser ? 3 : 1) }
}

function ruleAt(path: readonly string[]): string {
  const { field, depth } = fieldAt(path)
  return (depth > 0 ? field?.each : undefined) ?? field?.rule ?? 'something else'
}

function hint(path: readonly string[], value: unknown): string {
  if (path[0] === 'users' && path.length === 2 && typeof value === 'string') return '; write - name: …'
  if (typeof value !== 'number' && typeof value !== 'boolean') return ''
  const { field } = fieldAt(path)
  const isText = field === undefined || ![100, true].some((one) => z.safeParse(field.schema, one).success)
  return isText ? '; put it in quotes' : ''
}

function unknownMessage(path: readonly string[], key: string): string {
  const known = Object.keys(path[0] === 'users' ? userFields : fields)
  const near = nearest(key, path.length === 0 ? [...known, 'idle_detection'] : known)
  return near === undefined ? 'unknown key' : `unknown key, did you mean ${near}?`
}

function nameOf(path: readonly string[]): string {
  const name = path.map((one) => printable(one.slice(0, 60))).join('.')
  return name === '' ? '' : `${name}: `
}

function lineOf(file: string, { place, text }: Finding): string {
  return place === undefined ? `${file}: ${text}` : `${file}:${place.line}:${place.column} ${text}`
}

function order({ place }: Finding): number {
  return place === undefined ? 0 : place.line * 1_000_000 + place.column
}

/** The JSON Schema (draft 2020-12) of a template, for an editor. */
export function templateSchema(): Readonly<Record<string, unknown>> {
  const { properties = {}, ...rest } = z.toJSONSchema(file, { unrepresentable: 'any' })
  const own = Object.entries(properties).map(([name, schema]) => {
    const about = Object.hasOwn(fields, name) ? fields[name as FieldName].about : undefined
    return [name, typeof schema === 'object' && about !== undefined ? { description: about, ...schema } : schema]
  })
  const { properties: config } = jsonSchema() as { readonly properties: Readonly<Record<string, unknown>> }
  return { ...rest, title: 'template of idle-agent', properties: { ...Object.fromEntries(own), ...config } }
}
