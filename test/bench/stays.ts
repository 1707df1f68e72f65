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

/** The default: six minutes, since `run` checks at once and every two minutes from then on. */
const slow: Pace = { intervalSeconds: INTERVAL_SECONDS, warmUps: 2, checks: 2 }
/** Many, for the spread and for what is held after them; the warm-up is over when the calls beside it are counted. */
const fast: Pace = { intervalSeconds: 3, warmUps: 20, checks: 40 }

/** By then everything must have been seen. */
function secondsOf({ intervalSeconds, warmUps, checks }: Pace): number {
  return (warmUps + checks + 3) * intervalSeconds
}

/** Its own account and state folder; it writes its tags first, as everywhere. */
async function followAgent(folder: string, pace: Pace, watch: Watch): Promise<Day> {
  mkdirSync(folder)
  const cloud = await startAws()
  try {
    const { stateDir, check } = createAgent(folder, cloud, { intervalMs: pace.intervalSeconds * 1000 })
    const argv = [executable, 'run', '--config', join(folder, 'config.yaml'), '--state-dir', stateDir] as const
    const stay = await follow(
      { argv, env: check.env },
      {
        ...pace,
        ...watch,
        who: 'idle-agent run',
        isCheck: isAgentCheck,
      },
    )
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

/** What ends the following, and who is told how far it has come. */
interface Watch {
  readonly signal: AbortSignal
  say(line: string): void
}

type Following = Pace & Watch & Pick<StayOptions, 'isCheck'> & { readonly who: string }

function follow(command: Command, following: Following): Promise<Stay> {
  const { who, intervalSeconds, warmUps, checks, say } = following
  const all = warmUps + checks
  let seen = 0
  return followStay(command, {
    ...following,
    isCheck(line) {
      if (!following.isCheck(line)) return false
      seen += 1
      if (seen === all || intervalSeconds >= 60) say(`${who} every ${intervalSeconds} s: check ${seen} of ${all}`)
      return true
    },
    restMs: (intervalSeconds / 6) * 1000,
    timeoutMs: secondsOf(following) * 1000,
  })
}

async function followAutosuspend(folder: string, watch: Watch): Promise<Day> {
  const { intervalSeconds } = fast
  const daemon = autosuspendDaemon(folder, { intervalSeconds, seconds: secondsOf(fast) })
  const stay = await follow(daemon, { ...fast, ...watch, who: 'autosuspend', isCheck: isAutosuspendCheck })
  return residentDay('autosuspend', intervalSeconds, stay)
}

/** Days of all that could be followed, and the version of autosuspend if it was to be had. */
export async function followStays(
  folder: string,
  watch: Watch,
): Promise<{ readonly days: readonly Day[]; readonly autosuspend: string | undefined }> {
  const daemonFolder = join(folder, 'autosuspend')
  const autosuspend = unpackAutosuspend(daemonFolder)
  const days = await Promise.all([
    followAgent(join(folder, 'run-slow'), slow, watch),
    followAgent(join(folder, 'run-fast'), fast, watch),
    ...(autosuspend === undefined ? [] : [followAutosuspend(daemonFolder, watch)]),
  ])
  return { days, autosuspend }
}
