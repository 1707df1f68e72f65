/** Runs the agent over frames: the same sensors and the same decision as on the machine, with its own files and its cloud in memory. */
import { type Checked, checkAndAct } from '../agent.ts'
import { createRecorded } from '../clouds/recorded.ts'
import type { Config } from '../config.ts'
import type { Frame } from '../host/frame.ts'
import { createReplay } from '../host/replay.ts'
import { partsBy } from './configured.ts'
import { type Parts, type Paths, pathsOf } from './parts.ts'
import { checkObject } from './report.ts'

/** One check of a replay. */
export interface Replayed {
  readonly frame: Frame
  readonly checked: Checked
  /** The object of `check --json`. */
  readonly object: Record<string, unknown>
}

/** The agent's files in a capture, wherever they were on the machine. */
export const capturedPaths: Paths = pathsOf(undefined)

/** Is it something that the agent finds, other than what it wrote itself: a lease, the stamp of a resume, a file of the system? */
export function isInput(path: string): boolean {
  const { stateDir, runDir, logDir, note, leases, resumed } = capturedPaths
  if (path === resumed || path === leases || path.startsWith(`${leases}/`)) return true
  return path !== note && ![stateDir, runDir, logDir].some((folder) => path === folder || path.startsWith(`${folder}/`))
}

/** One check over what the host and the cloud of `parts` say. */
export async function checkOnce(parts: Parts): Promise<Omit<Replayed, 'frame'>> {
  const checked = await checkAndAct(parts)
  return { checked, object: checkObject(parts, checked) }
}

/** One check for each frame, beginning without any history. Throws what `frames` throws. */
export async function* replayFrames(
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  { config }: { readonly config: Config },
): AsyncGenerator<Replayed, void, undefined> {
  const { host, facts, advance } = createReplay(isInput)
  const cloud = createRecorded(facts, async () => facts())
  let parts: Parts | undefined
  for await (const frame of frames) {
    advance(frame)
    // Only now is it known what the cloud can do.
    parts ??= await partsBy({ host, cloud, paths: capturedPaths }, config)
    yield { frame, ...(await checkOnce(parts)) }
  }
}
