/** Every veto source, in the order in which their reasons are shown. */
import { leaseVeto } from './lease.ts'
import { packageManagerVeto } from './package-manager.ts'
import { protectedVeto } from './protected.ts'
import type { VetoSource } from './veto.ts'

/** Adding one is a file, a test and a line here. */
export const vetoes: readonly VetoSource[] = [protectedVeto, leaseVeto, packageManagerVeto]
