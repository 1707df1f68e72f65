/** The corpus as a bench: what the agent and naive peers make of every scenario in every variant. */
import { corpus } from './corpus.ts'
import type { Frame } from './frame.ts'
import { type Peer, peers, stopOf } from './peers.ts'
import { checkMinutes, play } from './play.ts'
import type { Variant } from './scenario.ts'
import { snapshot } from './snapshot.ts'
import { type Staged, stage, variants } from './variants.ts'
import { problemsOf, window } from './verdict.ts'
import { World } from './world.ts'

/** One detector, one scenario, one variant. Minutes. */
export interface Row {
  readonly who: string
  readonly scenario: string
  readonly variant: Variant
  readonly acted: number | undefined
  /** It acted while somebody needed the machine. */
  readonly falseStop: boolean
  /** It acted before threshold and stated hold were over. */
  readonly early: boolean
  /** Minutes that the machine was left on beyond the latest right moment. */
  readonly missedMinutes: number
  /** From the true end of need to the action; `undefined` where either is not there. */
  readonly fromIdle: number | undefined
  /** Share of checks without a verdict, the first of each run excepted. */
  readonly unknown: number
  /** What was not as it should be, in words; of peers none is told. */
  readonly problems: readonly string[]
  readonly knownWrong: boolean
}

const EPSILON = 0.002

function measured(
  staged: Staged,
  acted: number | undefined,
): Pick<Row, 'acted' | 'falseStop' | 'early' | 'missedMinutes' | 'fromIdle'> {
  const { scenario, lasts, variant } = staged
  const { acts, needed } = scenario
  const falseStop = acted !== undefined && needed.some(([from, until]) => acted >= from && acted < until)
  if (acts === 'never') return { acted, falseStop, early: acted !== undefined, missedMinutes: 0, fromIdle: undefined }
  const [first, last] = window(scenario, acts, variant === 'jitter')
  return {
    ...{ acted, falseStop, early: acted !== undefined && acted < first - EPSILON },
    missedMinutes: Math.max(0, (acted ?? lasts) - last),
    fromIdle: acted === undefined ? undefined : acted - acts.last,
  }
}

async function agentRow(staged: Staged): Promise<Row> {
  const { scenario, model, variant, lasts, seed } = staged
  const played = await play(scenario, model, { lasts, ...(seed === undefined ? {} : { seed }) })
  const unknown = played.seen.slice(1).filter(({ verdict }) => verdict === 'unknown').length
  return {
    ...{ who: 'idle-agent', scenario: scenario.id, variant, ...measured(staged, played.acted) },
    unknown: unknown / Math.max(1, played.seen.length - 1),
    problems: problemsOf(staged, played),
    knownWrong: scenario.knownWrong !== undefined,
  }
}

/** What anybody who looks every two minutes sees of it, whatever the agent does. */
function framesOf({
  scenario,
  model,
  lasts,
  seed,
}: Staged): readonly { readonly minute: number; readonly frame: Frame }[] {
  const world = new World(scenario, model)
  world.showsLoad = true
  return checkMinutes(scenario, lasts, seed).map((minute) => {
    const atMs = Math.round(minute * 60_000)
    world.beginCheck(atMs)
    return { minute, frame: snapshot(world, atMs) }
  })
}

function peerRow(staged: Staged, peer: Peer, frames: ReturnType<typeof framesOf>): Row {
  const { scenario, variant } = staged
  const acted = stopOf(peer, frames)
  // A peer knows of no hold that anybody stated: too early is what somebody would notice.
  return {
    ...{ who: peer.name, scenario: scenario.id, variant, ...measured(staged, acted), early: false },
    ...{ unknown: 0, problems: [], knownWrong: false },
  }
}

/** Plays everything; `of` narrows it to some scenarios or variants. */
export async function scoreCorpus(
  of: {
    readonly variants?: readonly Variant[]
    readonly peers?: boolean
    readonly scenarios?: RegExp
    readonly seed?: number
  } = {},
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const scenario of corpus) {
    if (of.scenarios?.test(scenario.id) === false) continue
    for (const variant of of.variants ?? variants) {
      const staged = stage(scenario, variant, of.seed)
      if (staged === undefined) continue
      rows.push(await agentRow(staged))
      if (of.peers === false) continue
      const frames = framesOf(staged)
      for (const peer of peers) rows.push(peerRow(staged, peer, frames))
    }
  }
  return rows
}

/** One line of the table. */
export interface Summary {
  readonly who: string
  readonly played: number
  readonly falseStops: number
  /** Acted before the right moment, false stops included. */
  readonly early: number
  /** Idle in the end, and acted on in time. */
  readonly inTime: number
  readonly neverActed: number
  readonly missedMinutes: number
  /** Median of the minutes from true idle to the action. */
  readonly fromIdle: number | undefined
  readonly unknown: number
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** All rows of each detector together. */
export function summarise(rows: readonly Row[]): readonly Summary[] {
  return [...Map.groupBy(rows, ({ who }) => who)].map(([who, own]) => {
    const acted = own.filter((row) => row.acted !== undefined)
    return {
      ...{ who, played: own.length, falseStops: own.filter(({ falseStop }) => falseStop).length },
      early: own.filter(({ early, falseStop }) => early || falseStop).length,
      inTime: acted.filter(({ early, falseStop, missedMinutes }) => !early && !falseStop && missedMinutes <= EPSILON)
        .length,
      neverActed: own.length - acted.length,
      missedMinutes: own.reduce((sum, row) => sum + row.missedMinutes, 0),
      fromIdle: median(
        acted.filter(({ early, falseStop }) => !early && !falseStop).flatMap((row) => row.fromIdle ?? []),
      ),
      unknown: own.reduce((sum, row) => sum + row.unknown, 0) / own.length,
    }
  })
}

/** The table in Markdown. */
export function tableOf(summaries: readonly Summary[]): string {
  const heading =
    '| detector | played | false stops | early | acted in time | never acted | minutes missed | median from idle | unknown |'
  const lines = summaries.map(
    ({ who, played, falseStops, early, inTime, neverActed, missedMinutes, fromIdle, unknown }) => {
      const cells = [
        who,
        played,
        falseStops,
        early,
        inTime,
        neverActed,
        Math.round(missedMinutes),
        fromIdle?.toFixed(1) ?? '',
        `${(100 * unknown).toFixed(1)} %`,
      ]
      return `| ${cells.join(' | ')} |`
    },
  )
  return `${[heading, '| --- | --- | --- | --- | --- | --- | --- | --- | --- |', ...lines].join('\n')}\n`
}
