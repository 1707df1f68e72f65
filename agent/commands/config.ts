/** `config check`, `config show` and `config schema`: what the configuration says, where from, and what it may say. */

import { pathsOf } from '../check/parts.ts'
import type { Cloud } from '../clouds/cloud.ts'
import { createCloud } from '../clouds/table.ts'
import { type AnySetting, allSettings, effectiveValues } from '../config/lists.ts'
import type { Value } from '../config/options.ts'
import { printable } from '../config/problems.ts'
import { type Config, type ConfigSource, type LoadedConfig, loadConfig, locateConfig, policyOf } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { distrusted } from '../sensors/trusted.ts'
import type { Block } from '../types/options.ts'
import type { Command, CommandContext, GlobalFlags } from './context.ts'

const commands: ReadonlyMap<string, Command> = new Map([
  ['check', configCheck],
  ['show', configShow],
  ['schema', configSchema],
])

/** `idle-agent config check|show|schema`. Throws UsageError for anything else. */
export async function config(context: CommandContext): Promise<number> {
  const [name, ...rest] = context.args
  const command = commands.get(name ?? '')
  const [file = '-'] = rest
  if ((name === 'check' || name === 'show') && rest.length === 1 && !file.startsWith('-'))
    throw new UsageError(`config ${name} takes the file by its flag: idle-agent config ${name} --config ${file}`)
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
    loaded = await loadAll(host, source)
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

/** As `loadConfig`, but that commands which are not taken are told together with all that is wrong. Throws UsageError. */
async function loadAll(host: Host, source: ConfigSource): Promise<LoadedConfig> {
  let loaded: LoadedConfig | undefined
  let problems: readonly string[] = []
  try {
    loaded = await loadConfig(host, { ...source, runsNothing: true })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    problems = error.problems
  }
  const doubt = (await namesCommands(host, source, loaded)) ? await distrusted(host, source.path) : undefined
  if (doubt !== undefined) problems = [...problems, doubt]
  if (loaded === undefined || problems.length > 0) throw new UsageError(problems)
  return loaded
}

/** Of a file that could not be understood, whether it looks as if it did. */
async function namesCommands(host: Host, { path }: ConfigSource, loaded: LoadedConfig | undefined): Promise<boolean> {
  if (loaded !== undefined) return loaded.config.lists.has('commands')
  try {
    return /\bcommands["']?[ \t]*:/.test((await host.store.read(path)) ?? '')
  } catch {
    return false // why it cannot be read is told already
  }
}

/** The configuration for a command that runs no sensor here, with a warning for commands that a check would not take. Throws UsageError. */
async function loadToShow(host: Host, source: ConfigSource): Promise<LoadedConfig> {
  const loaded = await loadConfig(host, { ...source, runsNothing: true })
  const doubt = loaded.config.lists.has('commands') ? await distrusted(host, source.path) : undefined
  return doubt === undefined ? loaded : { ...loaded, warnings: [...loaded.warnings, doubt] }
}

/** Prints every setting with its effective value and where that came from. Throws UsageError. */
async function configShow({ host, flags, out }: CommandContext): Promise<number> {
  const loaded = await loadToShow(host, locateConfig(host, flags.config))
  const rows = withAction(shownRows(loaded), loaded.config, await cloudOf(host, flags))
  if (flags.json) {
    const { config, warnings } = loaded
    out(JSON.stringify({ schema: 'idle-agent.config-show.v1', source: config.source, settings: rows, warnings }))
    return 0
  }
  const cells = rows.map(({ name, value, unit, note, from }) => [
    name,
    note ?? (value === null ? '' : join(value, unit)),
    from,
  ])
  for (const line of aligned([['SETTING', 'VALUE', 'FROM'], ...cells])) out(line)
  for (const warning of loaded.warnings) out(`warning: ${warning}`)
  return 0
}

/** The cloud whose default an action that is not set follows; nothing where an endpoint is malformed, which `check` says. */
async function cloudOf(host: Host, flags: GlobalFlags): Promise<Cloud | undefined> {
  try {
    return (await createCloud(host, { stateDir: pathsOf(flags.stateDir).stateDir })).cloud
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

/** What `action` comes to on this machine. */
function withAction(rows: readonly Row[], config: Config, cloud: Cloud | undefined): readonly Row[] {
  if (cloud === undefined) return rows
  const inForce = policyOf(config, cloud.defaultAction).action
  const why = cloud.defaultAction === 'report' ? `${cloud.name} has no driver` : `the default on ${cloud.name}`
  return rows.map((row) => {
    if (row.name !== 'action') return row
    const { note: _, ...rest } = row
    if (row.value === null) return { ...rest, inForce, note: `${inForce} (not set; ${why})` }
    const driver = row.value === inForce ? {} : { note: `${row.value}, in force ${inForce}: ${why}` }
    return { ...rest, inForce, ...driver }
  })
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
  /** In place of the value, for people. */
  readonly note?: string
  /** What it comes to here, where that can be something else. */
  readonly inForce?: string
  /** `default`, or FILE:LINE. */
  readonly from: string
}

function shownRows({ given, config: { source } }: LoadedConfig): readonly Row[] {
  const values = effectiveValues(given)
  const lines = new Map(given.map(({ name, line }) => [name, `${source}:${line}`]))
  return allSettings.map(({ name, option }: AnySetting) => ({
    name,
    value: values.get(name) ?? null,
    ...(option.type === 'number' ? { unit: option.unit } : {}),
    ...(option.type === 'choice' && option.unset !== undefined && !values.has(name) ? { note: option.unset } : {}),
    from: lines.get(name) ?? 'default',
  }))
}

function join(value: Value, unit: string | undefined): string {
  if (typeof value === 'object') return value.length === 0 ? 'none' : value.map(entry).join(', ')
  return unit === undefined ? String(value) : `${value} ${unit}`
}

/** As it would stand in the file, in one line. */
function entry(value: string | Block): string {
  if (typeof value === 'string') return printable(value)
  const written = ([key, one]: readonly [string, Block[string]]) =>
    `${key}: ${typeof one === 'object' ? `[${one.map(printable).join(', ')}]` : printable(String(one))}`
  return `{ ${Object.entries(value).map(written).join(', ')} }`
}

/** Wider than this a cell widens its own line only. */
const widestColumn = 48

/** Columns as wide as their widest cell that is not over-long; the last one ends the line. */
function aligned(rows: readonly (readonly (string | undefined)[])[]): readonly string[] {
  const widths = [0, 1].map((column) => {
    const lengths = rows.map((row) => row[column]?.length ?? 0)
    return Math.max(...lengths.filter((length) => length <= widestColumn))
  })
  return rows.map((row) => row.map((cell, column) => (cell ?? '').padEnd(widths[column] ?? 0)).join('  '))
}
