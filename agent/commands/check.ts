/** `check`: one evaluation, printed with its evidence; with `--act` also recorded and acted on. */
import { type Checked, checkAndAct, checkByHand } from '../agent.ts'
import { checkLines, checkObject } from '../check/report.ts'
import { HostError, LockedError, UsageError } from '../errors.ts'
import { parseObject } from '../parse.ts'
import { assemble } from './assemble.ts'
import type { CommandContext } from './context.ts'

/** Without an earlier sample a check by hand looks twice, this far apart. */
const GLANCE_MS = 2_000

/** Exit code 3 when the cloud could not be reached or refused; the state is kept and the next check tries again. */
export async function check(context: CommandContext): Promise<number> {
  const act = parseArgs(context.args)
  const { parts, cache } = await assemble(context)
  try {
    const checked = act ? await checkAndAct(parts) : await checkByHand(parts, GLANCE_MS)
    if (context.flags.json) context.out(JSON.stringify(checkObject(parts, checked)))
    else for (const line of checkLines(checked, context.colour)) context.out(line)
    if (act && cache !== undefined) await context.host.store.replace(parts.paths.configCache, cache, 0o600)
    const lost = checked.deeds.find(({ unrecorded }) => unrecorded !== undefined)?.unrecorded
    if (lost !== undefined) throw new HostError(lost)
    return troubled(checked) ? 3 : 0
  } catch (error) {
    if (error instanceof LockedError && error.exitCode === 0) return standing(context, parts.paths.status)
    throw error
  }
}

function parseArgs(args: readonly string[]): boolean {
  const wrong = args.filter((word) => word !== '--act')
  if (wrong.length > 0)
    throw new UsageError(wrong.map((word) => `check does not know ${JSON.stringify(word)}: it takes --act and --json`))
  return args.includes('--act')
}

/** Another check waits under the lock for its due time: its verdict stands. */
async function standing({ host, flags, out }: CommandContext, path: string): Promise<number> {
  const text = await host.store.read(path)
  const { readable } = await import('./status.ts')
  const status = text === undefined ? {} : readable(path, () => parseObject(text))
  if (flags.json) out(JSON.stringify({ ...status, schema: 'idle-agent.check.v1' }))
  else out(`another check waits for the due time: ${String(status['reason'] ?? 'no verdict yet')}`)
  return 0
}

/** A refusal that another way got round in the same check (stop in place of hibernate) leaves nothing to try again. */
function troubled({ look, deeds }: Checked): boolean {
  const call = deeds.findLast((deed) => deed.intentId !== undefined || deed.code !== undefined)
  const untagged = deeds.some((deed) => deed.action === 'tag' && deed.result !== 'done')
  return (
    untagged || (call !== undefined && call.result !== 'done') || look.vetoes.some(({ name }) => name === 'metadata')
  )
}
