/** The configuration: found, read, taken from its compiled form where that is still true, and put into units. */
import type { Compiled, Given } from './config/compile.ts'
import { fits, optIns, sensorNames, settings, tagRules, type Value, wantedActions } from './config/options.ts'
import { messageOf, UsageError } from './errors.ts'
import type { Host } from './host/host.ts'
import { isObject } from './parse.ts'
import type { OptIn } from './types/outcome.ts'
import type { Policy, WantedAction } from './types.ts'

/** Where the configuration lies unless somebody says otherwise. */
export const defaultConfigPath = '/etc/idle-agent/config.yaml'

/** Larger configurations are refused, in characters. */
const maxLength = 262_144

/** What the operator wants of one sensor. */
export interface SensorConfig {
  readonly enabled: boolean
  /** The sensor's own options, by name. */
  readonly limits: Readonly<Record<string, number>>
}

/** The validated configuration, in the units the code works in. */
export interface Config extends Omit<Policy, 'action'> {
  /** `undefined`: follows the cloud. */
  readonly action?: WantedAction
  readonly tagPrefix: string
  readonly tagWindowMs: number
  readonly protected: boolean
  readonly operatorTags: (typeof tagRules)[number]
  readonly allow: readonly OptIn[]
  /** Looked at by `install` and `doctor`; a check does nothing about it. */
  readonly metadataRootOnly: boolean
  readonly keepCeilingMs: number
  readonly horizonMs: number
  readonly learnFloor: boolean
  /** By the sensor's name; every sensor of the table is there. */
  readonly sensors: Readonly<Record<string, SensorConfig>>
  /** The lists that the file gives, by the name of their setting; what they are for is loaded only where there are any. */
  readonly lists: ReadonlyMap<string, Value>
  /** The file that was read, or `defaults`. */
  readonly source: string
}

/** Which file, and what to do if it is not there. */
export interface ConfigSource {
  readonly path: string
  /** True where somebody named the file: then it must exist. */
  readonly explicit: boolean
  /** The compiled form (`config.json` in the state folder); left out, it is neither read nor offered. */
  readonly cachePath?: string
  /** True for a command that runs no sensor on this machine: commands of a file that others could have written are taken then. */
  readonly runsNothing?: true
}

/** A configuration and where it came from. */
export interface LoadedConfig {
  readonly config: Config
  /** What the file gives, with lines; everything else has its default. */
  readonly given: readonly Given[]
  /** Legal oddities, one line each. */
  readonly warnings: readonly string[]
  /** Text for `cachePath` (mode 0600); `undefined` where the one that is there is still true, or there is no file. */
  readonly cache?: string
}

/** The file that `--config`, else IDLE_AGENT_CONFIG, else the default names. */
export function locateConfig(host: Host, flag: string | undefined): ConfigSource {
  const named = flag ?? (host.env('IDLE_AGENT_CONFIG') || undefined)
  return { path: named ?? defaultConfigPath, explicit: named !== undefined }
}

/**
 * Reads the configuration; writes nothing. Neither the YAML parser nor the schema library is loaded where there is no file,
 * or where the compiled form was made from this very text by this very build.
 * Throws UsageError with all problems.
 */
export async function loadConfig(host: Host, source: ConfigSource): Promise<LoadedConfig> {
  const { path, explicit, cachePath, runsNothing } = source
  const text = await readSource(host, path)
  if (text === undefined) {
    if (explicit) throw new UsageError(`${path}: no such file`)
    return { config: configOf([], 'defaults'), given: [], warnings: [] }
  }
  const cached = cachePath === undefined ? undefined : await readCache(host, cachePath, { path, text })
  const { given, warnings } = cached ?? (await import('./config/compile.ts')).compile(text, path)
  const loaded = { config: configOf(given, path), given, warnings }
  // What root runs, only root may choose.
  if (runsNothing !== true && loaded.config.lists.has('commands'))
    await (await import('./sensors/trusted.ts')).needTrusted(host, path)
  if (cached !== undefined) return loaded
  if (cachePath === undefined) return loaded
  return { ...loaded, cache: `${JSON.stringify({ build: buildOf(), path, text, given, warnings })}\n` }
}

/** What the decision needs; `defaultAction` is the cloud's, for an operator who named none. One without a driver only reports, whatever the operator says. */
export function policyOf(config: Config, defaultAction: WantedAction): Policy {
  return {
    enabled: config.enabled,
    idleThresholdMs: config.idleThresholdMs,
    hibernateThresholdMs: config.hibernateThresholdMs,
    checkIntervalMs: config.checkIntervalMs,
    action: defaultAction === 'report' ? 'report' : (config.action ?? defaultAction),
    bootGraceMs: config.bootGraceMs,
    notReadyMs: config.notReadyMs,
    unknownCeilingMs: config.unknownCeilingMs,
  }
}

