/** Tells of a configuration that cannot be used: without one nothing is judged, and nobody reads what the schedule prints. */
import { plain } from '../check/judge.ts'
import { type Parts, pathsOf } from '../check/parts.ts'
import { tellFault } from '../check/tell-fault.ts'
import { type Config, defaultConfigPath, lastConfig, locateConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { CommandContext } from './context.ts'

/** In the status, and once in the tag where the settings that were last in force name it. Throws nothing. */
export async function tellBrokenConfig(
  { host, flags }: CommandContext,
  { problems }: UsageError,
  partsOf: (config: Config) => Promise<{ readonly parts: Parts }>,
): Promise<void> {
  const { path, explicit } = locateConfig(host, flags.config)
  const config = await lastConfig(host, pathsOf(flags.stateDir).configCache)
  const [first = '', ...more] = problems
  const others = more.length === 0 ? '' : `, and ${more.length} more`
  const named = plain(path === defaultConfigPath ? first : withoutPath(first, path))
  const file = explicit && path !== defaultConfigPath ? ' --config FILE' : ''
  const remedy = `"sudo idle-agent config check${file}" tells ${more.length === 0 ? 'more' : 'all'}`
  try {
    const { parts } = await partsOf(config)
    await tellFault(parts, 'config', `${named}${others}; ${remedy}`)
  } catch (error) {
    // An endpoint that is malformed: there is nobody to tell but on stderr.
    if (!(error instanceof UsageError)) throw error
  }
}

/** A path of somebody's own may name them: what follows it still says where the problem is. */
function withoutPath(problem: string, path: string): string {
  const [, line, rest] = problem.startsWith(path) ? (/^:(\d+):\d+ (.*)$/s.exec(problem.slice(path.length)) ?? []) : []
  const where = 'the configuration'
  return line === undefined
    ? problem.replaceAll(path, where)
    : `${where}, line ${line}: ${rest}`.replaceAll(path, where)
}
