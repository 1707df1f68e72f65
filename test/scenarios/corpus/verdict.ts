/** Compares what was played with what is right: every difference in words. Pure. */
import { INTERVAL_MS, type Played, type Seen } from './play.ts'
import type { Acts, Says, Scenario } from './scenario.ts'
import { idOf } from './told.ts'
import type { Staged } from './variants.ts'

const MINUTE = 60_000
const INTERVAL = INTERVAL_MS / MINUTE
const THRESHOLD = 10
/** A terminal's access time is known to 8 s, a late check is 18 s late. */
const TERMINAL = 8 / 60
const LATE = 0.3
/** How long an action may take beyond the interval (detection.md, the guarantee). */
const SLACK = 0.5
/** Rounding of milliseconds. */
const EPSILON = 0.002

/** The first and the last minute at which the action is right. */
export function window({ every = INTERVAL }: Scenario, acts: Acts, late: boolean): readonly [number, number] {
  const { last, told = 'terminal', hold = 0, heldUntil = Number.NEGATIVE_INFINITY, heldAtMost = heldUntil } = acts
  const seen = last === 0 ? 0 : told === 'counter' ? every + (late ? LATE : 0) : TERMINAL
  const due = last + THRESHOLD + hold
  return [Math.max(due, heldUntil), Math.max(due + seen, heldAtMost) + every + SLACK + (late ? LATE : 0)]
}

/** A stop while somebody needs the machine. */
export function isFalseStop({ scenario }: Staged, { acted }: Played): boolean {
  return acted !== undefined && scenario.needed.some(([from, until]) => acted >= from && acted < until)
}

function actProblems(staged: Staged, { acted }: Played): readonly string[] {
  const { acts } = staged.scenario
  if (acts === 'never') return acted === undefined ? [] : [`acted at ${acted.toFixed(2)}, and never should`]
  const [first, last] = window(staged.scenario, acts, staged.variant === 'jitter')
  if (acted === undefined) return [`did not act, and should by ${last.toFixed(2)}`]
  if (acted < first - EPSILON) return [`acted at ${acted.toFixed(2)}, not before ${first.toFixed(2)}`]
  return acted > last + EPSILON ? [`acted at ${acted.toFixed(2)}, by ${last.toFixed(2)} at the latest`] : []
}

const kinds = { active: 'active', unknown: 'unknown', idle: 'hold' } as const

/** Ids of what such a check has to rest on; `undefined` where that is open. */
function causesOf({ verdict, by, veto }: Says): readonly string[] | undefined {
  if (verdict === 'idle' && veto !== undefined) return veto.map((name) => `veto ${name}`)
  return verdict === undefined ? undefined : by?.map((name) => `${kinds[verdict]} ${name}`)
}

function causeProblems({ state, object }: Seen, says: Says): readonly string[] {
  const id = idOf(object['cause'])
  const causes = state === 'grace' && says.verdict !== 'active' ? ['grace'] : causesOf(says)
  return causes === undefined || causes.includes(id) ? [] : [`its cause is ${id}, not ${causes.join(' or ')}`]
}

function sayProblems(seen: Seen, says: Says): readonly string[] {
  const problems: string[] = []
  const { verdict, by, veto, because, state } = says
  if (verdict !== undefined && seen.verdict !== verdict)
    problems.push(`is ${seen.verdict}, not ${verdict} (${seen.reason})`)
  else if (verdict !== undefined && by !== undefined) {
    const named = seen.readings.filter(({ kind }) => kind === kinds[verdict]).map(({ sensor }) => sensor)
    const others = named.filter((name) => !by.includes(name))
    if (named.length === 0) problems.push(`nobody says so, not even ${by.join(', ')}`)
    else if (others.length > 0 || !by.some((name) => named.includes(name)))
      problems.push(`${named.join(', ')} say so, not ${by.join(', ')}`)
  }
  for (const name of veto ?? []) if (!seen.vetoes.some((one) => one.name === name)) problems.push(`has no veto ${name}`)
  if (verdict !== undefined && seen.verdict === verdict) problems.push(...causeProblems(seen, says))
  const words = [seen.reason, ...seen.readings.map(({ reason }) => reason), ...seen.vetoes.map(({ reason }) => reason)]
  if (because !== undefined && !words.some((one) => because.test(one))) problems.push(`no reason says ${because}`)
  if (state !== undefined && seen.state !== state) problems.push(`stands at ${seen.state}, not ${state}`)
  return problems.map((problem) => `minute ${seen.at.toFixed(2)}: ${problem}`)
}

/** Everything that is not as it should be; a few of each kind. */
export function problemsOf(staged: Staged, played: Played): readonly string[] {
  const problems = [...actProblems(staged, played)]
  for (const says of staged.scenario.says ?? []) {
    const within = played.seen.filter(({ from, at }) => from >= says.from - EPSILON && at < says.until - EPSILON)
    if (within.length === 0) {
      const over = played.acted !== undefined && played.acted <= says.from + (staged.scenario.every ?? INTERVAL)
      if (!over) problems.push(`no check lies within ${says.from} to ${says.until}`)
    }
    problems.push(...within.flatMap((seen) => sayProblems(seen, says)).slice(0, 3))
  }
  return problems
}

/** The ids that the last use before a stop may have: of the last activity that is stated, where it is not stated by itself; `nobody` without any. */
function lastUses({ lastUse, says = [], acts }: Scenario): readonly string[] {
  const last = acts === 'never' ? 0 : acts.last
  const stated = says.findLast(({ verdict, by, from }) => verdict === 'active' && by !== undefined && from < last)
  const names = lastUse ?? stated?.by ?? []
  return names.length === 0 ? ['nobody'] : names.map((name) => `active ${name}`)
}

/** Where `why` tells something else than the checks found, at the time, afterwards or of the stop. */
export function whyProblems({ scenario }: Staged, { seen, told, toldLater, before }: Played): readonly string[] {
  const found = new Map(seen.map(({ at, object }) => [at, idOf(object['cause'])]))
  const problems = told.flatMap(({ at, answer, sentence, id }) => [
    ...(answer === 'up' && /^Still up: ./.test(sentence) ? [] : [`minute ${at}: why says ${answer}: ${sentence}`]),
    ...(id === found.get(at) ? [] : [`minute ${at}: why names ${id}, the check found ${found.get(at)}`]),
  ])
  for (const { at, answer, id } of toldLater) {
    if (answer !== 'moment' || id !== found.get(at))
      problems.push(`minute ${at}: why names ${id} afterwards, the check found ${found.get(at)}`)
  }
  const uses = lastUses(scenario)
  if (before !== undefined && !uses.includes(before))
    problems.push(`why names ${before} before the stop, not ${uses.join(' or ')}`)
  return problems
}
