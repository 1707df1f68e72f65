/** The sessions sensor: people at terminals, jobs they left in the foreground, and SSH connections. */
import type { Host } from '../host/host.ts'
import type { Limits, Options } from '../types/options.ts'
import type { Instant, Reading, WeakEvidence } from '../types.ts'
import { connectionHold } from './hold-option.ts'
import { deviceOf, judgeTerminals, mayHideInput, ownWarning, type Seen, touched, withLastInput } from './input.ts'
import { type Job, ownTerminals, readJobs } from './jobs.ts'
import { type Logins, otherLogins } from './logins.ts'
import { type ProcessTable, processTable } from './processes.ts'
import { judgeJobs, type Progress, withProgress } from './progress.ts'
import type { Sensor, Span } from './sensor.ts'
import { type Connection, readConnections } from './ssh.ts'
import { readTerminals, type Terminal, type TerminalsSample } from './terminals.ts'
import { type Connected, judgeConnections, type Traffic, unreadable, withUsual } from './traffic.ts'
import { userOf, withTypists } from './typists.ts'
import { counted, duration, processName, rate } from './words.ts'

export const sessionsOptions = {
  connection_hold_minutes: connectionHold(
    'how long an open SSH connection without traffic, or a login over mosh, SSM or on a console, can hold the machine, from the last real activity',
  ),
  output_hold_minutes: {
    type: 'number',
    default: 120,
    min: 0,
    max: 10_080,
    unit: 'minutes',
    about:
      'how long output without input, or a job that makes no progress, can hold the machine, from the last real activity',
  },
  unattended_hours: {
    type: 'number',
    default: 24,
    min: 0.01,
    max: 8760,
    unit: 'hours',
    about:
      'how long a job in the foreground that gets on counts as activity after the last input on any terminal (over ssh without one: from its beginning), traffic over ssh without a pause of one check, and an ssh connection without a terminal that is new, after the last input anywhere; what else they use (CPU, network, disk, GPU) counts as ever',
  },
} as const satisfies Options

export interface SessionsSample extends TerminalsSample {
  /** When it was taken. */
  readonly at: Instant
  /** Monotonic clock of the last input on any terminal, or of the first check. */
  readonly lastInput: Instant
  /** People were warned, and since then nobody has typed anything that a program read. */
  readonly warned?: true
  readonly jobs: readonly Job[]
  readonly connections: readonly Connection[]
  /** Who is logged in by another way than ssh. */
  readonly logins?: Logins
}

type Hold = Extract<Reading, { kind: 'hold' }>

interface Context {
  readonly span: Span
  readonly limits: Limits<typeof sessionsOptions>
}

/** Connections, and whose those are that were not there before. */
async function connectionsOf(
  host: Host,
  { table, before }: { readonly table: ProcessTable; readonly before: SessionsSample | undefined },
  signal: AbortSignal,
): Promise<readonly Connection[]> {
  const connections: Connection[] = []
  const known = new Set(before?.connections.map(({ pid, start }) => `${pid}:${start}`))
  for (const one of await readConnections(host, table, signal)) {
    const old = known.has(`${one.pid}:${one.start}`) || one.unproven === true
    connections.push(old ? one : { ...one, ...(await userOf(host, one.pid)) })
  }
  return connections
}

/** What is remembered from one check to the next of who typed, and whether they were warned since. */
function remembered(
  now: TerminalsSample & Pick<SessionsSample, 'at'>,
  before: SessionsSample | undefined,
): Pick<SessionsSample, 'lastInput' | 'warned'> & { readonly typedOn: ReadonlySet<string> } {
  const typedOn = new Set(touched(now, before).map(({ name }) => name))
  const typed = before === undefined || typedOn.size > 0 || now.tty?.atimeMs !== before.tty?.atimeMs
  const lastInput = typed ? now.at : Math.min(now.at, before.lastInput)
  return { typedOn, lastInput, ...(before?.warned === true && typedOn.size === 0 ? { warned: true } : {}) }
}

