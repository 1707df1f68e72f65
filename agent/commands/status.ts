/** `status`: what the last check left for everybody to read. */
import { pathsOf } from '../check/parts.ts'
import { shutdownNotes } from '../clouds/shutdown.ts'
import { duration } from '../decide/words.ts'
import { HostError, messageOf, UsageError } from '../errors.ts'
import { type HeldLease, leaseInWords } from '../leases/lease.ts'
import { ownLeases } from '../leases.ts'
import { isObject, type JsonObject, listAt, numberAt, objectAt, parseObject, textAt } from '../parse.ts'
import type { Clocks } from '../types.ts'
import { timeInWords } from '../words.ts'
import type { CommandContext } from './context.ts'
import { leaseFolder } from './lease-folder.ts'

/** Throws HostError if no check has left a status. */
export async function status(context: CommandContext): Promise<number> {
  const { host, flags, args, out, colour } = context
  if (args.length > 0) throw new UsageError(`status takes no arguments, got ${args.join(' ')}`)
  const path = pathsOf(flags.stateDir).status
  const text = await host.store.read(path)
  if (text === undefined) {
    throw new HostError(
      `${path} is not there: no check has run since boot; run "sudo idle-agent check --act" or look at the schedule`,
    )
  }
  const view = { now: host.clocks(), colour, own: await ownLeases(host, leaseFolder(context)) }
  const lines = readable(path, () => statusLines(parseObject(text), view))
  for (const line of flags.json ? [text.trim()] : lines) out(line)
  return 0
}

/** What `read` makes of the status at `path`. Throws HostError where that is damaged. */
export function readable<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new HostError(`${path} cannot be used (${messageOf(error)}); the next check writes it anew`, { cause: error })
  }
}

interface View {
  readonly now: Clocks
  readonly colour: boolean
  /** The caller's leases. */
  readonly own: readonly HeldLease[]
}

function statusLines(status: JsonObject, view: View): readonly string[] {
  const bold = (text: string): string => (view.colour ? `\u001b[1m${text}\u001b[0m` : text)
  const nowMs = view.now.wallMs
  const fault = faultLines(status, nowMs).map(bold)
  if (status['verdict'] === undefined && fault.length > 0) return fault
  const atMs = Date.parse(textAt(status, 'at'))
  if (Number.isNaN(atMs)) throw new Error('at is no time')
  const row = (name: string, text: string): string => `  ${name.padEnd(12)} ${text}`
  const readings = listAt(status, 'readings', (one) => (isObject(one) ? one : {}))
  const vetoes = listAt(status, 'vetoes', (one) => (isObject(one) ? one : {}))
  return [
    ...fault,
    bold(`${textAt(status, 'verdict')} (${textAt(status, 'state')}): ${textAt(status, 'reason')}`),
    row('last check', `${duration(nowMs - atMs)} ago${late(status, nowMs - atMs)}`),
    row('idle since', sinceWords(status, nowMs)),
    row('next', nextWords(objectAt(status, 'next'), status, nowMs)),
    ...(typeof status['call'] === 'string' ? [row('call', status['call'])] : []),
    ...vetoes.map((veto) => row('veto', `${String(veto['name'])}: ${String(veto['reason'])}`)),
    ...(status['endedLeases'] === undefined ? [] : listAt(status, 'endedLeases', String)).map((text) =>
      row('lease', text),
    ),
    ...view.own.map((lease) => row('your lease', ownWords(lease, view.now, atMs))),
    ...readings.map((reading) =>
      row(String(reading['sensor']), `${String(reading['kind'])}: ${String(reading['reason'])}`),
    ),
    row('run', runWords(objectAt(status, 'run'), nowMs)),
    ...shutdownLines(status).map((text) => row('billing', text)),
    ...scoreLines(status, row),
  ]
}

/** What keeps the agent from its work, before everything else: what follows is of the last check that could. */
function faultLines(status: JsonObject, nowMs: number): readonly string[] {
  if (!isObject(status['fault'])) return []
  const { fault } = status
  return [`idle-agent has not worked since ${when(textAt(fault, 'since'), nowMs)}: ${textAt(fault, 'reason')}`]
}

/** A lease of the caller's; the check has to see it once before it is among the vetoes. */
function ownWords(lease: HeldLease, now: Clocks, checkedMs: number): string {
  const unseen = lease.ctimeMs > checkedMs ? '; the next check will see it' : ''
  return `${lease.id} ${leaseInWords(lease, now)}${unseen}`
}

function runWords(run: JsonObject, nowMs: number): string {
  return `since ${when(textAt(run, 'began'), nowMs)} (${textAt(run, 'cause')})`
}

/** Where it is no stop, whoever thinks of it should know. */
function shutdownLines(status: JsonObject): readonly string[] {
  const { host } = status
  const note = isObject(host) ? shutdownNotes.get(String(host['cloud'])) : undefined
  return note === undefined ? [] : [note]
}

/** A time of the file (ISO 8601) as a person reads it. */
function when(text: string, nowMs: number): string {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? text : timeInWords(ms, nowMs)
}

function sinceWords(status: JsonObject, nowMs: number): string {
  const since = status['idleSince']
  if (typeof since === 'string') return when(since, nowMs)
  if (status['state'] === 'grace') return 'not counted yet'
  return `not idle; the clock began again with: ${textAt(status, 'clockReason')}`
}

/** A schedule that does not match the configuration is said, not hidden; what comes first explains it otherwise. */
function late(status: JsonObject, ageMs: number): string {
  if (isObject(status['fault'])) return ''
  const seconds = numberAt(objectAt(status, 'schedule'), 'configuredSeconds')
  return ageMs > (2 * seconds + 30) * 1000
    ? `: the schedule does not run (a check is due every ${duration(seconds * 1000)})`
    : ''
}

function nextWords(next: JsonObject, status: JsonObject, nowMs: number): string {
  if (status['enabled'] === false) return 'nothing: the agent is switched off (enabled: false)'
  const action = textAt(next, 'action')
  const at = next['at']
  if (status['state'] === 'grace') return `counting begins at ${when(String(at ?? 'the end of grace'), nowMs)}`
  if (action === 'none') return `nothing: ${String(status['wanted'])} comes after the configured minutes of idleness`
  if (action === 'report' && typeof at !== 'string')
    return 'nothing: it was reported once, and is again after the next use'
  return typeof at === 'string' ? `${action} at ${when(at, nowMs)}` : `${action} when nothing forbids it any more`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function scoreLines(status: JsonObject, row: (name: string, text: string) => string): readonly string[] {
  const score = objectAt(status, 'score')
  const lines: string[] = []
  if (status['wanted'] === 'report') {
    lines.push(
      row(
        'score',
        `would have stopped ${times(numberAt(score, 'wouldHaveStopped'))}, ${numberAt(score, 'wouldHaveBeenFalse')} false`,
      ),
    )
  }
  if (numberAt(status, 'falseStops') > 0) {
    lines.push(
      row('false stops', `${numberAt(status, 'falseStops')} in 28 days: the threshold is longer at those hours`),
    )
  }
  return typeof status['refusal'] === 'string' ? [...lines, row('refused', status['refusal'])] : lines
}
