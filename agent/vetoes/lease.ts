/** Veto: somebody asked for the machine to stay up, and that time is not over. */
import { OTHERS } from '../leases/chain.ts'
import { endInWords } from '../leases/lease.ts'
import { readLeases } from '../leases/read.ts'
import { usersBehind } from '../leases/subordinate.ts'
import type { Veto } from '../types.ts'
import type { VetoSource } from './veto.ts'

/** One veto for each lease that holds, without the name of its owner, but with whose ceiling it is under. */
export const leaseVeto: VetoSource = {
  name: 'lease',
  async read(host, { now, leaseDir }) {
    const { held, unread } = await readLeases(host, leaseDir, now)
    const users = await usersBehind(host, new Set(held.map(({ uid }) => uid)))
    const vetoes = held.map((lease): Veto => {
      const holder = lease.uid === 0 ? {} : { holder: users.get(lease.uid) ?? lease.uid }
      return {
        name: 'lease',
        reason: `lease ${endInWords(lease, now)}`,
        ...(lease.reason === '' ? {} : { detail: lease.reason }),
        ...(lease.endsAt === undefined ? {} : { until: lease.endsAt }),
        ...holder,
      }
    })
    if (unread === 0) return vetoes
    const files = unread === 1 ? '1 file' : `${unread} files`
    const reason = `${files} in ${leaseDir} not read: refused, or too many; remove what nobody needs`
    return [...vetoes, { name: 'lease', reason, holder: OTHERS }]
  },
}