async function read(host: Host, signal: AbortSignal, before?: SessionsSample): Promise<SessionsSample> {
  const table = await processTable(host, signal)
  const at = host.clocks().monoMs
  const { of, ...seen } = await readTerminals(host, table, signal)
  const now = await withTypists(host, table, { now: withLastInput(seen, before), before })
  const own = await ownTerminals(host, table)
  const terminals = now.terminals.map((one) => (own.has(one.name) ? { ...one, ours: true as const } : one))
  const connections = await connectionsOf(host, { table, before }, signal)
  const jobs = withProgress(
    { at, jobs: await readJobs(host, { table, terminals: { of }, connections }, signal) },
    before,
  )
  const { typedOn, ...known } = remembered({ ...now, at }, before)
  const logins = otherLogins(table)
  return {
    ...{ ...now, ...known, at, terminals, jobs },
    connections: withUsual({ at, connections, typedOn, warned: known.warned === true }, before),
    ...(logins === undefined ? {} : { logins }),
  }
}

function person({ name, tty, at, uids }: Seen, { now }: Span): Reading {
  const by = { ...(tty === undefined ? {} : { tty }), ...(uids[0] === undefined ? {} : { uid: uids[0] }) }
  return { kind: 'active', reason: `input on ${name} ${duration(now.monoMs - at)} ago`, at, person: true, uids, by }
}

/**
 * Traffic of a connection whose terminal may have been typed on unseen is taken for that. Any other is no input: what is
 * typed would show on the terminal, so it passes through the connection beside it.
 */
function typed(used: readonly Traffic[], terminals: readonly Terminal[], span: Span): Seen | undefined {
  for (const { terminals: own, at } of used) {
    const found = terminals.find((one) => own.includes(one.name) && mayHideInput(one, span))
    if (found !== undefined) return { name: found.name, tty: deviceOf(found), at, uids: found.uids ?? [] }
  }
  return undefined
}

/**
 * The answer to a warning in front of a program that reads no keys (`tail -f`): they move nothing on the terminal, but pass
 * over its connection. Only then, since anything may pass for them that a client sends by itself.
 */
function answer({ unheardOf }: Connected, { terminals, warned }: SessionsSample, { now }: Span): Reading | undefined {
  if (unheardOf === undefined || warned === undefined) return undefined
  const uids = terminals.filter(({ name }) => unheardOf.terminals.includes(name)).flatMap((one) => one.uids ?? [])
  const reason = `keys, as it seems, sent to ${unheardOf.terminals.join(', ')} over ssh (pid ${unheardOf.pid}) after the warning`
  const by = { pid: unheardOf.pid }
  return { kind: 'active', reason, at: now.monoMs, person: true, uids: [...new Set(uids)], by }
}

/** Somebody who has just come, or traffic of theirs. */
function connected({ fresh, used: all, closed }: Connected, { now }: Span): Reading | undefined {
  if (fresh !== undefined) {
    const reason = `new ssh session (pid ${fresh.pid}) ${duration(now.monoMs - fresh.at)} ago`
    const { at, person: isPerson, uid } = fresh
    return {
      kind: 'active',
      reason,
      at,
      person: isPerson,
      uids: uid === undefined ? [] : [uid],
      by: { pid: fresh.pid },
    }
  }
  const used = all.find(({ usual }) => !usual)
  if (used === undefined && closed !== undefined)
    return { kind: 'active', reason: `ssh connection (pid ${closed.pid}) in use until it closed`, at: now.monoMs }
  if (used === undefined) return undefined
  const bytes = `${rate(used.received)} in, ${rate(used.sent)} out`
  return {
    kind: 'active',
    reason: `tunnel or transfer over ssh (pid ${used.pid}): ${bytes}`,
    at: used.at,
    by: { pid: used.pid },
  }
}

/** "in the foreground of pts/1". */
function place({ tty }: Job): string {
  return tty === undefined ? 'over ssh' : `in the foreground of ${tty}`
}

