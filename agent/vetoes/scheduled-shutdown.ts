/** Veto: somebody has scheduled a shutdown or reboot that is near. */
import { changedAt, inDoubt, untilWords } from './ends.ts'
import type { VetoSource } from './veto.ts'

/** What `shutdown +30` leaves (logind-dbus.c): USEC, the time since the epoch in microseconds, and MODE. */
const path = '/run/systemd/shutdown/scheduled'

/** From the scheduled time until the machine is surely on its way down. */
const underWayMs = 120_000

/** The moment and the kind of a scheduled shutdown. Throws where it is not understood. */
export function parseScheduled(text: string): { readonly wallMs: number; readonly mode: string } {
  const usec = /^USEC=(\d{1,16})\n/m.exec(text)?.[1]
  if (usec === undefined) throw new Error('the scheduled shutdown is not understood')
  const mode = /^MODE=([a-z-]{1,20})$/m.exec(text)?.[1] ?? 'shutdown'
  return { wallMs: Number(usec) / 1000, mode }
}

/**
 * Within `horizon_minutes` their plan is waited for: who planned it may have started what is to end by then, and a machine
 * that hibernated instead would go down in the moment somebody comes back. One that is further away is not: the machine
 * stops now and not then.
 */
export const scheduledShutdownVeto: VetoSource = {
  name: 'shutdown',
  async read(host, context) {
    const text = await host.readText(path)
    if (text === undefined) return []
    const { now, horizonMs } = context
    let scheduled: ReturnType<typeof parseScheduled>
    try {
      scheduled = parseScheduled(text)
    } catch {
      const madeAt = changedAt((await host.stat(path))?.mtimeMs ?? now.wallMs, now)
      return inDoubt(context, { name: 'shutdown', reason: `${path} cannot be understood`, madeAt })
    }
    const { wallMs, mode } = scheduled
    const until = now.monoMs + wallMs - now.wallMs + underWayMs
    // A dry run only says so.
    if (mode.startsWith('dry-') || wallMs > now.wallMs + horizonMs || until <= now.monoMs) return []
    return [{ name: 'shutdown', reason: `a ${mode} is scheduled; it is waited for ${untilWords(until, now)}`, until }]
  },
}
