/** Plays a scenario: the real check, every two minutes, on the frames of its machine, until it acts or the time is over. */
import { checkAndAct } from '../../../agent/agent.ts'
import { partsBy } from '../../../agent/check/configured.ts'
import { pathsOf } from '../../../agent/check/parts.ts'
import { checkObject } from '../../../agent/check/report.ts'
import type { Config } from '../../../agent/config.ts'
import type { NamedReading, Veto } from '../../../agent/types.ts'
import { createMemoryCloud } from '../../host/memory-cloud.ts'
import { createMemoryFiles } from '../../host/memory-files.ts'
import { configOf } from '../../replay/frames.ts'
import { createRandom } from '../random.ts'
import type { Frame } from './frame.ts'
import { frameHost, Moment } from './frame-host.ts'
import type { Scenario } from './scenario.ts'
import { type Model, World } from './world.ts'

const MINUTE = 60_000
export const INTERVAL_MS = 2 * MINUTE

/** One check, as it was. */
export interface Seen {
  /** Minutes of the scenario: the check before, and this one. */
  readonly from: number
  readonly at: number
  readonly verdict: string
  readonly state: string
  readonly reason: string
  readonly readings: readonly NamedReading[]
  readonly vetoes: readonly Veto[]
  readonly object: Readonly<Record<string, unknown>>
  /** Frames of its looks, where they were asked for. */
  readonly looks: readonly Frame[]
}

export interface Played {
  readonly seen: readonly Seen[]
  /** Minute at which the call was sent. */
  readonly acted: number | undefined
}

/** When checks run, in minutes: every two minutes, later by chance where `seed` is given (0 to 5 s, and 18 s in one of fifty). */
export function checkMinutes(scenario: Scenario, lasts: number, seed?: number): readonly number[] {
  const random = seed === undefined ? undefined : createRandom(seed)
  const late = () => (random === undefined ? 0 : random.chance(0.02) ? 0.3 : random.whole(0, 5) / 60)
  const minutes: number[] = []
  const first = -(scenario.watchedFrom ?? 10)
  for (let minute = first; minute <= lasts; minute += 2) {
    const at = minute === first ? minute : minute + late()
    if (scenario.unwatched?.some(([from, until]) => at > from && at < until) !== true) minutes.push(at)
  }
  return [...minutes, ...(scenario.checksAt ?? [])].sort((a, b) => a - b)
}

const configs = new Map<string | undefined, Promise<Config>>()

/** The settings of a scenario: the product's defaults, but for what its own configuration says. */
export function configOfScenario({ config }: Scenario): Promise<Config> {
  const known = configs.get(config) ?? configOf(config)
  configs.set(config, known)
  return known
}

/** Plays the scenario on a model of a machine for so many minutes. With `keepFrames` nobody on it is warned: a capture writes to no terminal. */
export async function play(
  scenario: Scenario,
  model: Model,
  given: { readonly lasts: number; readonly seed?: number; readonly keepFrames?: boolean },
): Promise<Played> {
  const world = new World(scenario, model)
  world.isDeaf = given.keepFrames === true
  const config = await configOfScenario(scenario)
  let wallMs = 0
  const files = createMemoryFiles(
    () => wallMs,
    () => 0,
  )
  const seen: Seen[] = []
  let before = Number.NEGATIVE_INFINITY
  for (const minute of checkMinutes(scenario, given.lasts, given.seed)) {
    const atMs = Math.round(minute * MINUTE)
    world.beginCheck(atMs)
    const moment = new Moment(world, atMs)
    wallMs = moment.frame.clocks.wallMs
    let acted: number | undefined
    const cloud = createMemoryCloud({
      name: 'aws',
      id: 'i-0abc',
      startedAt: () => moment.frame.host.startedAt,
      onAct: () => {
        acted = moment.atMs / MINUTE
        return { result: 'accepted', detail: 'in memory: hibernate' }
      },
    })
    const parts = await partsBy({ host: frameHost(moment, files), cloud, paths: pathsOf(undefined) }, config)
    const checked = await checkAndAct(parts)
    const { verdict, phase, reason } = checked.decision
    const { readings, vetoes: standing } = checked.look
    const object = checkObject(parts, checked)
    const looks = given.keepFrames === true ? moment.looks : []
    seen.push({ from: before, at: minute, verdict, state: phase, reason, readings, vetoes: standing, object, looks })
    before = minute
    if (acted !== undefined) return { seen, acted }
  }
  return { seen, acted: undefined }
}
