/** The veto sources that are read only when an action is due, and loaded only then. */
import { anacronVeto } from './anacron.ts'
import { atVeto } from './at.ts'
import { cloudInitVeto } from './cloud-init.ts'
import { cronVeto } from './cron.ts'
import { packageManagerVeto } from './package-manager.ts'
import { timersVeto } from './timers.ts'

/** By the name that the table gives them. */
export const costly = {
  'package-manager': packageManagerVeto,
  'cloud-init': cloudInitVeto,
  cron: cronVeto,
  at: atVeto,
  anacron: anacronVeto,
  timer: timersVeto,
} as const
