/** What the settings must be, and should be, in view of each other. */
import type { Value } from './options.ts'
import { sensorNames, settings } from './options.ts'

/** A finding about one setting that another one causes. */
export interface Finding {
  /** Names of the settings that take part; it is reported at the first that is in the file. */
  readonly names: readonly string[]
  readonly message: string
}

/** The effective value of a setting, and whether it was given. */
export interface Effective {
  value(name: string): Value | undefined
  given(name: string): boolean
}

const idle = 'idle_threshold_minutes'
const act = 'hibernate_threshold_minutes'
const interval = 'check_interval_minutes'
const grace = 'boot_grace_minutes'

function numberOf({ value }: Effective, name: string): number {
  const found = value(name)
  return typeof found === 'number' ? found : Number.NaN
}

/** `10`, or `10, the default`. */
function quoted(all: Effective, name: string): string {
  return `${numberOf(all, name)}${all.given(name) ? '' : ', the default'}`
}

/** What makes the configuration unusable although each value is legal. */
export function contradictions(all: Effective): readonly Finding[] {
  const found: Finding[] = []
  if (numberOf(all, idle) > numberOf(all, act)) {
    found.push(
      all.given(act)
        ? { names: [act], message: `must not be less than ${idle} (${quoted(all, idle)}), got ${numberOf(all, act)}` }
        : { names: [idle], message: `must not be more than ${act} (${quoted(all, act)}), got ${numberOf(all, idle)}` },
    )
  }
  const switches = sensorNames.map((name) => `sensors.${name}.enabled`)
  if (switches.every((name) => all.value(name) === false)) {
    found.push({ names: switches, message: 'at least one sensor must stay enabled, or nothing would be seen' })
  }
  return found
}

function entriesOf({ value }: Effective, name: string): readonly Exclude<Value, string | number | boolean>[number][] {
  const entries = value(name)
  return typeof entries === 'object' ? entries : []
}

const everything = /^\*+$/

/** Patterns that fit everything, and patterns where there are none. */
function patternOddities(all: Effective): readonly Finding[] {
  const found: Finding[] = []
  for (const one of entriesOf(all, 'processes')) {
    if (typeof one !== 'object' || !everything.test(String(one['name']))) continue
    if (one['argument'] !== undefined || one['min_cpu_cores'] !== undefined || one['user'] !== undefined) continue
    const message = `the name "${String(one['name'])}" fits every program, and the machine always stays up`
    found.push({ names: ['processes'], message })
  }
  for (const name of ['ignore.interfaces', 'ignore.disks']) {
    const star = entriesOf(all, name).find((one) => typeof one === 'string' && everything.test(one))
    if (star !== undefined) found.push({ names: [name], message: `"${String(star)}" leaves out all there are` })
  }
  const starred = entriesOf(all, 'ignore.programs').find((one) => typeof one === 'string' && one.includes('*'))
  if (starred !== undefined) {
    const message = `"${String(starred)}" is a whole name, in which * stands for itself`
    found.push({ names: ['ignore.programs'], message })
  }
  return found
}

/** What is legal and perhaps not meant. */
export function oddities(all: Effective): readonly Finding[] {
  const found: Finding[] = [...patternOddities(all)]
  const [every, early, late] = [numberOf(all, interval), numberOf(all, idle), numberOf(all, act)]
  if (every > early) {
    const [name, effect] =
      every > late
        ? [act, 'the machine stays up that much longer']
        : [idle, 'people on the machine are warned that much later']
    found.push({ names: [interval, name], message: `${every} is more than ${name} (${quoted(all, name)}): ${effect}` })
  }
  for (const { name, path } of settings) {
    if (!name.endsWith('_hold_minutes') || all.value(`${path.slice(0, -1).join('.')}.enabled`) === false) continue
    const hold = numberOf(all, name)
    if (late < hold) continue
    found.push({ names: [name, act], message: `${hold} has no effect: ${act} (${quoted(all, act)}) is not shorter` })
  }
  if (numberOf(all, grace) === 0) {
    found.push({ names: [grace], message: '0: a machine that was just started is judged before anybody can log in' })
  }
  return found
}
