/** What an operator configures in lists: their options, and the sensors that come of them. Loaded where there are any, and where options are shown. */
import { isObject, type JsonObject } from '../parse.ts'
import type { ListOption } from '../types/options.ts'
import { cpu } from './cpu.ts'
import { disk } from './disk.ts'
import { commandsOption, listedCommands } from './listed-commands.ts'
import { type Ignored, ignoreOptions, ignoringCpu, ignoringDisk, ignoringNetwork } from './listed-ignore.ts'
import { listedProcesses, processesOption } from './listed-processes.ts'
import { listedServices, servicesOption } from './listed-services.ts'
import { network } from './network.ts'
import type { Sensor } from './sensor.ts'

/** Every list, by the name of its setting; adding one is a line here and below. */
export const lists: Readonly<Record<string, ListOption>> = {
  processes: processesOption,
  commands: commandsOption,
  services: servicesOption,
  ...ignoreOptions,
}

/** Sensors that there are only as configured, in the order in which they are read and shown. */
const makers = { processes: listedProcesses, commands: listedCommands, services: listedServices } as const

/** A sensor with its limits. */
interface Configured {
  readonly sensor: Sensor<unknown>
  readonly limits: Readonly<Record<string, number>>
}

/** What the lists make of a check. */
export interface Listed {
  /** The sensors of the table without what is ignored, and those of the lists. */
  around(sensors: readonly Configured[]): readonly Configured[]
  readonly settings: { readonly ignoredUnits: readonly string[] }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function blocksOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Reads lists that have been validated. */
export function readLists(given: ReadonlyMap<string, unknown>): Listed {
  const ignoredUnits = textsOf(given.get('ignore.units'))
  const ignored: Ignored = {
    programs: textsOf(given.get('ignore.programs')),
    interfaces: textsOf(given.get('ignore.interfaces')),
    disks: textsOf(given.get('ignore.disks')),
    units: ignoredUnits.filter((name) => name.endsWith('.service')),
  }
  const made = Object.entries(makers).flatMap(([name, make]): readonly Configured[] => {
    const entries = blocksOf(given.get(name))
    return entries.length === 0 ? [] : [{ sensor: make(entries), limits: {} }]
  })
  const { programs, interfaces, disks, units } = ignored
  const around = (sensor: Sensor<unknown>, wraps: boolean): readonly [string, Sensor<unknown>][] =>
    wraps ? [[sensor.name, sensor]] : []
  const filtered = new Map([
    ...around(ignoringCpu(cpu, ignored), programs.length + units.length > 0),
    ...around(ignoringNetwork(network, ignored), interfaces.length + units.length > 0),
    ...around(ignoringDisk(disk, ignored), disks.length + units.length > 0),
  ])
  return {
    around(sensors) {
      const kept = sensors.map((one) => ({ ...one, sensor: filtered.get(one.sensor.name) ?? one.sensor }))
      return [...kept, ...made]
    },
    settings: { ignoredUnits },
  }
}
