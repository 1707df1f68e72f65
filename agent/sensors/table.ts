/** All sensors, in the order in which they are read and shown; adding one is one line. */
import { containers } from './containers.ts'
import { cpu } from './cpu.ts'
import { desktops } from './desktops.ts'
import { disk } from './disk.ts'
import { editors } from './editors.ts'
import { gpu } from './gpu.ts'
import { network } from './network.ts'
import { notebooks } from './notebooks.ts'
import { schedulers } from './schedulers.ts'
import type { Sensor } from './sensor.ts'
import { sessions } from './sessions.ts'

export const sensors: readonly Sensor<unknown>[] = [
  cpu, //
  sessions,
  editors,
  desktops,
  network,
  disk,
  gpu,
  containers,
  schedulers,
  notebooks,
]
