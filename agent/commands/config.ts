/** `config check`, `config show` and `config schema`: what the configuration says, where from, and what it may say. */

import { type Setting, settings, type Value } from '../config/options.ts'
import { effectiveValues, type LoadedConfig, loadConfig, locateConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { Command, CommandContext } from './context.ts'

const commands: ReadonlyMap<string, Command> = new Map([
  ['check', configCheck],
  ['show', configShow],
  ['schema', configSchema],
])

/** `idle-agent config check|show|schema`. Throws UsageError for anything else. */
export async function config(context: CommandContext): Promise<number> {
  const [name, ...rest] = context.args
  const command = commands.get(name ?? '')
  if (command === undefined || rest.length > 0) throw new UsageError('usage: idle-agent config check|show|schema')
  return command({ ...context, args: rest })
}

/** Says whether the file is valid, with everything that is odd; throws UsageError with everything that is wrong (with --json: prints it, 2). */
export async function configCheck({ host, flags, out }: CommandContext): Promise<number> {
  const source = locateConfig(host, flags.config)
  const report = (valid: boolean, problems: readonly string[], warnings: readonly string[]) =>
    out(JSON.stringify({ schema: 'idle-agent.config-check.v1', file: source.path, valid, problems, warnings }))
  let loaded: LoadedConfig
  try {
    loaded = await loadConfig(host, source)
  } catch (error) {
    if (!flags.json || !(error instanceof UsageError)) throw error
    report(false, error.problems, [])
    return error.exitCode
  }
  if (flags.json) report(true, [], loaded.warnings)
  else {
    out(
      loaded.config.source === 'defaults'
        ? `${source.path}: no such file, the defaults apply`
        : `${source.path}: valid`,
    )
    for (const warning of loaded.warnings) out(`warning: ${warning}`)
  }
  return 0
}

/** Prints every setting with its effective value and where that came from. Throws UsageError. */
async function configShow({ host, flags, out }: CommandContext): Promise<number> {
  const loaded = await loadConfig(host, locateConfig(host, flags.config))
  const rows = shownRows(loaded)
  if (flags.json) {
    const { config, warnings } = loaded
    out(JSON.stringify({ schema: 'idle-agent.config-show.v1', source: config.source, settings: rows, warnings }))
    return 0
  }
  const cells = rows.map(({ name, value, unit, note, from }) => [name, value === null ? note : join(value, unit), from])
  for (const line of aligned([['SETTING', 'VALUE', 'FROM'], ...cells])) out(line)
  for (const warning of loaded.warnings) out(`warning: ${warning}`)
  return 0
}

/** Prints the JSON Schema (draft 2020-12) of a configuration file. */
async function configSchema({ flags, out }: CommandContext): Promise<number> {
  const { jsonSchema } = await import('../config/schema.ts')
  out(JSON.stringify(jsonSchema(), undefined, flags.json ? undefined : 2))
  return 0
}

interface Row {
  readonly name: string
  /** `null` where nothing is set and there is no default. */
  readonly value: Value | null
  readonly unit?: string
  readonly note?: string
  /** `default`, or FILE:LINE. */
  readonly from: string
}

function shownRows({ given, config: { source } }: LoadedConfig): readonly Row[] {
  const values = effectiveValues(given)
  const lines = new Map(given.map(({ name, line }) => [name, `${source}:${line}`]))
  return settings.map(({ name, option }: Setting) => ({
    name,
    value: values.get(name) ?? null,
    ...(option.type === 'number' ? { unit: option.unit } : {}),
    ...(option.type === 'choice' && option.unset !== undefined && !values.has(name) ? { note: option.unset } : {}),
    from: lines.get(name) ?? 'default',
  }))
}

function join(value: Value, unit: string | undefined): string {
  if (typeof value === 'object') return value.length === 0 ? 'none' : value.join(', ')
  return unit === undefined ? String(value) : `${value} ${unit}`
}

/** Columns as wide as their widest cell; the last one ends the line. */
function aligned(rows: readonly (readonly (string | undefined)[])[]): readonly string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => (cell ?? '').padEnd(widths[column] ?? 0)).join('  '))
}
