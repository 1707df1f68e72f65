// The page docs/fleet.md: everything on it comes from the cases.
import { cpus } from 'node:os'
import { readIdentity } from '../../../tools/bundle.ts'
import { table } from '../accuracy/page.ts'
import type { Action } from './account.ts'
import { FLEET, type Result } from './cases.ts'
import { kindsInWords } from './life.ts'
import { plot } from './plot.ts'
import type { Quantiles } from './score.ts'
import { away, how, morning, patience } from './words.ts'

/** What `make bench-fleet` ran, and for how long. */
export interface CaseResults {
  readonly name: string
  readonly wallSeconds: number
  readonly results: readonly Result[]
}

/** A goal of the fleet, and what came of it. */
interface Goal {
  readonly about: string
  readonly figure: string
  readonly reached: boolean
}

const PER_SUCCESS = 1.1
const OF_BEST = 1.2

function seconds(value: number | undefined): string {
  if (value === undefined) return ''
  return value < 120 ? `${value.toFixed(0)} s` : `${(value / 60).toFixed(1)} min`
}

/** "12 s, 1.5 min, 2 min, 3 min". */
function spreadOf({ seconds: found }: Quantiles): string {
  return found.length === 0 ? '' : found.map((value) => seconds(value)).join(', ')
}

function cell({ stretch: { calls } }: Result, action: Action): string {
  const { accepted, throttled, down } = calls[action]
  if (accepted + throttled + down === 0) return '0'
  const share = (100 * throttled) / Math.max(1, accepted + throttled)
  return `${accepted} + ${throttled}${throttled > 0 ? ` (${share.toFixed(share < 1 ? 2 : 0)} %)` : ''}${down > 0 ? `, ${down} unanswered` : ''}`
}

const head = [
  '',
  'CreateTags',
  'StopInstances',
  'Describe*',
  'calls a success',
  'stops, from due on',
  'stops not made',
  'tags, from the change on',
  'tags wrong',
]

function row(result: Result): readonly string[] {
  const { stretch, stopDelays, tagDelays, waitingStops, wrongTags } = result
  const describes: readonly Action[] = ['DescribeTags', 'DescribeInstances']
  return [
    result.name,
    cell(result, 'CreateTags'),
    cell(result, 'StopInstances'),
    describes
      .map((action) => cell(result, action))
      .filter((text) => text !== '0')
      .join('; ') || '0',
    Number.isFinite(stretch.perSuccess) ? stretch.perSuccess.toFixed(3) : 'none',
    spreadOf(stopDelays),
    String(waitingStops),
    spreadOf(tagDelays),
    String(wrongTags),
  ]
}

/** Everything was put right so long after the beginning, and by one who knows everything. */
function drainRow({ name, drained, best, tagDelays, stopDelays, stretch }: Result): readonly string[] | undefined {
  if (drained === undefined || best === undefined) return undefined
  const part = (count: Quantiles, at: number, bestSeconds: number, last: number): string => {
    if (count.count === 0 || bestSeconds === 0) return ''
    const some = count.seconds[at]
    return `${seconds(bestSeconds)}; ${at === 3 ? '' : `95 % ${seconds(some)}, `}last ${seconds(last)} = ${(last / bestSeconds).toFixed(2)} x`
  }
  const tags = part(tagDelays, drained.stops === 0 ? 3 : 1, best.tags, drained.tags)
  return [name, tags, part(stopDelays, 1, best.stops, drained.stops), stretch.perSuccess.toFixed(3)]
}

function section(title: string, text: string, results: readonly Result[]): string {
  if (results.length === 0) return `## ${title}\n\nNot run.`
  const drains = results.map(drainRow).filter((one) => one !== undefined)
  const drained = table(['best; what it was', 'tags', 'stops', 'calls a success'], drains)
  return [`## ${title}`, text, table(head, results.map(row)), ...(drains.length === 0 ? [] : [drained])].join('\n\n')
}

function plots(found: readonly (readonly [Result | undefined, Action, number])[]): string {
  const lines = found.flatMap(([result, action, refill]) =>
    result === undefined ? [] : [...plot(result, action, refill), ''],
  )
  return ['```', ...lines, '```'].join('\n')
}

const actionOf = { tags: 'CreateTags', stops: 'StopInstances' } as const

/** The share of what was accepted at all that was accepted within so many seconds, whole bins of minutes alone. */
function shareWithin({ stretch }: Result, what: 'tags' | 'stops', withinSeconds: number): string {
  const { accepted } = stretch.bins[actionOf[what]]
  const all = accepted.reduce((a, one) => a + one, 0)
  const some = accepted.slice(0, Math.floor(withinSeconds / 60 / stretch.binMinutes)).reduce((a, one) => a + one, 0)
  return `${((100 * some) / Math.max(1, all)).toFixed(0)} %`
}

