/** Veto: somebody asked for the machine to stay up, and that time is not over. */
import { endInWords } from '../leases/lease.ts'
import { readLeases } from '../leases.ts'
import type { VetoSource } from './veto.ts'

/** One veto for each lease that holds, without the name of its owner. */
export const leaseVeto: VetoSource = {
  name: 'lease',
  async read(host, { now, leaseDir, keepCeilingMs }) {
    const { held } = await readLeases(host, leaseDir, { now, ceilingMs: keepCeilingMs })
    return held.map((lease) => ({
      name: 'lease',
      reason: `lease ${endInWords(lease, now)}`,
      ...(lease.reason === '' ? {} : { detail: lease.reason }),
      ...(lease.endsAt === undefined ? {} : { until: lease.endsAt }),
    }))
  },
}
