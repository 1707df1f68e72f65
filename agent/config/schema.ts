/** The schema of the `idle_detection` block, built from the data in options.ts; loads the schema library. */
import * as z from 'zod/mini'
import type { Option } from '../types/options.ts'
import { groups, type Setting, sentence, settings } from './options.ts'

type Shape = Record<string, z.ZodMiniOptional<z.ZodMiniType>>

/** What is wrong, by place; the words are made in problems.ts from the option itself. */
export interface Issue {
  readonly path: readonly string[]
  readonly kind: 'unknown' | 'value'
}

function optionSchema(option: Option): z.ZodMiniType {
  if (option.type === 'number') return z.number().check(z.gte(option.min), z.lte(option.max))
  if (option.type === 'boolean') return z.boolean()
  if (option.type === 'choice') return z.enum([...option.values])
  if (option.type === 'choices') return z.array(z.enum([...option.values]))
  return z.string().check(z.regex(new RegExp(option.pattern)))
}

/** The sentence that a person needs beside the bounds, which the JSON Schema shows by itself. */
function describe(option: Option): string {
  if (option.type === 'number') return `${sentence(option)} In ${option.unit}.`
  if (option.type === 'text') return `${sentence(option)} Must be ${option.rule}.`
  if (option.type === 'choice' && option.unset !== undefined) return `${sentence(option)} Unset: ${option.unset}.`
  return sentence(option)
}

function leaf({ option }: Setting): z.ZodMiniOptional<z.ZodMiniType> {
  const value = option.default === undefined ? {} : { default: option.default }
  return z.optional(optionSchema(option).check(z.meta({ description: describe(option), ...value })))
}

function block(members: readonly Setting[], depth: number): z.ZodMiniType {
  const shape: Shape = {}
  for (const [key, group] of Map.groupBy(members, ({ path }) => path[depth] ?? '')) {
    const [first] = group
    if (first !== undefined)
      shape[key] = first.path.length === depth + 1 ? leaf(first) : z.optional(named(group, depth + 1))
  }
  return z.strictObject(shape)
}

function named(group: readonly Setting[], depth: number): z.ZodMiniType {
  const about = groups[group[0]?.path[depth - 1] ?? '']
  const schema = block(group, depth)
  return about === undefined ? schema : schema.check(z.meta({ description: about }))
}

const idleDetection = block(settings, 0)

/** Everything in the block that the schema does not allow. */
export function schemaIssues(value: unknown): readonly Issue[] {
  const result = z.safeParse(idleDetection, value)
  if (result.success) return []
  return result.error.issues.flatMap((issue): readonly Issue[] => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path, kind: 'value' }]
    return issue.keys.map((key) => ({ path: [...path, key], kind: 'unknown' }))
  })
}

/** The JSON Schema (draft 2020-12) of a configuration file: a template of which only the block is described. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const file = z.looseObject({ idle_detection: idleDetection })
  const about = 'Configuration of idle-agent: an idle_detection block, or a template that contains one.'
  return { ...z.toJSONSchema(file.check(z.meta({ title: 'idle-agent', description: about }))) }
}
