// The programs that stay: `idle-agent run` at two intervals, and autosuspend, all at the same time.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startAws } from '../clouds/aws.ts'
import { createAgent, executable } from './agent-side.ts'
import { autosuspendDaemon, isAutosuspendCheck, unpackAutosuspend } from './autosuspend.ts'
import { type Day, INTERVAL_SECONDS, residentDay } from './days.ts'
import type { Command } from './processes.ts'
import { followStay, type Stay, type StayOptions } from './resident.ts'

/** How a program that stays is followed: so many checks after the warm-up, so far apart. */
interface Pace {
  readonly intervalSeconds: number
  readonly warmUps: number
  readonly checks: number
}

/** The default: four to six minutes, since `run` checks at once and then when the clock shows an even minute. */
const slow: Pace = { intervalSeconds: INTERVAL_SECONDS, warmUps: 2, checks: 2 }
/** Many, for the spread and for what is held after them; the warm-up is over when the calls beside it are counted. */
const fast: Pace = { intervalSeconds: 3, warmUps: 20, checks: 40 }

/** By then everything must have been seen. */
function secondsOf({ intervalSeconds, warmUps, checks }: Pace): number {
  return (warmUps + checks + 3) * intervalSeconds
}

/** Its own account and state folder; it writes its tags first, as everywhere. */
async function followAgent(folder: string, pace: Pace, signal: AbortSignal): Promise<Day> {
  mkdirSync(folder)
  const cloud = await startAws()
  try {
    const { stateDir, check } = createAgent(folder, cloud, { intervalMs: pace.intervalSeconds * 1000 })
    const argv = [executable, 'run', '--config', join(folder, 'config.yaml'), '--state-dir', stateDir] as const
    const stay = await follow({ argv, env: check.env }, { ...pace, signal, isCheck: isAgentCheck })
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

type Following = Pace & Pick<StayOptions, 'isCheck' | 'signal'>

function follow(command: Command, following: Following): Promise<Stay> {
  const { intervalSeconds } = following
  return followStay(command, {
    ...following,
    restMs: (intervalSeconds / 6) * 1000,
    timeoutMs: secondsOf(following) * 1000,
  })
}

async function followAutosuspend(folder: string, signal: AbortSignal): Promise<Day> {
  const { intervalSeconds } = fast
  const daemon = autosuspendDaemon(folder, { intervalSeconds, seconds: secondsOf(fast) })
  const stay = await follow(daemon, { ...fast, signal, isCheck: isAutosuspendCheck })
  return residentDay('autosuspend', intervalSeconds, stay)
}

/** Days of all that could be followed, and the version of autosuspend if it was to be had. */
export async function followStays(
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly days: readonly Day[]; readonly autosuspend: string | undefined }> {
  const daemonFolder = join(folder, 'autosuspend')
  const autosuspend = unpackAutosuspend(daemonFolder)
  const days = await Promise.all([
    followAgent(join(folder, 'run-slow'), slow, signal),
    followAgent(join(folder, 'run-fast'), fast, signal),
    ...(autosuspend === undefined ? [] : [followAutosuspend(daemonFolder, signal)]),
  ])
  return { days, autosuspend }
}
