/** Terraform's JSON syntax, in which every text is a template of its own. */
import { jsonFile, type OutputFile } from './output.ts'

/** Text that Terraform shall take as it is: it would evaluate `${…}` and `%{…}`. */
export function literal(text: string): string {
  return text.replace(/([$%])(?=\{)/g, '$1$1')
}

/** What Terraform shall evaluate. */
export function expression(code: string): string {
  return `\${${code}}`
}

/** A whole value with every text in it taken as it is. */
export function literals(value: unknown): unknown {
  if (typeof value === 'string') return literal(value)
  if (Array.isArray(value)) return value.map(literals)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [literal(key), literals(one)]))
}

/** The one file of the configuration. */
export function terraformFile(configuration: object): OutputFile {
  return jsonFile('main.tf.json', configuration)
}
