/** `replay`: a capture judged again, check by check, with nothing but what is in it. */
import { framesOf } from '../check/frames.ts'
import { type Replayed, replayFrames } from '../check/replay.ts'
import { UsageError } from '../errors.ts'
import { linesOf } from '../host/frame-files.ts'
import { readConfig } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { sortArguments } from './flag-values.ts'
import { createTimeline } from './verdicts.ts'

const PROGRESS_MS = 2000

interface Asked {
  readonly path: string
  readonly fromMs: number
  readonly untilMs: number
}

/** Prints one check object for each frame (`--json`), or what changed. Throws UsageError with all that is wrong with the frames. */
export async function replay(context: CommandContext): Promise<number> {
  const { path, fromMs, untilMs } = parseArgs(context.args)
  // No command is run: what one said is in the frames.
  const { config } = await readConfig(context, { runsNothing: true })
  const timeline = createTimeline(context.colour)
  const progress = createProgress(context)
  const frames = framesOf(linesOf(path), path === '-' ? 'stdin' : path)
  for await (const one of replayFrames(frames, { config })) {
    progress(one)
    const { wallMs } = one.frame.clocks
    if (wallMs < fromMs || wallMs > untilMs) continue
    if (context.flags.json) context.out(JSON.stringify(one.object))
    else for (const line of timeline.add(one)) context.out(line)
  }
  if (!context.flags.json) for (const line of timeline.end()) context.out(line)
  return 0
}

function parseArgs(args: readonly string[]): Asked {
  const { values, words } = sortArguments('replay', args, { valued: ['--from', '--until'], plain: [], words: 1 })
  const [path] = words
  if (path === undefined) throw new UsageError('replay needs a FILE, or - for stdin (idle-agent help replay)')
  return {
    path,
    fromMs: timeIn(values.get('--from')) ?? Number.NEGATIVE_INFINITY,
    untilMs: timeIn(values.get('--until')) ?? Number.POSITIVE_INFINITY,
  }
}

/** As the lines show it: without a zone it is UTC. */
function timeIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, day, time = '00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const ms = Date.parse(`${day}T${time}${zone}`)
  if (Number.isNaN(ms)) throw new UsageError(`"${text}" is no time; write it as 2030-11-28T18:00Z`)
  return ms
}

/** On stderr, where it takes long. */
function createProgress({ host, err }: CommandContext): (one: Replayed) => void {
  let told = host.clocks().monoMs
  let count = 0
  return ({ object }) => {
    count += 1
    const now = host.clocks().monoMs
    if (now - told < PROGRESS_MS) return
    told = now
    err?.(`replayed ${count} checks, up to ${String(object['at'])}`)
  }
}
