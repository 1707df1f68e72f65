/** Checks a machine as `check --act` does, in memory, and gives the frame of each check beside its verdict; the real cloud is only asked who the machine is. */
import type { Cloud } from '../clouds/cloud.ts'
import { createRecorded } from '../clouds/recorded.ts'
import type { Config } from '../config.ts'
import { messageOf } from '../errors.ts'
import type { Facts } from '../host/frame.ts'
import type { Host } from '../host/host.ts'
import { createMask, type MaskOptions } from '../host/mask.ts'
import { createRecorder } from '../host/record.ts'
import { partsBy } from './configured.ts'
import { type Paths, pathsOf } from './parts.ts'
import { capturedPaths, checkOnce, isInput, type Replayed } from './replay.ts'

/** What is captured, and how. */
interface Captured extends MaskOptions {
  readonly host: Host
  readonly cloud: Cloud
  readonly config: Config
  /** From the flag, else from the environment; where the machine's own agent keeps its files. */
  readonly stateDir: string | undefined
  /** Ends a wait in a check, which then throws. */
  readonly signal: AbortSignal
}

/** Leases and the stamp of a resume lie where the machine's own agent looks for them, and are recorded as in the usual place. */
function realPathIn({ leases, resumed }: Paths): (path: string) => string {
  return (path) => {
    if (path === capturedPaths.resumed) return resumed
    const below = path === capturedPaths.leases || path.startsWith(`${capturedPaths.leases}/`)
    return below ? `${leases}${path.slice(capturedPaths.leases.length)}` : path
  }
}

async function askWho(cloud: Cloud, known: Facts, signal: AbortSignal): Promise<Facts> {
  try {
    return { ...known, ...(await cloud.identify(signal)) }
  } catch (error) {
    return { ...known, error: messageOf(error) }
  }
}

/** Makes a check each time it is called, beginning without any history, and gives its frame. */
export async function createCapture(captured: Captured): Promise<() => Promise<Replayed>> {
  const { host: real, cloud: asked, config, signal } = captured
  const mask = createMask(captured)
  const realPath = realPathIn(pathsOf(captured.stateDir))
  const recorder = createRecorder(real, { mask, isInput, realPath, signal })
  const known: Facts = { cloud: asked.name, defaultAction: asked.defaultAction, tellsStart: asked.tellsStart }
  recorder.setFacts(known)
  let who: Promise<Facts> | undefined
  const cloud = createRecorded(
    () => known,
    async (limit) => {
      who ??= askWho(asked, known, limit)
      const facts = await who
      recorder.setFacts(facts)
      return facts
    },
  )
  const parts = await partsBy({ host: recorder.host, cloud, paths: capturedPaths }, config)
  return async () => {
    who = undefined
    recorder.begin()
    const done = await checkOnce(parts)
    return { frame: recorder.frame(), ...done }
  }
}
