// Counts what the executable asks of the cloud: in a hundred steady checks, and from the last activity to the stop.
import { mkdirSync } from 'node:fs'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { type Agent, beginHistory, createAgent, expectCheck, readCheck } from './agent-side.ts'
import { activeTags, rewriteHistory } from './agent-state.ts'
import type { Measurer } from './processes.ts'

export interface SteadyCalls {
  readonly checks: number
  readonly ec2: number
  /** The most in any one check. */
  readonly metadataAtMost: number
}

export interface EpisodeCalls {
  /** Whether metadata shows the instance's tags; where not, they are asked of EC2 before the action. */
  readonly metadataTags: boolean
  readonly checks: number
  readonly ec2: number
  readonly byAction: Readonly<Record<string, number>>
}

const MINUTE_MS = 60_000
/** After the last activity, in minutes, at the default interval and thresholds. */
const episodeMinutes = [2, 4, 6, 8, 10] as const

/** A hundred checks that have nothing to write, 2 minutes apart for the agent. */
export async function countSteady(measurer: Measurer, cloud: AwsCloud, folder: string): Promise<SteadyCalls> {
  const agent = await begin(measurer, cloud, { folder })
  const checks = 100
  const counted = { ec2: 0, metadataAtMost: 0 }
  for (let check = 0; check < checks; check += 1) {
    rewriteHistory(agent.stateDir, { checkedMs: agent.intervalMs, idleMs: 3 * MINUTE_MS, tags: activeTags })
    cloud.requests.clear()
    expectCheck(await measurer.run(agent.check), agent, [])
    const { api, metadata } = cloud.requests.counts()
    counted.ec2 += api
    counted.metadataAtMost = Math.max(counted.metadataAtMost, metadata)
  }
  return { checks, ...counted }
}

/** The checks of the ten minutes between the last activity and the stop, each with the state that the one before left. */
export async function countEpisode(
  measurer: Measurer,
  options: { readonly metadataTags: boolean; readonly folder: string },
): Promise<EpisodeCalls> {
  const { metadataTags, folder } = options
  const cloud = await startAws({ instances: [{ metadataTags }] })
  try {
    const agent = await begin(measurer, cloud, { folder, sessions: false })
    cloud.requests.clear()
    for (const minutes of episodeMinutes) {
      // At the check that acts the threshold has passed by a second: the clocks are set a moment before it starts.
      rewriteHistory(agent.stateDir, { checkedMs: agent.intervalMs, idleMs: minutes * MINUTE_MS + 1000 })
      const { verdict, reason } = readCheck(await measurer.run(agent.check))
      if (verdict !== 'idle') throw new Error(`this machine is not idle, whatever the limits: ${reason}`)
    }
    const { state, hibernated } = await cloud.waitForState('stopped')
    if (!hibernated) throw new Error(`the instance is ${state} and not hibernated`)
    const { api, byKind } = cloud.requests.counts({ server: 'api' })
    return { metadataTags, checks: episodeMinutes.length, ec2: api, byAction: byKind }
  } finally {
    await cloud.close()
  }
}

async function begin(
  measurer: Measurer,
  cloud: AwsCloud,
  options: { readonly folder: string; readonly sessions?: boolean },
): Promise<Agent> {
  mkdirSync(options.folder)
  const agent = createAgent(options.folder, cloud, options)
  await beginHistory(measurer, agent)
  return agent
}
