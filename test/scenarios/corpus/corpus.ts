/** All scenarios of the corpus. */
import { clocks } from './rows/clocks.ts'
import { declared } from './rows/declared.ts'
import { gpus } from './rows/gpus.ts'
import { jobs } from './rows/jobs.ts'
import { people } from './rows/people.ts'
import { table } from './rows/table.ts'
import { traffic } from './rows/traffic.ts'
import type { Scenario } from './scenario.ts'

export const corpus: readonly Scenario[] = [...table, ...people, ...jobs, ...traffic, ...gpus, ...declared, ...clocks]
