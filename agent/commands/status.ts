/** `status`: what the last check left for everybody to read. */
import { pathsOf } from '../check/parts.ts'
import { shutdownNotes } from '../clouds/shutdown.ts'
import { duration } from '../decide/words.ts'
import { HostError, messageOf, UsageError } from '../errors.ts'
import { leaseInWords } from '../leases/lease.ts'
import { isObject, type JsonObject, listAt, numberAt, objectAt, parseObject, textAt } from '../parse.ts'
import type { Clocks } from '../types.ts'
import { accepted, actionInWords, stateInWords } from '../words.ts'
import { watchedWords } from './check-beside.ts'
import type { CommandContext } from './context.ts'
import { type OwnedLease, shownLeases } from './lease-folder.ts'
import { type LocalTime, localTime } from './local-time.ts'

/** Leases of others that are shown to root; "keep --list" has them all. */
const MOST_SHOWN = 16

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
  const view = {
    now: host.clocks(),
    local: localTime(host),
    colour,
    uid: host.self.uid,
    leases: await shownLeases(context),
  }
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
  readonly local: LocalTime
  readonly colour: boolean
  readonly uid: number
  /** The caller's leases, for root everybody's. */
  readonly leases: readonly OwnedLease[]
}

function statusLines(status: JsonObject, view: View): readonly string[] {
  const bold = (text: string): string => (view.colour ? `\u001b[1m${text}\u001b[0m` : text)
  const { local } = view
  const nowMs = view.now.wallMs
  const fault = faultLines(status, view).map(bold)
  if (status['verdict'] === undefined && fault.length > 0) return fault
  const atMs = Date.parse(textAt(status, 'at'))
  if (Number.isNaN(atMs)) throw new Error('at is no time')
  const row = (name: string, text: string): string => `  ${name.padEnd(12)} ${text}`
  const vetoes = listAt(status, 'vetoes', (one) => (isObject(one) ? one : {}))
  return [
    ...fault,
    bold(local.sentence(headline(status), atMs)),
    row('last check', `${local.both(atMs, nowMs)}${late(status, nowMs - atMs)}`),
    row('idle since', sinceWords(status, view)),
    row('next', nextWords(objectAt(status, 'next'), status, view)),
    ...watchedLines(status),
    ...(typeof status['call'] === 'string' ? [row('call', status['call'])] : []),
    ...vetoes.map((veto) => row('veto', local.sentence(vetoWords(String(veto['name']), String(veto['reason'])), atMs))),
    ...(status['endedLeases'] === undefined ? [] : listAt(status, 'endedLeases', String)).map((text) =>
      row('lease', text.replace(/^lease /, '')),
    ),
    ...leaseRows(view, atMs).map(([name, text]) => row(name, local.sentence(text, nowMs))),
    ...readingRows(status, view).map(([name, text]) => row(name, text)),
    row('run', runWords(objectAt(status, 'run'), view)),
    ...shutdownLines(status).map((text) => row('billing', text)),
    ...scoreLines(status, row),
  ]
}

/** Each sensor, and since when one cannot be read; every other was read by the last check. */
function readingRows(status: JsonObject, view: View): readonly (readonly [string, string])[] {
  const since = isObject(status['unknownSince']) ? status['unknownSince'] : {}
  return listAt(status, 'readings', (one) => (isObject(one) ? one : {})).map((reading) => {
    const name = String(reading['sensor'])
    const at = since[name]
    const known = reading['kind'] === 'unknown' && typeof at === 'string' ? ` since ${when(at, view)}` : ''
    return [name, `${String(reading['kind'])}${known}: ${String(reading['reason'])}`]
  })
}

/** What keeps the agent from its work, before everything else: what follows is of the last check that could. */
function faultLines(status: JsonObject, view: View): readonly string[] {
  if (!isObject(status['fault'])) return []
  const { fault } = status
  return [`idle-agent has not worked since ${when(textAt(fault, 'since'), view)}: ${textAt(fault, 'reason')}`]
}

function headline(status: JsonObject): string {
  const said = { verdict: textAt(status, 'verdict'), state: textAt(status, 'state'), reason: textAt(status, 'reason') }
  return `${said.verdict}${stateInWords(said)}: ${said.reason}`
}

function vetoWords(name: string, reason: string): string {
  return reason.startsWith(name) ? reason : `${name}: ${reason}`
}

/** The caller's leases and, for root, those of others; a check has to see one before it is among the vetoes. */
function leaseRows({ now, uid, leases }: View, checkedMs: number): readonly (readonly [string, string])[] {
  const words = (lease: OwnedLease): string =>
    `${leaseInWords(lease, now)}${lease.ctimeMs > checkedMs ? '; the next check will see it' : ''}`
  const own = leases.filter((lease) => lease.uid === uid)
  const others = leases.filter((lease) => lease.uid !== uid)
  const more = others.length - MOST_SHOWN
  return [
    ...own.map((lease) => ['your lease', `${lease.id} ${words(lease)}`] as const),
    ...others.slice(0, MOST_SHOWN).map((lease) => ['lease', `${lease.id} of ${lease.owner} ${words(lease)}`] as const),
    ...(more > 0 ? [['lease', `${more} more: "sudo idle-agent keep --list" shows them`] as const] : []),
  ]
}

function runWords(run: JsonObject, view: View): string {
  return `since ${when(textAt(run, 'began'), view)}: ${textAt(run, 'cause')}`
}

/** Where nothing can be stopped, that is no secret. */
function watchedLines({ stoppable }: JsonObject): readonly string[] {
  return stoppable === false ? [`  only watched: ${watchedWords}`] : []
}

/** Where it is no stop, whoever thinks of it should know. */
function shutdownLines(status: JsonObject): readonly string[] {
  const { host } = status
  const note = isObject(host) ? shutdownNotes.get(String(host['cloud'])) : undefined
  return note === undefined ? [] : [note]
}

/** A time of the file (ISO 8601) as a person reads it. */
function when(text: string, { now, local }: View): string {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? text : local.both(ms, now.wallMs)
}

function sinceWords(status: JsonObject, view: View): string {
  const since = status['idleSince']
  if (typeof since === 'string') return when(since, view)
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

function nextWords(next: JsonObject, status: JsonObject, view: View): string {
  if (status['enabled'] === false) return 'nothing: the agent is switched off (enabled: false)'
  const action = textAt(next, 'action')
  const at = next['at']
  if (status['state'] === 'grace') return `counting begins at ${when(String(at ?? 'the end of grace'), view)}`
  if (String(status['call']).endsWith(accepted)) return 'nothing but the machine going down'
  if (action === 'none') {
    const wanted = status['wanted'] === 'report' ? 'a report' : String(status['wanted'])
    return `nothing: ${wanted} comes after the configured minutes of idleness`
  }
  if (action === 'report' && typeof at !== 'string')
    return 'nothing: it was reported once, and is again after the next use'
  const doing = actionInWords(action)
  return typeof at === 'string' ? `${doing} at ${when(at, view)}` : `${doing} when nothing forbids it any more`
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
