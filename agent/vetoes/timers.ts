/** Veto: a systemd timer of a user or of the operator is due soon. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { housekeepingUnit } from '../sensors/known-agents.ts'
import type { Clocks, Veto } from '../types.ts'
import { hasPendingJob } from './anacron.ts'
import { dueVeto, frequentMs } from './due.ts'
import { fewest, inDoubt } from './ends.ts'
import { timers as housekeepingTimer } from './housekeeping.ts'
import type { VetoContext, VetoSource } from './veto.ts'

const askMs = 2_000

/** A user's manager that takes longer is given up well before all of this is, which would hold without an end. */
const askUserMs = 1_500

/** Most users whose own timers are asked for, all at once. */
const mostUsers = 8

const properties = ['Id', 'Unit', 'NextElapseUSecRealtime', 'NextElapseUSecMonotonic', 'LastTriggerUSec'] as const

/** One timer; times in milliseconds since the epoch. */
export interface Timer {
  readonly id: string
  /** What it starts. */
  readonly unit: string
  readonly nextMs: number
  readonly lastMs: number | undefined
}

/** systemd's words for spans (format_timespan), in milliseconds; its year is 365.25 days. */
const spans: Readonly<Record<string, number>> = {
  ...{ us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 },
  ...{ month: 2_629_800_000, y: 31_557_600_000 },
}

