/** `check`: one evaluation, printed with its evidence; with `--act` also recorded and acted on. */
import { type Checked, checkAndAct, checkByHand } from '../agent.ts'
import { boundLog } from '../check/bound-log.ts'
import { type Parts, pathsOf } from '../check/parts.ts'
import { checkLines, checkObject } from '../check/report.ts'
import { HostError, LockedError, UsageError } from '../errors.ts'
import { replaceFile } from '../host/aside.ts'
import { parseObject } from '../parse.ts'
import { assemble, assembleToAct } from './assemble.ts'
import type { CommandContext } from './context.ts'

/** Without an earlier sample a check by hand looks twice, this far apart. */
const GLANCE_MS = 2_000

/** Exit code 3 when the cloud could not be reached or refused; the state is kept and the next check tries again. */
export async function check(context: CommandContext): Promise<number> {
  const act = parseArgs(context.args)
  // First, since what is wrong below may be said at every check.
  if (act) await boundLog(context.host, pathsOf(context.flags.stateDir).log)
  const { parts, cache } = await (act ? assembleToAct : assemble)(context)
  try {
    const checked = act ? await checkAndAct(parts) : await checkByHand(parts, GLANCE_MS)
    await print(context, parts, { ...checked, byHand: !act })
    const given = act ? parts.cloud.givenConfig?.() : undefined
    if (given !== undefined) await (await import('./given-config.ts')).adoptConfig(context, parts, given)
    const path = parts.paths.configCache
    if (act && cache !== undefined) await replaceFile(context.host, { path, mode: 0o600 }, cache)
    const lost = checked.deeds.find(({ unrecorded }) => unrecorded !== undefined)?.unrecorded
    if (lost !== undefined) throw new HostError(lost)
    return troubled(checked) ? 3 : 0
  } catch (error) {
    if (error instanceof LockedError && error.exitCode === 0) return standing(context, parts)
    throw error
  }
}

function parseArgs(args: readonly string[]): boolean {
  const wrong = args.filter((word) => word !== '--act')
  if (wrong.length > 0)
    throw new UsageError(wrong.map((word) => `check does not know ${JSON.stringify(word)}: it takes --act and --json`))
  return args.includes('--act')
}

/** Another check waits under the lock for its due time: its verdict stands. Where that was lost, a look by hand says what it would say. */
async function standing(context: CommandContext, parts: Parts): Promise<number> {
  const { status: path } = parts.paths
  const text = await context.host.store.read(path)
  if (text === undefined) {
    const looked = await checkByHand(parts, GLANCE_MS)
    const notes = [...looked.notes, 'not recorded: another check waits for its due time']
    await print(context, parts, { ...looked, notes, byHand: false })
    return 0
  }
  const { readable } = await import('./status.ts')
  const status = readable(path, () => parseObject(text))
  if (context.flags.json) context.out(JSON.stringify({ ...status, schema: 'idle-agent.check.v1' }))
  else context.out(`another check waits for the due time: ${String(status['reason'])}`)
  return 0
}

async function print(
  { flags, out, colour }: CommandContext,
  parts: Parts,
  checked: Checked & { readonly byHand: boolean },
): Promise<void> {
  if (flags.json) return out(JSON.stringify(checkObject(parts, checked)))
  const unrecorded = checked.byHand && checked.decision.interval.newRun
  const watched = parts.cloud.defaultAction === 'report'
  // Loaded where there is more to say than the evidence: never by the schedule of a machine that can be stopped.
  const { shown, more } =
    unrecorded || watched
      ? (await import('./check-beside.ts')).beside(checked, {
          unrecorded,
          watched,
          grace: parts.policy.bootGraceMs > 0,
        })
      : { shown: checked, more: [] }
  for (const line of [...checkLines(shown, colour), ...more]) out(line)
}

/** A refusal that another way got round in the same check (stop in place of hibernate) leaves nothing to try again. */
function troubled({ look, deeds }: Checked): boolean {
  const call = deeds.findLast((deed) => deed.intentId !== undefined || deed.code !== undefined)
  const untagged = deeds.some((deed) => deed.action === 'tag' && deed.result !== 'done')
  return (
    untagged || (call !== undefined && call.result !== 'done') || look.vetoes.some(({ name }) => name === 'metadata')
  )
}
