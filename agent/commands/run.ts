/** `run`: `check --act` on the configured interval, resident, for hosts without cron. */
import { checkAndAct } from '../agent.ts'
import { LockedError, messageOf, UsageError } from '../errors.ts'
import { replaceFile } from '../host/aside.ts'
import { stateInWords } from '../words.ts'
import { assembleToAct } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { needRoot } from './installation.ts'

/** Checks until the process is ended; a failing check is told and the next one runs. Throws UsageError. */
export async function run(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`run takes no arguments, got ${context.args.join(' ')}`)
  // A state folder of somebody's own is theirs to write.
  if (context.flags.stateDir === undefined) needRoot(context, 'run')
  const beganMs = context.host.clocks().monoMs
  const { config } = await assembleToAct(context)
  return keepChecking(context, { beganMs, everyMs: config.checkIntervalMs })
}

async function keepChecking(
  context: CommandContext,
  { beganMs, everyMs }: { readonly beganMs: number; readonly everyMs: number },
): Promise<never> {
  const { clocks, sleep } = context.host
  for (;;) {
    await checkOnce(context)
    // A check that outlasts its interval (it may wait for the due time) is followed at the next whole one.
    await sleep(everyMs - ((clocks().monoMs - beganMs) % everyMs))
  }
}

/** One of its checks; what it says is printed, and throws nothing that a check throws. The configuration is read anew each time, so a change needs no restart. */
export async function checkOnce(context: CommandContext): Promise<void> {
  const at = new Date(context.host.clocks().wallMs).toISOString()
  try {
    const { parts, cache } = await assembleToAct(context)
    const { decision, deeds } = await checkAndAct(parts)
    const given = parts.cloud.givenConfig?.()
    if (given !== undefined) await (await import('./given-config.ts')).adoptConfig(context, parts, given)
    const { verdict, phase, reason } = decision
    context.out(`${at} ${verdict}${stateInWords({ verdict, state: phase, reason })}: ${reason}`)
    const lost = deeds.find(({ unrecorded }) => unrecorded !== undefined)?.unrecorded
    if (lost !== undefined) context.out(`${at} what this check did is not on record: ${lost}`)
    if (cache !== undefined) await replaceFile(context.host, { path: parts.paths.configCache, mode: 0o600 }, cache)
  } catch (error) {
    if (!(error instanceof LockedError) || error.hanging !== undefined) failed(context, error)
  }
}

function failed(context: CommandContext, error: unknown): void {
  const at = new Date(context.host.clocks().wallMs).toISOString()
  context.out(`${at} this check failed, the next one follows: ${messageOf(error)}`)
}
