/** The schema of the `idle_detection` block, built from the data in options.ts; loads the schema library. */
import * as z from 'zod/mini'
import type { Field, ListOption, Option } from '../types/options.ts'
import { type AnySetting, allSettings, groups, sentence } from './lists.ts'

type Shape = Record<string, z.ZodMiniOptional<z.ZodMiniType>>

/** What is wrong, by place; the words are made in problems.ts from the option itself. */
export interface Issue {
  readonly path: readonly string[]
  readonly kind: 'unknown' | 'value'
}

function text(pattern: string): z.ZodMiniType {
  return z.string().check(z.regex(new RegExp(pattern)))
}

function texts({ pattern, most, first }: Extract<ListOption, { type: 'texts' }>): z.ZodMiniType {
  if (first === undefined) return z.array(text(pattern)).check(z.maxLength(most))
  return z.tuple([text(first.pattern)], text(pattern)).check(z.maxLength(most))
}

function field(option: Field): z.ZodMiniType {
  const schema = fieldSchema(option).check(z.meta({ description: describe(option), ...defaultOf(option) }))
  return option.required === true ? schema : z.optional(schema)
}

function fieldSchema(option: Field): z.ZodMiniType {
  if (option.type === 'texts') return texts(option)
  if (option.type === 'text') return text(option.pattern)
  if (option.type === 'boolean') return z.boolean()
  return (option.whole === true ? z.int() : z.number()).check(z.gte(option.min), z.lte(option.max))
}

function defaultOf(option: Option | ListOption | Field): { readonly default?: unknown } {
  if (option.type === 'blocks' || option.type === 'texts') return {}
  return 'default' in option && option.default !== undefined ? { default: option.default } : {}
}

function optionSchema(option: Option | ListOption): z.ZodMiniType {
  if (option.type === 'texts') return texts(option)
  if (option.type === 'blocks') {
    const shape = Object.fromEntries(Object.entries(option.fields).map(([key, one]) => [key, field(one)]))
    return z.array(z.strictObject(shape)).check(z.maxLength(option.most))
  }
  if (option.type === 'number') return z.number().check(z.gte(option.min), z.lte(option.max))
  if (option.type === 'boolean') return z.boolean()
  if (option.type === 'choice') return z.enum([...option.values])
  if (option.type === 'choices') return z.array(z.enum([...option.values]))
  return text(option.pattern)
}

/** The sentence that a person needs beside the bounds, which the JSON Schema shows by itself. */
function describe(option: Option | ListOption | Field): string {
  if (option.type === 'number') return option.unit === '' ? sentence(option) : `${sentence(option)} In ${option.unit}.`
  if (option.type === 'text') return `${sentence(option)} Must be ${option.rule}.`
  if (option.type === 'choice' && option.unset !== undefined) return `${sentence(option)} Unset: ${option.unset}.`
  return sentence(option)
}

function leaf({ option }: AnySetting): z.ZodMiniOptional<z.ZodMiniType> {
  return z.optional(optionSchema(option).check(z.meta({ description: describe(option), ...defaultOf(option) })))
}

function block(members: readonly AnySetting[], depth: number): z.ZodMiniType {
  const shape: Shape = {}
  for (const [key, group] of Map.groupBy(members, ({ path }) => path[depth] ?? '')) {
    const [first] = group
    if (first !== undefined)
      shape[key] = first.path.length === depth + 1 ? leaf(first) : z.optional(named(group, depth + 1))
  }
  return z.strictObject(shape)
}

function named(group: readonly AnySetting[], depth: number): z.ZodMiniType {
  const about = groups[group[0]?.path[depth - 1] ?? '']
  const schema = block(group, depth)
  return about === undefined ? schema : schema.check(z.meta({ description: about }))
}

const idleDetection = block(allSettings, 0)

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