function goalsOf(one: Result, label: string): readonly Goal[] {
  const { stretch, drained, best, wrongTags } = one
  const found: Goal[] = [
    {
      about: `${label}: at most ${PER_SUCCESS} calls a success`,
      figure: stretch.perSuccess.toFixed(3),
      reached: stretch.perSuccess <= PER_SUCCESS,
    },
  ]
  for (const what of ['tags', 'stops'] as const) {
    const [last, least] = [drained?.[what] ?? 0, best?.[what] ?? 0]
    if (last === 0 || least === 0) continue
    const wrong = what === 'tags' ? wrongTags : 0
    found.push({
      about: `${label}: all ${what} within ${OF_BEST} times the best`,
      figure: `${shareWithin(one, what, least * OF_BEST)} are, the last after ${(last / least).toFixed(2)} times${wrong > 0 ? `; ${wrong} are wrong at the end` : ''}`,
      reached: last / least <= OF_BEST && wrong === 0,
    })
  }
  return found
}

function goals(named: (name: string) => readonly Result[]): readonly Goal[] {
  const throttled = ({ stretch: { calls } }: Result) =>
    Object.values(calls).reduce((all, one) => all + one.throttled, 0)
  const weeks = named('week').map((one) => ({
    about: '1,000 for a week: no call throttled',
    figure: `${throttled(one)}`,
    reached: throttled(one) === 0,
  }))
  const morning = named('learned').filter(({ machines }) => machines === FLEET)
  return [
    ...weeks,
    ...named('windowed')
      .slice(0, 1)
      .flatMap((one) => goalsOf(one, '100,000 come up, `tag_window_minutes: 180`')),
    ...morning.flatMap((one) => goalsOf(one, '100,000 come up, windows learned')),
    ...named('learned')
      .slice(0, 1)
      .flatMap((one) => goalsOf(one, '10,000 before a tenth of the buckets, nothing learned nor set')),
    ...named('outage')
      .slice(1)
      .flatMap((one) => goalsOf(one, '100,000 after an outage')),
  ]
}

/** The goals that were not reached, in words. */
export function misses(found: readonly CaseResults[]): readonly string[] {
  return goals(byName(found))
    .filter(({ reached }) => !reached)
    .map(({ about, figure }) => `${about}: ${figure}`)
}

function byName(found: readonly CaseResults[]): (name: string) => readonly Result[] {
  return (name) => found.find((one) => one.name === name)?.results ?? []
}

/** Calls of one machine on one of seven days. */
function perMachineDay({ machines, stretch: { calls } }: Result): string {
  const all = Object.values(calls).reduce((sum, { accepted, throttled }) => sum + accepted + throttled, 0)
  return (all / machines / 7).toFixed(1)
}

function weekWords(found: readonly Result[]): string {
  return found.map((one) => `${one.name}: ${perMachineDay(one)} calls a day and machine.`).join(' ')
}

/** The whole page. */
export function page(found: readonly CaseResults[]): string {
  const worked = found.reduce((all, { wallSeconds }) => all + wallSeconds, 0)
  const named = byName(found)
  const last = named('learned').at(-1)
  const weeks = [...named('week'), ...named('week-peer')]
  const goalRows = goals(named).map(({ about, figure, reached }) => [about, figure, reached ? 'yes' : '**no**'])
  return `${[
    '# Many machines in one account',
    `Generated by \`make bench-fleet\`; do not edit. ${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${Math.round(worked / 60)} min of work, ${Math.min(4, cpus().length)} cases at a time. Commit ${readIdentity().commit}.`,
    how,
    '## What was to be shown',
    table(['goal', 'figure', 'reached'], goalRows),
    section('1,000 machines for a week', `${kindsInWords}. ${patience}\n\n${weekWords(weeks)}`, weeks),
    section(
      'Machines that are started in the same second',
      'Mornings in a row; they are left over two hours of the evening, and stop by themselves.',
      named('together'),
    ),
    section('A morning', morning, [...named('windowed'), ...named('learned'), ...named('peer-morning')]),
    plots([
      [named('learned')[0], 'CreateTags', 10],
      [named('windowed')[0], 'CreateTags', 10],
      [last, 'CreateTags', 10],
      [named('peer-morning')[0], 'CreateTags', 10],
      [named('peer-morning')[0], 'DescribeTags', 20],
    ]),
    'Calls a second on a logarithmic scale: `#` accepted, `x` throttled, `+` both, `-` what the bucket gives.',
    section('An hour without the API', away, [...named('outage'), ...named('peer-outage')]),
    plots([
      [named('outage')[1], 'StopInstances', 5],
      [named('outage')[1], 'CreateTags', 10],
      [named('peer-outage')[0], 'DescribeTags', 20],
    ]),
  ].join('\n\n')}\n`
}
