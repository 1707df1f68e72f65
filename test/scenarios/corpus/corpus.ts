/** All scenarios of the corpus. */
import { sensors } from '../../../agent/sensors/table.ts'
import { clocks } from './rows/clocks.ts'
import { declared } from './rows/declared.ts'
import { desktops } from './rows/desktops.ts'
import { editors } from './rows/editors.ts'
import { gpus } from './rows/gpus.ts'
import { jobs } from './rows/jobs.ts'
import { lists } from './rows/lists.ts'
import { nodes } from './rows/nodes.ts'
import { noise } from './rows/noise.ts'
import { notebooks } from './rows/notebooks.ts'
import { people } from './rows/people.ts'
import { table } from './rows/table.ts'
import { traffic } from './rows/traffic.ts'
import type { Scenario } from './scenario.ts'

const all: readonly Scenario[] = [
  ...table,
  ...people,
  ...jobs,
  ...traffic,
  ...gpus,
  ...declared,
  ...clocks,
  ...notebooks,
  ...nodes,
  ...editors,
  ...desktops,
  ...lists,
  ...noise,
]

/** Those whose sensor there is. */
export const corpus: readonly Scenario[] = all.filter(
  ({ needs }) => needs === undefined || sensors.some(({ name }) => name === needs),
)
