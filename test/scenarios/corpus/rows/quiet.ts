/** Machines that nobody needs. */
import type { Scenario } from '../scenario.ts'

export const quiet: readonly Scenario[] = [
  {
    id: 'nobody',
    row: 'node exporter scraped every 15 s, log shipper, cloud agent, chrony',
    made: 'written',
    happens: [],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
]
