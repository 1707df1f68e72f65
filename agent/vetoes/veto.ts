/** What a veto source is: it reads the host and says what forbids acting now. */
import type { Host } from '../host/host.ts'
import type { Clocks, Instant, Veto } from '../types.ts'

export interface VetoContext {
  readonly now: Clocks
  readonly leaseDir: string
  readonly keepCeilingMs: number
  /** How far ahead something that is certain to happen is waited for. */
  readonly horizonMs: number
  /** Between two checks, as configured. */
  readonly intervalMs: number
  /** When the machine was last in use, as far as the check before knew; `undefined` in a new run of the machine. */
  readonly idleSince?: Instant
  readonly protected: boolean
  /** Services and timers that the operator counts to housekeeping. */
  readonly ignoredUnits?: readonly string[]
}

export interface VetoSource {
  readonly name: string
  /** Too costly for every check: read only when an action is due. */
  readonly onlyWhenDue?: true
  /** Everything that forbids acting now. A throw counts as a veto that names the failure. */
  read(host: Host, context: VetoContext, signal: AbortSignal): Promise<readonly Veto[]>
}
