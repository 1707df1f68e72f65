/** The notebooks sensor: kernels of Jupyter and sessions of RStudio, whether they work, are used, or are only open. */
import type { Options } from '../types/options.ts'
import { type GatedSample, gated } from './gated.ts'
import { connectionHold } from './hold-option.ts'
import type { NotebooksSample } from './notebook-seats.ts'
import { processTable } from './processes.ts'
import type { Sensor } from './sensor.ts'

export const notebooksOptions = {
  connection_hold_minutes: connectionHold(
    'how long an open notebook, RStudio session, or kernel that nobody can ask, can hold the machine, from the last real activity; a kernel used at every check for longer is only polled',
  ),
  busy_hours: {
    type: 'number',
    default: 24,
    min: 0.01,
    max: 8760,
    unit: 'hours',
    about:
      'how long a kernel that is busy, or used without a pause of an hour, counts as activity; what it uses (CPU, network, disk, GPU) counts as ever',
  },
} as const satisfies Options

/** Without one of these there is no kernel: it runs in one, or one has started it. */
const maybe = /^(python|pypy|jupyter|julia|rsession$|R$)/

/** Kernels and sessions by their processes, and by what their server tells root. */
export const notebooks: Sensor<GatedSample<NotebooksSample>, typeof notebooksOptions> = gated({
  name: 'notebooks',
  sampleVersion: 1,
  options: notebooksOptions,
  absence: 'no notebook kernel or RStudio session runs here',
  async present(host, signal) {
    const table = await processTable(host, signal)
    if (![...table.values()].some(({ comm }) => maybe.test(comm))) return false
    return (await import('./notebook-kernels.ts')).hasSeat(host, table, signal)
  },
  load: async () => (await import('./notebook-judge.ts')).subject,
})
