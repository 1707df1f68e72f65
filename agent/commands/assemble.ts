/** Puts a check together from the configuration, the cloud and the tables. */
import { partsBy } from '../check/configured.ts'
import { type Parts, pathsOf } from '../check/parts.ts'
import { createCloud } from '../clouds/table.ts'
import { type Config, loadConfig, locateConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { CommandContext } from './context.ts'

export interface Assembled {
  readonly parts: Parts
  readonly config: Config
  /** Why it is this cloud. */
  readonly because: string
  /** Compiled configuration to be stored by a check that may write; `undefined` if the stored one is true. */
  readonly cache: string | undefined
}

/** The configuration that a command goes by. Throws UsageError with all its problems. */
export function readConfig(
  { host, flags }: CommandContext,
  more: { readonly cachePath?: string; readonly runsNothing?: true } = {},
) {
  return loadConfig(host, { ...locateConfig(host, flags.config), ...more })
}

/** Everything a check needs; reads, and writes nothing. Throws UsageError with all problems of the configuration. */
export async function assemble(context: CommandContext): Promise<Assembled> {
  const { config, cache } = await readConfig(context, { cachePath: pathsOf(context.flags.stateDir).configCache })
  return { ...(await partsOf(context, config)), config, cache }
}

/** As `assemble`, for a check that acts: a configuration that cannot be used is told to more than stderr. */
export async function assembleToAct(context: CommandContext): Promise<Assembled> {
  try {
    return await assemble(context)
  } catch (error) {
    if (error instanceof UsageError) {
      const { tellBrokenConfig } = await import('./broken-config.ts')
      await tellBrokenConfig(context, error, (config) => partsOf(context, config))
    }
    throw error
  }
}

/** A check by these settings. Throws UsageError for a malformed endpoint. */
async function partsOf({ host, flags }: CommandContext, config: Config): Promise<Pick<Assembled, 'parts' | 'because'>> {
  const paths = pathsOf(flags.stateDir)
  const { cloud, because } = await createCloud(host, { stateDir: paths.stateDir })
  return { parts: await partsBy({ host, cloud, paths }, config), because }
}
