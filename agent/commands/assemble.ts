/** Puts a check together from the configuration, the cloud and the tables. */
import { type Parts, pathsOf } from '../check/parts.ts'
import { createCloud } from '../clouds/table.ts'
import { type Config, loadConfig, locateConfig, policyOf } from '../config.ts'
import { decide } from '../decide/state.ts'
import { sensors } from '../sensors/table.ts'
import { vetoes } from '../vetoes/table.ts'
import type { CommandContext } from './context.ts'

export interface Assembled {
  readonly parts: Parts
  readonly config: Config
  /** Why it is this cloud. */
  readonly because: string
  /** Compiled configuration to be stored by a check that may write; `undefined` if the stored one is true. */
  readonly cache: string | undefined
}

/** Everything a check needs; reads, and writes nothing. Throws UsageError with all problems of the configuration. */
export async function assemble({ host, flags }: CommandContext): Promise<Assembled> {
  const paths = pathsOf(flags.stateDir)
  const source = locateConfig(host, flags.config)
  const { config, cache } = await loadConfig(host, { ...source, cachePath: paths.configCache })
  const { cloud, because } = await createCloud(host, { stateDir: paths.stateDir })
  const configured = sensors.flatMap((sensor) => {
    const own = config.sensors[sensor.name]
    return own?.enabled === true ? [{ sensor, limits: own.limits }] : []
  })
  const { tagPrefix, operatorTags, allow, keepCeilingMs, horizonMs } = config
  const parts: Parts = {
    host,
    cloud,
    sensors: configured,
    vetoes,
    policy: policyOf(config, cloud.defaultAction),
    settings: { tagPrefix, protected: config.protected, operatorTags, allow, keepCeilingMs, horizonMs },
    paths,
    decide,
  }
  return { parts, config, because, cache }
}
