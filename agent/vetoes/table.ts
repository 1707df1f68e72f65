/** Every veto source, in the order in which their reasons are shown. */
import { inhibitorsVeto } from './inhibitors.ts'
import { leaseVeto } from './lease.ts'
import { protectedVeto } from './protected.ts'
import { scheduledShutdownVeto } from './scheduled-shutdown.ts'
import type { VetoSource } from './veto.ts'

/** One that no check loads before an action is due. */
function whenDue(name: keyof typeof import('./when-due.ts').costly): VetoSource {
  return {
    name,
    onlyWhenDue: true,
    read: async (host, context, signal) => (await import('./when-due.ts')).costly[name].read(host, context, signal),
  }
}

/** Adding one is a file, a test and a line here. */
export const vetoes: readonly VetoSource[] = [
  protectedVeto,
  leaseVeto,
  inhibitorsVeto,
  whenDue('package-manager'),
  whenDue('cloud-init'),
  scheduledShutdownVeto,
  whenDue('cron'),
  whenDue('at'),
  whenDue('anacron'),
  whenDue('timer'),
]
