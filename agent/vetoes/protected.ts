/** Veto: the configuration protects this machine. */
import type { VetoSource } from './veto.ts'

/** Stands as long as `protected: true` does. */
export const protectedVeto: VetoSource = {
  name: 'protected',
  async read(_host, context) {
    return context.protected
      ? [{ name: 'protected', reason: 'protected by the configuration, as long as it says protected: true' }]
      : []
  },
}
