/** Warns everybody on a terminal, and records that. */
import { type Deed, recordDeed } from '../audit.ts'
import { duration, timeOfDay } from '../decide/words.ts'
import { consolesInUse } from '../sensors/logins.ts'
import { readMirrors } from '../sensors/mirrors.ts'
import { processTable } from '../sensors/processes.ts'
import type { OwnDeeds } from '../sensors/sensor.ts'
import { terminalId } from '../sensors/terminals.ts'
import type { Instant, WantedAction } from '../types.ts'
import { type Screens, warning, warnTerminals } from '../warn.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

const LOOK_MS = 4_000

/** What telling people has changed and left. */
export interface Told {
  /** Terminals that were written to. */
  readonly warned: OwnDeeds['warned']
  readonly deeds: readonly Deed[]
}

/** Tells everybody what is going to be done, and when. Times as of this run of the machine. */
export async function tellPeople(
  parts: Parts,
  { idleSince, due, doing }: { readonly idleSince: Instant; readonly due: Instant; readonly doing: WantedAction },
): Promise<Told> {
  const now = parts.host.clocks()
  const quiet = duration(now.monoMs - idleSince)
  const at = timeOfDay(Math.max(due, now.monoMs), now)
  const screens = await lookForScreens(parts)
  const text = warning({ quiet, doing, at })
  const { told, touched } = await warnTerminals(parts.host, text, screens)
  const terminals = `${told} ${told === 1 ? 'terminal' : 'terminals'}`
  const deed: Deed = { action: 'warn', result: 'done', detail: `${terminals} told: ${doing} at ${at}` }
  return { warned: touched, deeds: [await recordDeed(parts.host, parts.paths.audit, deed)] }
}

/** Told twice is better than not told: where it cannot be seen which terminals show others, none does. */
async function lookForScreens(parts: Parts): Promise<Screens> {
  // A Host object of its own, so that the process table is of now.
  const host = { ...parts.host }
  try {
    return await within(host, { ms: LOOK_MS, what: 'terminals' }, async (signal) => {
      const mirrors = await readMirrors(host, signal)
      const consoles = consolesInUse(await processTable(host, signal))
      return { consoles, shows: (stat) => mirrors.has(terminalId(stat)) }
    })
  } catch (error) {
    if (error instanceof Error) return { consoles: [], shows: () => false }
    throw error
  }
}
