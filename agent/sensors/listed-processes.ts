/** The processes sensor: programs whose existence, or work, an operator has declared to need this machine. */
import type { Host } from '../host/host.ts'
import { type JsonObject, numberAt, optional, textAt } from '../parse.ts'
import type { ListOption } from '../types/options.ts'
import type { Reading } from '../types.ts'
import { msPerTick, secondsOf } from './counts.ts'
import { carries, nameFits, userId } from './listed-match.ts'
import { breathe, ownProcess, type Process, processTable, uidOf } from './processes.ts'
import type { Sensor, Span } from './sensor.ts'
import { duration, processName } from './words.ts'

const printable = '^[!-~]([ -~]{0,62}[!-~])?$'

export const processesOption = {
  type: 'blocks',
  most: 32,
  about: 'Programs that keep this machine up while they run. One that comes and goes between two checks is not seen',
  fields: {
    name: {
      type: 'text',
      required: true,
      pattern: '^[!-.0-~]([ -.0-~]{0,62}[!-.0-~])?$',
      rule: '1 to 64 printable characters without /, where * stands for any',
      about: "The program's name, or a pattern with * for any characters",
    },
    user: {
      type: 'text',
      pattern: '^([A-Za-z_][A-Za-z0-9._-]{0,31}|[0-9]{1,10})$',
      rule: 'the name or number of a user',
      about: 'Only processes of this user count, and without an end unless max_hours is given',
    },
    argument: {
      type: 'text',
      pattern: printable,
      rule: '1 to 64 printable characters, where * stands for any',
      about: 'A word of the command line, whole or without its folders, must match this pattern; it is shown nowhere',
    },
    min_cpu_cores: {
      type: 'number',
      min: 0.01,
      max: 64,
      unit: 'cores',
      about: 'They count only while together they use as much CPU time; without it, while they exist',
    },
    max_hours: {
      type: 'number',
      min: 0.05,
      max: 720,
      unit: 'hours',
      about:
        'They hold the machine at most so long after the last other activity. Without it, 24 hours, since everybody ' +
        "can call a program as they like; but root's processes and those of user without an end",
    },
  },
} as const satisfies ListOption

const defaultHours = 24

/** One entry of the configuration. */
interface Rule {
  /** Tells it from the others, from one check to the next. */
  readonly key: string
  readonly name: string
  readonly user?: string
  readonly argument?: string
  readonly cores?: number
  readonly hours?: number
}

/** A process that fits a rule; ticks with those of its children that ended. */
type Match = readonly [pid: number, start: number, uid: number, ticks: number, comm: string]

interface ProcessesSample {
  readonly found: Readonly<Record<string, readonly Match[]>>
}

/** Most processes that are kept for a rule: any user can have thousands of a name. */
const mostKept = 200

function ruleOf(entry: JsonObject): Rule {
  const { user } = optional(entry, 'user', textAt)
  const { argument } = optional(entry, 'argument', textAt)
  const { min_cpu_cores: cores } = optional(entry, 'min_cpu_cores', numberAt)
  const { max_hours: hours } = optional(entry, 'max_hours', numberAt)
  return {
    key: JSON.stringify([textAt(entry, 'name'), user ?? '', argument ?? '']),
    name: textAt(entry, 'name'),
    ...(user === undefined ? {} : { user }),
    ...(argument === undefined ? {} : { argument }),
    ...(cores === undefined ? {} : { cores }),
    ...(hours === undefined ? {} : { hours }),
  }
}

/** Uid of a process that fits; `undefined` where it does not, or is gone. */
async function fitting(
  host: Host,
  process: Process,
  { name, argument, uid }: Rule & { readonly uid: number | undefined },
): Promise<number | undefined> {
  if (!(await nameFits(host, process, name))) return undefined
  const owner = await uidOf(host, process.pid)
  if (owner === undefined || (uid !== undefined && owner !== uid)) return undefined
  return argument === undefined || (await carries(host, process.pid, argument)) ? owner : undefined
}

