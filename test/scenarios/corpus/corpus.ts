/** All scenarios of the corpus. */
import { table } from './rows/table.ts'
import type { Scenario } from './scenario.ts'

export const corpus: readonly Scenario[] = [...table]
