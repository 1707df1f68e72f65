// What is measured: five cases, in each of them the executable, the peer doing the same, and in two of them the floor.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AwsCloud } from '../clouds/aws.ts'
import { type Agent, type AgentOptions, beginHistory, createAgent, executable, expectCheck } from './agent-side.ts'
import { activeTags, type History, rewriteHistory } from './agent-state.ts'
import { crowd, gather } from './crowd.ts'
import type { Floor } from './floor-side.ts'
import type { Measurer } from './processes.ts'
import { expectWords, plainSide, type Side } from './side.ts'

export interface Case {
  readonly name: 'version' | 'steady' | 'writing' | 'acting' | 'crowded'
  readonly about: string
  readonly pairs: number
  /** What is around both sides for as long as the case takes; gives back what ends it. */
  around?(): Promise<() => Promise<void>>
  readonly agent: Side
  readonly peer: Side
  readonly floor?: Side
}

const MINUTE_MS = 60_000

/** What the cloud shows is out of date whatever the check finds: there is something to write even if somebody types. */
const staleTags = { ...activeTags, IdleAction: 'stopped' }

/** The cases, with a state folder each; makes the first check of each history. */
export async function createCases(
  measurer: Measurer,
  cloud: AwsCloud,
  options: {
    readonly folder: string
    readonly aws: string
    readonly floor: Floor | undefined
    /** Whether a crowd can be gathered here. */
    readonly crowded: boolean
  },
): Promise<readonly Case[]> {
  const agentFor = async (name: string, agentOptions?: AgentOptions): Promise<Agent> => {
    const folder = join(options.folder, name)
    mkdirSync(folder)
    const agent = createAgent(folder, cloud, agentOptions)
    await beginHistory(measurer, agent)
    return agent
  }
  const peer = (words: string, tags: PeerTags): Side => peerSide(cloud, { aws: options.aws, words, tags })
  const checkedMs = 2 * MINUTE_MS
  const floorOf = (name: keyof Floor): Pick<Case, 'floor'> => {
    return options.floor === undefined ? {} : { floor: options.floor[name] }
  }
  return [
    {
      name: 'version',
      about: 'start-up alone: `idle-agent version`; beside it `aws --version` and `floor-agent version`',
      pairs: 15,
      agent: plainSide({ argv: [executable, 'version'], env: {} }, 'idle-agent '),
      peer: plainSide({ argv: [options.aws, '--version'], env: peerEnv(cloud, options.aws) }, 'aws-cli/2'),
      ...floorOf('version'),
    },
    {
      name: 'steady',
      about: 'a check with no tags to write, 3 min after the last activity; the peer reads its tags back',
      pairs: 15,
      agent: agentSide(await agentFor('steady'), { checkedMs, idleMs: 3 * MINUTE_MS, tags: activeTags }, []),
      peer: peer('idle for 3 min', { IdleStatus: 'idle', minutes: 3 }),
      ...floorOf('steady'),
    },
    {
      name: 'writing',
      about: 'a check with tags to write; the peer reads and writes them',
      pairs: 15,
      agent: agentSide(await agentFor('writing'), { checkedMs, idleMs: 6 * MINUTE_MS, written: staleTags }, ['tag']),
      peer: peer('idle since', { IdleStatus: 'active' }),
    },
    {
      name: 'acting',
      about:
        'the check that hibernates; the agent looks twice, 1.5 s apart (6 s with the default interval), and leaves out the sessions sensor, lest somebody who types holds it back',
      pairs: 7,
      agent: actingSide(cloud, await agentFor('acting', { intervalMs: 0.05 * MINUTE_MS, sessions: false })),
      peer: peer('hibernating after', { IdleStatus: 'idle', minutes: 11 }),
    },
    ...(options.crowded ? [await crowded()] : []),
  ]

  async function crowded(): Promise<Case> {
    const { processes, groups, sockets, ptys } = crowd
    return {
      name: 'crowded',
      about: `as \`steady\`, among ${processes} processes, ${groups} control groups, ${sockets} sockets and ${ptys} terminals with a shell in front of each`,
      pairs: 7,
      around: () => gather(options.folder),
      agent: agentSide(await agentFor('crowded'), { checkedMs, idleMs: 3 * MINUTE_MS, tags: activeTags }, []),
      peer: peer('idle for 3 min', { IdleStatus: 'idle', minutes: 3 }),
    }
  }
}

function agentSide(agent: Agent, history: History, deeds: readonly string[]): Side {
  return {
    command: agent.check,
    prepare: () => rewriteHistory(agent.stateDir, history),
    verify: (run) => expectCheck(run, agent, deeds),
  }
}

/** Idle for hours, with its tags written: two calls remain, IdleAction and the stop itself. */
function actingSide(cloud: AwsCloud, agent: Agent): Side {
  const side = agentSide(
    agent,
    {
      checkedMs: agent.intervalMs,
      idleMs: 240 * MINUTE_MS,
      tags: { ...activeTags, IdleStatus: 'idle', IdleSince: isoAgo(240) },
    },
    ['tag', 'hibernate'],
  )
  return {
    ...side,
    prepare() {
      side.prepare()
      switchOn(cloud)
    },
  }
}

interface PeerTags {
  readonly IdleStatus: 'active' | 'idle'
  /** Idle for so long; with `idle` only. */
  readonly minutes?: number
}

interface PeerOptions {
  readonly aws: string
  /** What the run must have said. */
  readonly words: string
  readonly tags: PeerTags
}

function peerSide(cloud: AwsCloud, { aws, words, tags }: PeerOptions): Side {
  const script = join(import.meta.dirname, 'peer/idle-check.sh')
  return {
    command: { argv: ['/bin/bash', script], env: peerEnv(cloud, aws) },
    prepare() {
      switchOn(cloud)
      const own = cloud.instance().tags
      own.set('CloudWorkstation:IdleStatus', tags.IdleStatus)
      own.set('CloudWorkstation:IdleSince', tags.minutes === undefined ? '' : isoAgo(tags.minutes))
      own.set('CloudWorkstation:IdleAction', '')
    },
    verify: (run) => expectWords(run, words),
  }
}

/** As for the agent: limits so high that the bench's own work does not count. */
function peerEnv(cloud: AwsCloud, aws: string): Readonly<Record<string, string>> {
  const folder = aws.replace(/\/aws$/, '')
  const limits = {
    PEER_LOAD_LIMIT: '1000',
    PEER_SESSION_LIMIT: '1000',
    PEER_CONNECTION_LIMIT: '1000000',
    PEER_GPU_LIMIT: '100',
  }
  return { PATH: `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/nonexistent', LC_ALL: 'C', ...limits, ...cloud.env }
}

/** Brings a simulated instance back as if it had never been stopped: same start, so no new run of the machine. */
function switchOn(cloud: AwsCloud): void {
  const instance = cloud.instance()
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    throw new Error(`the simulated instance is ${instance.state} between two runs`)
  }
  instance.state = 'running'
}

function isoAgo(minutes: number): string {
  return new Date(Date.now() - minutes * MINUTE_MS).toISOString()
}
