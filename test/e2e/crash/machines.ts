// Machines at the point where something is about to happen: the next check acts, or finds the machine back after its stop.
import { cpSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastest, INTERVAL_MS, type Machine, startMachine } from '../machine.ts'
import { type Change, kindOf } from './changes.ts'

/** The second check finds the machine idle, warns, tags, waits for the due time, looks again, and acts. */
export const acting = { ...fastest, hibernate_threshold_minutes: 0.11, check_interval_minutes: 0.06 }

/** When the second check is to begin, counted from the first: idle, and not due for some seconds. */
const IDLE_MS = INTERVAL_MS + 300

/** What it takes to go down, in milliseconds: it lingers as long as a test lasts. */
const LINGERS_MS = 600_000

/** A machine whose next check acts. */
export async function aboutToAct(
  where: { readonly downMs?: number; readonly stateDir?: string } = {},
): Promise<Machine> {
  const { downMs = LINGERS_MS, ...spec } = where
  const delays = { hibernateMs: downMs, stopMs: downMs }
  const machine = await startMachine({ settings: acting, cloud: { delays }, ...spec })
  const first = await machine.check()
  await idleSince(first.check.at)
  return machine
}

/** Waits until a machine that was first checked then (ISO 8601) can be called idle. */
export async function idleSince(at: string): Promise<void> {
  await sleep(Math.max(0, Date.parse(at) + IDLE_MS - Date.now()))
}

/** Machines whose next check is the first after the same stop and a resume. */
export interface Return {
  make(): Promise<Machine>
  close(): Promise<void>
}

/** Has a machine act and go down, whose files all of them are given. */
export async function prepareReturn(): Promise<Return> {
  const first = await aboutToAct({ downMs: 100 })
  try {
    await first.check()
    await first.cloud.waitForState('stopped')
  } catch (error) {
    await first.close()
    throw error
  }
  const tags = Object.fromEntries(first.cloud.instance().tags)
  return {
    async make() {
      const machine = await startMachine({ settings: acting, instance: { tags, launchTime: Date.now() } })
      cpSync(first.stateDir, machine.stateDir, { recursive: true })
      return machine
    },
    close: () => first.close(),
  }
}

/** What changes are of, on this machine. */
export function kindsOf({ stateDir, cloud }: Machine, changes: readonly Change[]): readonly string[] {
  const ports = { [new URL(cloud.apiUrl).port]: 'api', [new URL(cloud.metadataUrl).port]: 'metadata' }
  return changes.map((change) => kindOf(change, stateDir, ports))
}
