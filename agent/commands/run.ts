/** `run`: `check --act` on the configured interval, resident, for hosts without cron. */
import { checkAndAct } from '../agent.ts'
import { LockedError, messageOf, UsageError } from '../errors.ts'
import { stateInWords } from '../words.ts'
import { assembleToAct } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { needRoot } from './installation.ts'

/** Checks until the process is ended; a failing check is told and the next one runs. Throws UsageError. */
export async function run(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`run takes no arguments, got ${context.args.join(' ')}`)
  // A state folder of somebody's own is theirs to write.
  if (context.flags.stateDir === undefined) needRoot(context, 'run')
  const { config } = await assembleToAct(context)
  const pattern = cronPattern(config.checkIntervalMs / 1000)
  if (pattern === undefined) {
    const minutes = config.checkIntervalMs / 60_000
    throw new UsageError(
      `idle_detection.check_interval_minutes: run cannot check every ${minutes} minutes; take whole seconds or minutes that divide 60`,
    )
  }
  const { schedule } = await import('node-cron')
  await checkOnce(context)
  schedule(pattern, () => checkOnce(context), {
    noOverlap: true,
    logger: { ...quiet, error: (message) => failed(context, message) },
  })
  return new Promise(() => undefined)
}

/** A check that outlasts its interval (it may wait for the due time) is no news; the scheduler would tell it in its own words and colours. */
const quiet = { info: () => undefined, warn: () => undefined, debug: () => undefined }

/** The six fields of node-cron for an interval that divides a minute or an hour evenly; else `undefined`. */
function cronPattern(seconds: number): string | undefined {
  if (Number.isInteger(seconds) && seconds >= 1 && 60 % seconds === 0)
    return seconds === 60 ? '0 * * * * *' : `*/${seconds} * * * * *`
  const minutes = seconds / 60
  if (Number.isInteger(minutes) && minutes >= 1 && 60 % minutes === 0)
    return minutes === 60 ? '0 0 * * * *' : `0 */${minutes} * * * *`
  return undefined
}

/** One of its checks; what it says is printed, and throws nothing that a check throws. The configuration is read anew each time, so a change needs no restart. */
export async function checkOnce(context: CommandContext): Promise<void> {
  const at = new Date(context.host.clocks().wallMs).toISOString()
  try {
    const { parts } = await assembleToAct(context)
    const { decision, deeds } = await checkAndAct(parts)
    const given = parts.cloud.givenConfig?.()
    if (given !== undefined) await (await import('./given-config.ts')).adoptConfig(context, parts, given)
    const { verdict, phase, reason } = decision
    context.out(`${at} ${verdict}${stateInWords({ verdict, state: phase, reason })}: ${reason}`)
    const lost = deeds.find(({ unrecorded }) => unrecorded !== undefined)?.unrecorded
    if (lost !== undefined) context.out(`${at} what this check did is not on record: ${lost}`)
  } catch (error) {
    if (!(error instanceof LockedError) || error.hanging !== undefined) failed(context, error)
  }
}

function failed(context: CommandContext, error: unknown): void {
  const at = new Date(context.host.clocks().wallMs).toISOString()
  context.out(`${at} this check failed, the next one follows: ${messageOf(error)}`)
}