/** Parses `1h 30min 5.5s`; `undefined` for `infinity`, `0`, and nothing. Throws where it is none. */
export function parseSpan(text: string): number | undefined {
  if (text === '' || text === 'infinity' || text === '0' || text === 'n/a') return undefined
  let sum = 0
  for (const word of text.split(' ')) {
    const [, value, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(word) ?? []
    const ms = spans[unit]
    if (value === undefined || ms === undefined) throw new Error('a time of systemctl is not understood')
    sum += Number(value) * ms
  }
  return sum
}

/**
 * Parses `Tue 2026-11-24 06:12:00 UTC`, or the span since the epoch of systemd before 220; `undefined` for none, and for one
 * after the year 9999 (format_timestamp). Throws where it is neither.
 */
export function parseTime(text: string): number | undefined {
  if (text === '--- XXXX-XX-XX XX:XX:XX UTC') return undefined
  const [, date, time] = /^[A-Z][a-z]{2} (\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text) ?? []
  return date === undefined ? parseSpan(text) : Date.parse(`${date}T${time}Z`)
}

/**
 * Parses what `systemctl show` tells of timers: blocks of KEY=VALUE. One that will not run is left out. Throws where a time
 * is not understood, or nothing is although something is there.
 */
export function parseTimers(text: string, now: Clocks): readonly Timer[] {
  if (text !== '' && (!/^Id=\S/m.test(text) || !text.endsWith('\n')))
    throw new Error('the answer of systemctl is not understood')
  return text.split(/\n\n+/).flatMap((block) => {
    const value = (key: (typeof properties)[number]): string =>
      new RegExp(`^${key}=(.*)$`, 'm').exec(block)?.[1]?.trim() ?? ''
    if (value('Id') === '') return []
    const monotonic = parseSpan(value('NextElapseUSecMonotonic'))
    const next = [
      parseTime(value('NextElapseUSecRealtime')),
      monotonic === undefined ? undefined : now.wallMs + monotonic - now.monoMs,
    ].filter((ms) => ms !== undefined)
    if (next.length === 0) return []
    const lastMs = parseTime(value('LastTriggerUSec'))
    return [{ id: value('Id'), unit: value('Unit'), nextMs: Math.min(...next), lastMs }]
  })
}

/** The runs that may be due: the next, and the last, which may have only just begun. None of a timer that runs all the time. */
function runsOf({ nextMs, lastMs }: Timer, context: VetoContext): readonly number[] {
  if (lastMs === undefined) return [nextMs]
  return nextMs - lastMs <= frequentMs(context) ? [] : [nextMs, lastMs]
}

const query = ['show', `--property=${properties.join(',')}`, '--', '*.timer']

/** Asks for times in UTC, the one zone whose words are the same everywhere. */
const ofSystem = ['env', 'TZ=UTC', 'systemctl', ...query]

/** As the user, since the manager that answers is the user's own and may say anything. */
function ofUser(uid: string): readonly string[] {
  const drop = [`--reuid=${uid}`, '--regid=65534', '--clear-groups', '--inh-caps=-all', '--no-new-privs']
  return ['setpriv', ...drop, 'env', 'TZ=UTC', `XDG_RUNTIME_DIR=/run/user/${uid}`, 'systemctl', '--user', ...query]
}

interface Asking {
  readonly context: VetoContext
  /** anacron has somebody's job to run: then its timer is no housekeeping. */
  readonly anacron?: boolean
  readonly signal: AbortSignal
}

/** The vetoes of one manager's timers. Throws where it does not answer, or with something else. */
async function ask(
  host: Host,
  argv: readonly string[],
  asking: Asking & { readonly whose: string; readonly timeoutMs: number },
): Promise<readonly Veto[]> {
  const { signal, timeoutMs } = asking
  const answer = await host.run(argv, { timeoutMs, signal })
  if (answer === undefined) throw new Error(`systemctl cannot be asked: ${argv[0]} is not there`)
  if (answer.status !== 0) throw new Error(`systemctl ended with ${answer.status}`)
  return vetoesOf(answer.stdout, asking)
}

function vetoesOf(
  text: string,
  { context, whose, anacron = false }: Omit<Asking, 'signal'> & { readonly whose: string },
): readonly Veto[] {
  return parseTimers(text, context.now).flatMap((timer) => {
    const starts = anacron && timer.id === 'anacron.timer'
    if (!starts && (housekeepingUnit.test(timer.unit) || housekeepingTimer.test(timer.id))) return []
    // A user's manager names its timers as it likes: the operator means the system's.
    if (whose === '' && [timer.unit, timer.id].some((name) => context.ignoredUnits?.includes(name))) return []
    const what = `${timer.id.slice(0, 60)}${whose}`
    return runsOf(timer, context).flatMap((wallMs) => dueVeto(context, 'timer', { wallMs, what }))
  })
}

async function askUser(host: Host, uid: string, asking: Asking): Promise<readonly Veto[]> {
  try {
    return await ask(host, ofUser(uid), { ...asking, whose: ` of uid ${uid}`, timeoutMs: askUserMs })
  } catch {
    const reason = `timers of uid ${uid} may be due: their manager does not tell`
    return inDoubt(asking.context, { name: 'timer', reason, madeAt: asking.context.now.monoMs })
  }
}

/** Users who have a manager, or who refuse even root a look at where it would be: their folder may be a mount of their own (FUSE). */
async function users(host: Host): Promise<readonly string[]> {
  const found: string[] = []
  for (const uid of (await host.list('/run/user')) ?? []) {
    if (/^\d{1,10}$/.test(uid) && (await mayHaveManager(host, uid))) found.push(uid)
  }
  return found
}

async function mayHaveManager(host: Host, uid: string): Promise<boolean> {
  try {
    return (await host.stat(`/run/user/${uid}/systemd/private`)) !== undefined
  } catch (error) {
    if (error instanceof HostError) return true
    throw error
  }
}

/** Asks systemd itself, and the manager of each user who has one: in a session, or by lingering. */
export const timersVeto: VetoSource = {
  name: 'timer',
  onlyWhenDue: true,
  async read(host, context, signal) {
    // Without systemd as process 1 (sd_booted(3)) there are no timers.
    if ((await host.stat('/run/systemd/system')) === undefined) return []
    const uids = await users(host)
    const anacron = await hasPendingJob(host, context.now.wallMs)
    const found = await Promise.all([
      ask(host, ofSystem, { context, anacron, signal, whose: '', timeoutMs: askMs }),
      ...uids.slice(0, mostUsers).map((uid) => askUser(host, uid, { context, signal })),
    ])
    const vetoes = found.flat()
    const rest = uids.length - mostUsers
    const reason = `timers of ${rest} more users may be due`
    if (rest > 0) vetoes.push(...inDoubt(context, { name: 'timer', reason, madeAt: context.now.monoMs }))
    return fewest(vetoes)
  },
}
