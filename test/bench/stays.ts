// The programs that stay: `idle-agent run` at two intervals, and autosuspend, all at the same time and with nothing else to do.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startAws } from '../clouds/aws.ts'
import { createAgent, executable } from './agent-side.ts'
import { autosuspendDaemon, isAutosuspendCheck, unpackAutosuspend } from './autosuspend.ts'
import { type Day, residentDay } from './days.ts'
import type { Command } from './processes.ts'
import { followStay, type Stay } from './resident.ts'

/** How a program that stays is followed: so many checks after the warm-up, so far apart. */
interface Pace {
  readonly intervalSeconds: number
  readonly warmUps: number
  readonly checks: number
}

/** As close to the default of two minutes as the bench's own time allows; a check is not much cheaper in a row. */
const slow: Pace = { intervalSeconds: 60, warmUps: 2, checks: 3 }
const fast: Pace = { intervalSeconds: 3, warmUps: 5, checks: 40 }

/** Until everything must have been seen, and some of it twice. */
function secondsOf({ intervalSeconds, warmUps, checks }: Pace): number {
  return (warmUps + checks + 3) * intervalSeconds
}

/** Its own account and state folder; it writes its tags first, as everywhere. */
async function followAgent(folder: string, pace: Pace): Promise<Day> {
  mkdirSync(folder)
  const cloud = await startAws()
  try {
    const { stateDir, check } = createAgent(folder, cloud, { intervalMs: pace.intervalSeconds * 1000 })
    const argv = [executable, 'run', '--config', join(folder, 'config.yaml'), '--state-dir', stateDir] as const
    const stay = await follow({ argv, env: check.env }, pace, isAgentCheck)
    const { api } = cloud.requests.counts()
    if (api !== 1) throw new Error(`run asked EC2 ${api} times; it was to write its tags once`)
    return residentDay('idle-agent', pace.intervalSeconds, stay)
  } finally {
    await cloud.close()
  }
}

/** What `run` prints once a check. */
function isAgentCheck(line: string): boolean {
  if (/^\S+Z (active|idle|unknown)\b/.test(line)) return true
  throw new Error(`run says: ${line}`)
}

function follow(command: Command, pace: Pace, isCheck: (line: string) => boolean): Promise<Stay> {
  const { warmUps, checks } = pace
  return followStay(command, { warmUps, checks, isCheck, timeoutMs: secondsOf(pace) * 1000 })
}

async function followAutosuspend(folder: string): Promise<Day> {
  const { intervalSeconds } = fast
  const daemon = autosuspendDaemon(folder, { intervalSeconds, seconds: secondsOf(fast) })
  return residentDay('autosuspend', intervalSeconds, await follow(daemon, fast, isAutosuspendCheck))
}

/** Days of all that could be followed, and the version of autosuspend if it was to be had. */
export async function followStays(
  folder: string,
): Promise<{ readonly days: readonly Day[]; readonly autosuspend: string | undefined }> {
  const daemonFolder = join(folder, 'autosuspend')
  const autosuspend = unpackAutosuspend(daemonFolder)
  const days = await Promise.all([
    followAgent(join(folder, 'run-slow'), slow),
    followAgent(join(folder, 'run-fast'), fast),
    ...(autosuspend === undefined ? [] : [followAutosuspend(daemonFolder)]),
  ])
  return { days, autosuspend }
}
