/** `run`: `check --act` on the configured interval, resident, for hosts without cron. */
import { checkAndAct } from '../agent.ts'
import { LockedError, messageOf, UsageError } from '../errors.ts'
import { replaceFile } from '../host/aside.ts'
import type { Resident } from '../host/host.ts'
import { stateInWords } from '../words.ts'
import { assembleToAct } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { needRoot } from './installation.ts'

/** It is to idle under 60 MB, and a check adds to what is held. */
const MOST_BYTES = 58_000_000
/** To hold less takes 0.1 s of CPU: 6 s a day where each check needs more than that. */
const CHECKS_BETWEEN = 15
/** So long before the next check nothing is begun anew any more, or that might be left out. */
const START_MS = 2_000

/** Checks begin at whole intervals from a moment on the monotonic clock; it is left in the environment for the program that begins anew. */
interface Schedule {
  readonly beganMs: number
  readonly everyMs: number
}
const LEFT = 'IDLE_AGENT_SCHEDULE'

/** Checks until the process is ended; a failing check is told and the next one runs. Throws UsageError. */
export async function run(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`run takes no arguments, got ${context.args.join(' ')}`)
  // A state folder of somebody's own is theirs to write.
  if (context.flags.stateDir === undefined) needRoot(context, 'run')
  const resident = await context.host.self.resident?.()
  resident?.preferLittle()
  return keepChecking(context, resident)
}

async function keepChecking(context: CommandContext, resident: Resident | undefined): Promise<never> {
  const { clocks, env, sleep } = context.host
  const left = parseSchedule(env(LEFT), clocks().monoMs)
  const { beganMs, everyMs } = left ?? (await firstSchedule(context))
  // A check that outlasts its interval (it may wait for the due time) is followed at the next whole one.
  const untilNextMs = () => everyMs - ((clocks().monoMs - beganMs) % everyMs)
  if (left !== undefined) await sleep(untilNextMs())
  // The first check of all may have read the configuration and written the tags, and holds what that took.
  for (let checks = left === undefined ? CHECKS_BETWEEN : 1; ; checks += 1) {
    await checkOnce(context)
    const may = checks >= CHECKS_BETWEEN && untilNextMs() > START_MS
    if (may && resident?.holdLess(MOST_BYTES, { [LEFT]: `${beganMs} ${everyMs}` }) === true) checks = 0
    await sleep(untilNextMs())
  }
}

/** From now on. Throws UsageError: later, a configuration that is wrong keeps nothing from going on. */
async function firstSchedule(context: CommandContext): Promise<Schedule> {
  const beganMs = context.host.clocks().monoMs
  const { config } = await assembleToAct(context)
  return { beganMs, everyMs: config.checkIntervalMs }
}

function parseSchedule(text: string | undefined, nowMs: number): Schedule | undefined {
  const [, began, every] = /^(\d{1,15}(?:\.\d{1,9})?) ([1-9]\d{3,8})$/.exec(text ?? '') ?? []
  if (began === undefined || Number(began) > nowMs) return undefined
  return { beganMs: Number(began), everyMs: Number(every) }
}

/** One of its checks; what it says is printed, and throws nothing that a check throws. The configuration is read anew each time, so a change needs no restart; one of the interval does. */
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
