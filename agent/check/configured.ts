/** Puts a check together from a configuration and the tables, for any host and cloud. */
import type { Cloud } from '../clouds/cloud.ts'
import { type Config, policyOf } from '../config.ts'
import { decide } from '../decide/state.ts'
import type { Host } from '../host/host.ts'
import { sensors } from '../sensors/table.ts'
import { vetoes } from '../vetoes/table.ts'
import type { Parts, Paths } from './parts.ts'

/** A check by these settings, of this host and cloud. */
export async function partsBy(
  { host, cloud, paths }: { readonly host: Host; readonly cloud: Cloud; readonly paths: Paths },
  config: Config,
): Promise<Parts> {
  const configured = sensors.flatMap((sensor) => {
    const own = config.sensors[sensor.name]
    return own?.enabled === true ? [{ sensor, limits: own.limits }] : []
  })
  const listed = config.lists.size === 0 ? undefined : (await import('../sensors/listed.ts')).readLists(config.lists)
  const { tagPrefix, tagWindowMs, operatorTags, allow, keepCeilingMs, horizonMs, learnFloor } = config
  return {
    host,
    cloud,
    sensors: listed === undefined ? configured : listed.around(configured),
    vetoes,
    policy: policyOf(config, cloud.defaultAction),
    settings: {
      tagPrefix,
      tagWindowMs,
      protected: config.protected,
      operatorTags,
      allow,
      keepCeilingMs,
      horizonMs,
      learnFloor,
      ...listed?.settings,
    },
    paths,
    decide,
  }
}
