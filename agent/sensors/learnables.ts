/** By sensor: what of it is learned. Loaded only where something is known, or learned. */
import { cpuFloor } from './cpu-floor.ts'
import { diskFloor } from './disk-floor.ts'
import type { Learnable } from './learnable.ts'
import { networkFloor } from './network-floor.ts'

export const learnables: Readonly<Record<string, Learnable<unknown>>> = {
  cpu: cpuFloor,
  network: networkFloor,
  disk: diskFloor,
}
