// Machines at the point where something is about to happen: the next check acts, or finds the machine back after its stop.
import { setTimeout as sleep } from 'node:timers/promises'
import { INTERVAL_MS, fastest, type Machine, startMachine } from '../machine.ts'
import { type Change, kindOf } from './changes.ts'

/** The second check finds the machine idle, warns, tags, waits for the due time, looks again, and acts. */
export const acting = { ...fastest, hibernate_threshold_minutes: 0.11, check_interval_minutes: 0.06 }

/** When the second check is to begin, counted from the first: idle, and not due for some seconds. */
const IDLE_MS = INTERVAL_MS + 300

/** What it takes to go down, in milliseconds: it lingers as long as a test lasts. */
const LINGERS_MS = 600_000

/** A machine whose next check acts. */
export async function aboutToAct(downMs = LINGERS_MS): Promise<Machine> {
  const delays = { hibernateMs: downMs, stopMs: downMs }
  const machine = await startMachine({ settings: acting, cloud: { delays } })
  const first = await machine.check()
  await sleep(Date.parse(first.check.at) + IDLE_MS - Date.now())
  return machine
}

/** What changes are of, on this machine. */
export function kindsOf({ stateDir, cloud }: Machine, changes: readonly Change[]): readonly string[] {
  const ports = { [new URL(cloud.apiUrl).port]: 'api', [new URL(cloud.metadataUrl).port]: 'metadata' }
  return changes.map((change) => kindOf(change, stateDir, ports))
}
