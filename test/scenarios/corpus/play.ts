/** Plays a scenario: the real check, every two minutes, on the frames of its machine, until it acts or the time is over. */
import { checkAndAct } from '../../../agent/agent.ts'
import { partsBy } from '../../../agent/check/configured.ts'
import { pathsOf } from '../../../agent/check/parts.ts'
import { checkObject } from '../../../agent/check/report.ts'
import type { Config } from '../../../agent/config.ts'
import type { Host } from '../../../agent/host/host.ts'
import type { NamedReading, Veto } from '../../../agent/types.ts'
import { iso } from '../../../agent/words.ts'
import { createMemoryCloud } from '../../host/memory-cloud.ts'
import { createMemoryFiles } from '../../host/memory-files.ts'
import { configOf } from '../../replay/frames.ts'
import { createRandom } from '../random.ts'
import type { Frame } from './frame.ts'
import { frameHost, Moment } from './frame-host.ts'
import type { Scenario } from './scenario.ts'
import { askWhy, beforeStop, comesBack, idOf, type Told, toldOf } from './told.ts'
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
  /** What `why` said, where it was asked: after each check with another cause. */
  readonly told: readonly Told[]
  /** What it said at the end of those of these moments that a check vouches for. */
  readonly toldLater: readonly Told[]
  /** The last use before the stop, as `why` names it once the machine is back. */
  readonly before?: string
}

/** When checks run, in minutes: every two minutes, later by chance where `seed` is given (0 to 5 s, and 18 s in one of fifty). */
export function checkMinutes(scenario: Scenario, lasts: number, seed?: number): readonly number[] {
  const random = seed === undefined ? undefined : createRandom(seed)
  const late = () => (random === undefined ? 0 : random.chance(0.02) ? 0.3 : random.whole(0, 5) / 60)
  const minutes: number[] = []
  const first = -(scenario.watchedFrom ?? 10)
  for (let minute = first; minute <= lasts; minute += scenario.every ?? INTERVAL_MS / MINUTE) {
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

interface Given {
  /** Minutes. */
  readonly lasts: number
  readonly seed?: number
  /** Nobody on it is warned: a capture writes to no terminal. */
  readonly keepFrames?: boolean
  /** `why` is asked, too. */
  readonly asksWhy?: boolean
}

/** A machine on which checks run; its clock is that of the last one. */
class Stage {
  #wallMs = 0
  readonly files = createMemoryFiles(
    () => this.#wallMs,
    () => 0,
  )
  readonly #config: Config

  constructor(config: Config) {
    this.#config = config
  }

  async check(world: World, minute: number) {
    const atMs = Math.round(minute * MINUTE)
    world.beginCheck(atMs)
    const moment = new Moment(world, atMs)
    this.#wallMs = moment.frame.clocks.wallMs
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
    const host = frameHost(moment, this.files)
    const parts = await partsBy({ host, cloud, paths: pathsOf(undefined) }, this.#config)
    const checked = await checkAndAct(parts)
    return { host, moment, checked, acted, object: checkObject(parts, checked) }
  }
}

/** Plays the scenario on a model of a machine for so many minutes. */
export async function play(scenario: Scenario, model: Model, given: Given): Promise<Played> {
  const world = new World(scenario, model)
  world.isDeaf = given.keepFrames === true
  const stage = new Stage(await configOfScenario(scenario))
  const seen: Seen[] = []
  const told: Told[] = []
  let before = Number.NEGATIVE_INFINITY
  let last: Host | undefined
  let acted: number | undefined
  for (const minute of checkMinutes(scenario, given.lasts, given.seed)) {
    const { host, moment, checked, object, ...one } = await stage.check(world, minute)
    const { verdict, phase, reason } = checked.decision
    const { readings, vetoes } = checked.look
    const looks = given.keepFrames === true ? moment.looks : []
    seen.push({ from: before, at: minute, verdict, state: phase, reason, readings, vetoes, object, looks })
    before = minute
    last = host
    acted = one.acted
    if (acted !== undefined) break
    if (given.asksWhy !== true || idOf(object['cause']) === told.at(-1)?.id) continue
    told.push({ ...toldOf(await askWhy(host), minute), follows: checked.decision.interval.kind === 'steady' })
  }
  if (given.asksWhy !== true || last === undefined) return { seen, acted, told, toldLater: [] }
  const toldLater = await laterOf(world, told, last)
  if (acted === undefined) return { seen, acted, told, toldLater }
  const { host } = await stage.check(new World(comesBack(scenario, acted), model), acted + 2)
  return { seen, acted, told, toldLater, before: beforeStop(await askWhy(host)) }
}

/** The same moments, from the history alone: half a minute before the check, which judged the time before it. */
async function laterOf(world: World, told: readonly Told[], host: Host): Promise<readonly Told[]> {
  const later: Told[] = []
  for (const { at, follows } of told) {
    if (follows !== true) continue
    const wallMs = world.clockwork.wallAt(Math.round(at * MINUTE)) - MINUTE / 2
    later.push(toldOf(await askWhy(host, ['--at', iso(wallMs)]), at))
  }
  return later
}