/** "pytest (pid 2050) in the foreground of pts/1". */
function named(job: Job): string {
  return `${processName(job.comm, job.pid)} ${place(job)}`
}

function holds(
  found: { readonly output?: string; readonly usual: boolean } & Progress,
  { connections, logins }: SessionsSample,
  limits: Context['limits'],
): readonly Hold[] {
  const { output, stuck, unattended, usual } = found
  const open = connections.length
  const outputs: string[] = []
  if (output !== undefined) outputs.push(`output on ${output} without input`)
  if (unattended !== undefined) outputs.push(`${named(unattended.job)} without input for ${duration(unattended.ms)}`)
  if (stuck !== undefined) outputs.push(`no progress of ${named(stuck)}`)
  const traffic = usual ? 'with no traffic but what always passes' : 'without traffic both ways'
  const logged: string[] = open === 0 ? [] : [`${counted(open, 'ssh connection')} open ${traffic}`]
  if (logins !== undefined) logged.push(`${counted(logins.count, 'other login')} open: ${logins.first}`)
  const weak = (reasons: readonly string[], evidence: WeakEvidence, limitMinutes: number): readonly Hold[] =>
    reasons.map((reason) => ({ kind: 'hold', reason, evidence, limitMinutes }))
  return [
    ...weak(outputs, 'output', limits.output_hold_minutes),
    ...weak(logged, 'connection', limits.connection_hold_minutes),
  ]
}

/** The hold with the longest limit, the others named in its reason. */
function longest(all: readonly Hold[]): Hold | undefined {
  const [first, ...others] = [...all].sort((a, b) => b.limitMinutes - a.limitMinutes)
  if (first === undefined) return undefined
  return { ...first, reason: [first, ...others].map(({ reason }) => reason).join('; also ') }
}

function nobody(now: SessionsSample): Reading {
  const count = now.terminals.length
  return {
    kind: 'idle',
    reason: count === 0 ? 'nobody connected' : `${counted(count, 'terminal')}, no input since the last check`,
  }
}

/** The first of: input, seen or passed over ssh, an answer to a warning, a new ssh session, ssh traffic, a job that moves, something unreadable, a hold, nobody. */
function judge(now: SessionsSample, before: SessionsSample, { span, limits }: Context): Reading {
  const leftMs = limits.connection_hold_minutes * 60_000
  const { input, output } = judgeTerminals(now, before, { ...span, leftMs })
  const given = { span, limitMs: limits.unattended_hours * 3_600_000 }
  const attended = span.now.monoMs - now.lastInput <= given.limitMs
  const found = judgeConnections(now.connections, before.connections, { ...given, attended })
  const came = found.fresh?.uid === undefined ? [] : [found.fresh.uid]
  if (input !== undefined) return person({ ...input, uids: [...input.uids, ...came] }, span)
  const hidden = typed(found.used, now.terminals, span)
  const used = hidden === undefined ? (answer(found, before, span) ?? connected(found, span)) : person(hidden, span)
  if (used !== undefined) return used
  const { working, ...others } = judgeJobs(now, before, given)
  if (working !== undefined) {
    const reason = `job ${place(working)}: ${processName(working.comm, working.pid)}`
    return { kind: 'active', reason, at: span.now.monoMs, person: false, by: { pid: working.pid } }
  }
  if (found.unreadable !== undefined) return unreadable(found.unreadable)
  const shown = output === undefined ? others : { output, ...others }
  return longest(holds({ usual: found.used.length > 0, ...shown }, now, limits)) ?? nobody(now)
}

/** People, their foreground jobs and their connections, from /dev/pts and /proc alone: neither utmp nor logind is asked. */
export const sessions: Sensor<SessionsSample, typeof sessionsOptions> = {
  name: 'sessions',
  sampleVersion: 2,
  options: sessionsOptions,
  read,
  settle: (sample, { warned }) => ({
    ...sample,
    ...ownWarning(sample, warned),
    ...(warned.length === 0 ? {} : { warned: true as const }),
  }),
  judge,
}
