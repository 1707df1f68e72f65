/** Every setting of the `idle_detection` block as plain data: type, default, bounds, unit and a sentence, once. */

import { sensors } from '../sensors/table.ts'
import type { Block, Option, Options } from '../types/options.ts'
import type { OptIn } from '../types/outcome.ts'

/** What a setting can hold. */
export type Value = number | boolean | string | readonly string[] | readonly Block[]

/** A setting and its place in the block. */
export interface Setting {
  /** Dotted name below `idle_detection`, such as `sensors.cpu.cores`. */
  readonly name: string
  readonly path: readonly string[]
  readonly option: Option
}

/** What `action` can be. */
export const wantedActions = ['hibernate', 'stop', 'report'] as const

/** What `allow` can list. */
export const optIns = [
  'spot',
  'standby',
  'instance-store-data',
  'flexible-scale-set',
  'scheduled-events',
] as const satisfies readonly OptIn[]

/** What `operator_tags` can be. */
export const tagRules = ['optional', 'required'] as const

/**
 * Begins and consists of what EC2 takes in a tag that its metadata service shows (letters, digits, + - = . , _ : @) and
 * Azure takes in a tag name; leaves out the beginnings that AWS and Azure reserve, in any case.
 */
const tagPrefix =
  '^(?!(?:[aA][wW][sS](?::|$)|[aA][zZ][uU][rR][eE]|[mM][iI][cC][rR][oO][sS][oO][fF][tT]|[wW][iI][nN][dD][oO][wW][sS]))' +
  '[0-9A-Za-z+=.,_:@-]{0,63}[0-9A-Za-z+=.,_@-]$'

const week = 10_080

/** The settings that belong to no sensor. Minutes and hours may be fractions: a demo works with seconds. */
export const general = {
  enabled: {
    type: 'boolean',
    default: true,
    about: 'With false it judges and writes its status as ever, but warns nobody, writes no tags and stops nothing.',
  },
  idle_threshold_minutes: {
    type: 'number',
    default: 5,
    min: 0.05,
    max: week,
    unit: 'minutes',
    about: 'After this long without activity the machine is called idle and everybody on it is warned.',
  },
  hibernate_threshold_minutes: {
    type: 'number',
    default: 10,
    min: 0.05,
    max: week,
    unit: 'minutes',
    about: 'After this long without activity the action is taken; not less than idle_threshold_minutes.',
  },
  check_interval_minutes: {
    type: 'number',
    default: 2,
    min: 0.05,
    max: 60,
    unit: 'minutes',
    about: 'Time from one check to the next; the schedule is made from it.',
  },
  action: {
    type: 'choice',
    values: wantedActions,
    unset: 'follows the cloud: hibernate where it has a driver, else report',
    about:
      'What is done to an idle machine, through its cloud: on Azure one that is shut down from inside is paid for. ' +
      'report only says what would have been done.',
  },
  boot_grace_minutes: {
    type: 'number',
    default: 10,
    min: 0,
    max: 1440,
    unit: 'minutes',
    about:
      'Nothing is counted for this long after a boot or a resume; doubled for each stop of ours in a row in whose run ' +
      'nobody was seen, up to an hour.',
  },
  not_ready_minutes: {
    type: 'number',
    default: 10,
    min: 0,
    max: 120,
    unit: 'minutes',
    about: 'How long hibernation may answer "not ready yet" before the machine is stopped instead.',
  },
  unknown_ceiling_hours: {
    type: 'number',
    default: 24,
    min: 0.01,
    max: 720,
    unit: 'hours',
    about: 'After this long without a verdict an alert is raised; the machine stays up.',
  },
  tag_prefix: {
    type: 'text',
    default: 'CloudWorkstation',
    pattern: tagPrefix,
    rule:
      '1 to 64 letters, digits or + - = . , _ : @, without a colon at the end, ' +
      'and not begin with what a cloud reserves (aws:, azure, microsoft, windows)',
    about: 'What the names of the tags begin with, before the colon.',
  },
  tag_window_minutes: {
    type: 'number',
    default: 0,
    min: 0,
    max: 180,
    unit: 'minutes',
    about:
      'Each machine writes its tags at a moment of its own within this time after they change: for an account in which ' +
      'thousands start together (10,000: 20, 100,000: 180). A stop never waits for it.',
  },
  protected: { type: 'boolean', default: false, about: 'Never act on this machine, only judge.' },
  operator_tags: {
    type: 'choice',
    values: tagRules,
    default: 'optional',
    about:
      'With required, no action is taken while the tags KeepAwakeUntil and Protected cannot be read; ' +
      'with optional, it is where the role or the settings of the instance refuse them, and waits where that may pass.',
  },
  allow: {
    type: 'choices',
    values: optIns,
    default: [],
    about:
      'What may be done although the machine is not its own alone, or loses data by it: stop a Spot instance ' +
      '(on EC2 its request must be persistent), one in Standby in its Auto Scaling group, one with data on instance ' +
      'store or a temporary disk, one in a Flexible scale set; wait for scheduled events of Azure, which slows restarts.',
  },
  metadata_root_only: {
    type: 'boolean',
    default: false,
    about:
      "Only root reaches the instance metadata, and with it the role's credentials; put in force by install, with nftables and systemd.",
  },
  learn_floor: {
    type: 'boolean',
    default: true,
    about:
      'Noise of the system that has been there for three days with nobody raises the limits of cpu, network and disk, up to a ceiling.',
  },
  horizon_minutes: {
    type: 'number',
    default: 15,
    min: 0,
    max: 1440,
    unit: 'minutes',
    about:
      'A cron job, an at job, a systemd timer or a scheduled shutdown that is due so soon is waited for; ' +
      'one that runs so often that no check would fall between is not.',
  },
  'keep.ceiling_hours': {
    type: 'number',
    default: 24,
    min: 0.01,
    max: 720,
    unit: 'hours',
    about:
      "How long a user's leases, however many, keep the machine up without input of that user in a terminal; root's are not bounded. " +
      "Also the bound of users' inhibitors, of a package manager, and of waiting for what is due.",
  },
} as const satisfies Options

function setting(name: string, option: Option): Setting {
  return { name, path: name.split('.'), option }
}

function sensorSettings({ name, options }: { readonly name: string; readonly options: Options }): readonly Setting[] {
  const about = `Whether the ${name} sensor is used; without it, what only it can see does not keep the machine up.`
  const own = Object.entries(options).map(([key, option]) => setting(`sensors.${name}.${key}`, option))
  return [setting(`sensors.${name}.enabled`, { type: 'boolean', default: true, about }), ...own]
}

/** All settings, in the order in which they are declared. */
export const settings: readonly Setting[] = [
  ...Object.entries(general).map(([name, option]) => setting(name, option)),
  ...sensors.flatMap(sensorSettings),
]

/** The names of the sensors that can be configured, in the order of their table. */
export const sensorNames: readonly string[] = sensors.map(({ name }) => name)

/** Can the setting hold this value? The same question that the schema answers, for the hot path, without a message. */
export function fits(option: Option, value: unknown): value is Value {
  if (option.type === 'number') return typeof value === 'number' && value >= option.min && value <= option.max
  if (option.type === 'boolean') return typeof value === 'boolean'
  if (option.type === 'choices') return isListOf(option.values, value)
  if (typeof value !== 'string') return false
  return option.type === 'choice' ? option.values.includes(value) : new RegExp(option.pattern).test(value)
}

function isListOf(allowed: readonly string[], value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one: unknown) => typeof one === 'string' && allowed.includes(one))
}