async function matchesOf(host: Host, rule: Rule, signal: AbortSignal): Promise<readonly Match[]> {
  const uid = rule.user === undefined ? undefined : await userId(host, rule.user, signal)
  const own = await ownProcess(host)
  const found: Match[] = []
  for (const [step, process] of [...(await processTable(host, signal)).values()].entries()) {
    await breathe(host, step, signal)
    const { pid, start, state, comm, utime, stime, cutime, cstime } = process
    if (pid === own?.pid || state === 'Z' || state === 'X') continue
    const owner = await fitting(host, process, { ...rule, uid })
    if (owner !== undefined) found.push([pid, start, owner, utime + stime + cutime + cstime, comm])
  }
  // Root's first: they may hold without an end.
  return found.sort((a, b) => a[2] - b[2] || b[3] - a[3]).slice(0, mostKept)
}

/** CPU time in the interval in cores. Of one that was there and did not fit, or was not kept, all: in doubt it worked. */
function coresOf(now: readonly Match[], before: readonly Match[], { ms }: Span): number {
  let ticks = 0
  for (const [pid, start, , total] of now) {
    const old = before.find((one) => one[0] === pid && one[1] === start)
    ticks += Math.max(0, total - (old?.[3] ?? 0))
  }
  return (ticks * msPerTick) / 1000 / secondsOf(ms)
}

function judgeRule(
  rule: Rule,
  now: readonly Match[],
  { before, span }: { before: readonly Match[]; span: Span },
): Reading {
  const named = now.filter(([, , uid]) => uid === 0 || rule.user !== undefined)
  const told = rule.hours === undefined && named.length > 0 && isEnough(rule, named, { before, span })
  const counted = told ? named : now
  const [first] = counted
  if (first === undefined || !isEnough(rule, counted, { before, span }))
    return { kind: 'idle', reason: `no ${rule.name}${first === undefined ? '' : ' at work'}` }
  const [pid, , uid, , comm] = first
  const cores = rule.cores === undefined ? '' : `: ${coresOf(counted, before, span).toFixed(2)} cores`
  const reason = `process ${processName(comm, pid)} of uid ${uid} is configured to keep this machine up${cores}`
  if (told) return { kind: 'active', reason }
  const hours = rule.hours ?? defaultHours
  const most = `, for ${duration(hours * 3_600_000)} at most`
  return { kind: 'hold', reason: `${reason}${most}`, evidence: 'process', limitMinutes: hours * 60 }
}

function isEnough({ cores }: Rule, now: readonly Match[], { before, span }: { before: readonly Match[]; span: Span }) {
  return cores === undefined || coresOf(now, before, span) >= cores
}

/** Pure: the strongest of what the rules say. */
function judge(
  rules: readonly Rule[],
  now: ProcessesSample,
  { before, span }: { before: ProcessesSample; span: Span },
) {
  const readings = rules.map((rule) =>
    judgeRule(rule, now.found[rule.key] ?? [], { before: before.found[rule.key] ?? [], span }),
  )
  const active = readings.find(({ kind }) => kind === 'active')
  const holds = readings.filter((one) => one.kind === 'hold')
  const longest = holds.toSorted((a, b) => b.limitMinutes - a.limitMinutes)[0]
  const idle: Reading = { kind: 'idle', reason: readings.map(({ reason }) => reason).join(', ') }
  return active ?? longest ?? idle
}

/** The sensor for these entries of the configuration. */
export function listedProcesses(entries: readonly JsonObject[]): Sensor<ProcessesSample> {
  const rules = entries.map(ruleOf)
  return {
    name: 'processes',
    sampleVersion: 1,
    options: {},
    async read(host, signal) {
      const found: [string, readonly Match[]][] = []
      for (const rule of rules) found.push([rule.key, await matchesOf(host, rule, signal)])
      return { found: Object.fromEntries(found) }
    },
    judge: (now, before, { span }) => judge(rules, now, { before, span }),
  }
}