async function readSource(host: Host, path: string): Promise<string | undefined> {
  let text: string | undefined
  try {
    text = await host.store.read(path)
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error }) // the operator chose the file: not a fault of the host
  }
  if (text !== undefined && text.length > maxLength) throw new UsageError(`${path}: must be at most 256 KiB`)
  return text
}

/** A compiled form is as good as the build that made it. */
function buildOf(): string {
  // The constants are filled in by the bundler; a run from the sources has none.
  return typeof __VERSION__ === 'string' ? `${__VERSION__} ${__COMMIT__}` : 'source'
}

/** What was last in force on this machine, as far as the compiled form tells; else the defaults, switched off: nobody chose their tags. */
export async function lastConfig(host: Host, cachePath: string): Promise<Config> {
  const cached = await readCache(host, cachePath)
  if (cached === undefined) return { ...configOf([], 'defaults'), enabled: false }
  return configOf(cached.given, cachePath)
}

/** The compiled form, if it was made by this build, and from this text at this path where that is asked. */
async function readCache(
  host: Host,
  cachePath: string,
  source?: { path: string; text: string },
): Promise<Compiled | undefined> {
  let cached: unknown
  try {
    cached = JSON.parse((await host.store.read(cachePath)) ?? 'null')
  } catch {
    return undefined // unreadable for this user, or torn: the source is there, compiling it again costs milliseconds
  }
  if (!isObject(cached)) return undefined
  const { build, path, text, given, warnings } = cached
  if (build !== buildOf()) return undefined
  if (source !== undefined && (path !== source.path || text !== source.text)) return undefined
  if (!Array.isArray(given) || !Array.isArray(warnings)) return undefined
  const fitting = given.every(isGiven) || given.every((await import('./config/lists.ts')).isAnyGiven)
  return fitting && warnings.every(isText) ? { given, warnings } : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isGiven(value: unknown): value is Given {
  if (!isObject(value) || typeof value['line'] !== 'number' || typeof value['column'] !== 'number') return false
  const option = settings.find(({ name }) => name === value['name'])?.option
  return option !== undefined && fits(option, value['value'])
}

/** Defaults, overlaid with what was given, in milliseconds. */
function configOf(given: readonly Given[], source: string): Config {
  const values = effectiveValues(given)
  const ms = (name: string, unit: number) => Math.round(numberOf(values, name) * unit)
  const action = wantedActions.find((one) => one === values.get('action'))
  return {
    enabled: values.get('enabled') === true,
    idleThresholdMs: ms('idle_threshold_minutes', 60_000),
    hibernateThresholdMs: ms('hibernate_threshold_minutes', 60_000),
    checkIntervalMs: ms('check_interval_minutes', 60_000),
    bootGraceMs: ms('boot_grace_minutes', 60_000),
    notReadyMs: ms('not_ready_minutes', 60_000),
    unknownCeilingMs: ms('unknown_ceiling_hours', 3_600_000),
    ...(action === undefined ? {} : { action }),
    tagPrefix: String(values.get('tag_prefix')),
    tagWindowMs: ms('tag_window_minutes', 60_000),
    protected: values.get('protected') !== false,
    operatorTags: tagRules.find((one) => one === values.get('operator_tags')) ?? 'required',
    allow: optIns.filter((one) => isSet(values, 'allow', one)),
    metadataRootOnly: values.get('metadata_root_only') === true,
    keepCeilingMs: ms('keep.ceiling_hours', 3_600_000),
    horizonMs: ms('horizon_minutes', 60_000),
    learnFloor: values.get('learn_floor') !== false,
    sensors: Object.fromEntries(sensorNames.map((name) => [name, sensorConfig(name, values)])),
    lists: new Map(given.filter(({ name }) => !values.has(name)).map(({ name, value }) => [name, value])),
    source,
  }
}

/** Every setting, lists excepted, that has a value, by its dotted name, in the order of declaration. */
function effectiveValues(given: readonly Given[]): ReadonlyMap<string, Value> {
  const own = new Map(given.map(({ name, value }) => [name, value]))
  const pairs = settings.map(({ name, option }) => [name, own.get(name) ?? option.default] as const)
  return new Map(pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
}

function numberOf(values: ReadonlyMap<string, Value>, name: string): number {
  const value = values.get(name)
  if (typeof value !== 'number') throw new TypeError(`the setting ${name} is not a number`)
  return value
}

function isSet(values: ReadonlyMap<string, Value>, name: string, one: string): boolean {
  const value = values.get(name)
  return typeof value === 'object' && value.some((word) => word === one)
}

function sensorConfig(sensor: string, values: ReadonlyMap<string, Value>): SensorConfig {
  const prefix = `sensors.${sensor}.`
  const own = [...values.keys()].filter((name) => name.startsWith(prefix) && name !== `${prefix}enabled`)
  const limits = Object.fromEntries(own.map((name) => [name.slice(prefix.length), numberOf(values, name)]))
  return { enabled: values.get(`${prefix}enabled`) !== false, limits }
}
