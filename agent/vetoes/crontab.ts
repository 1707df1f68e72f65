/** The lines of a crontab (crontab(5)) and the minutes they run in. Pure; times are minutes since the epoch. */

/** One line that runs something. */
export interface CronLine {
  /** Time zone of the line, where the crontab names one (`CRON_TZ`). */
  readonly zone: string | undefined
  readonly command: string
  readonly when: When
}

interface When {
  readonly minute: ReadonlySet<number>
  readonly hour: ReadonlySet<number>
  readonly day: ReadonlySet<number>
  readonly month: ReadonlySet<number>
  readonly weekday: ReadonlySet<number>
  /** Day and weekday must both fit if one of them begins with `*`; otherwise one that fits is enough. */
  readonly bothDays: boolean
}

/** A minute as a clock on the wall shows it. */
export interface WallMinute {
  /** Since the epoch. */
  readonly at: number
  readonly minute: number
  readonly hour: number
  readonly day: number
  readonly month: number
  readonly weekday: number
}

const nicknames: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const weekdays = 'sun mon tue wed thu fri sat'.split(' ')

interface Bounds {
  readonly from: number
  readonly to: number
  /** Names of the values, from the first on. */
  readonly names?: readonly string[]
}

function parseValue(text: string, { from, to, names = [] }: Bounds): number {
  const named = names.indexOf(text.toLowerCase())
  const value = named >= 0 ? from + named : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= from && value <= to)) throw new Error('a field of a crontab is not understood')
  return value
}

/** Parses `*`, `1-5`, `*`/`5`, `mon,wed`. Throws where it is none of these. */
export function parseField(text: string, bounds: Bounds): ReadonlySet<number> {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(part) ?? []
    const [first = '', last, more] = range.split('-')
    const from = range === '*' ? bounds.from : parseValue(first, bounds)
    // A single value with a step runs on to the end in some crons: rather too often than too seldom.
    const open = range === '*' || part.includes('/') ? bounds.to : from
    const to = last === undefined ? open : parseValue(last, bounds)
    if (more !== undefined || Number(step) < 1 || to < from) throw new Error('a field of a crontab is not understood')
    for (let value = from; value <= to; value += Number(step)) values.add(value)
  }
  return values
}

function parseWhen(fields: readonly string[]): When {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  const week = parseField(weekday, { from: 0, to: 7, names: weekdays })
  return {
    minute: parseField(minute, { from: 0, to: 59 }),
    hour: parseField(hour, { from: 0, to: 23 }),
    day: parseField(day, { from: 1, to: 31 }),
    month: parseField(month, { from: 1, to: 12, names: months }),
    weekday: new Set([...week].map((value) => value % 7)),
    bothDays: day.startsWith('*') || weekday.startsWith('*'),
  }
}

/** Minute, hour, day, month, weekday, and what follows them: in the system's own crontabs the user, then the command. */
const timed = /^-?(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S.*)$/
const named = /^(@\w+)[ \t]+(\S.*)$/

function commandOf(rest: string, hasUser: boolean): string {
  const command = hasUser ? /^\S+[ \t]+(\S.*)$/.exec(rest)?.[1] : rest
  if (command === undefined) throw new Error('a line of a crontab has no command')
  return command
}

/** Parses a crontab; `hasUser` for the system's own, whose lines name one. `@reboot` is never due. Throws where a line is not understood. */
export function parseCrontab(text: string, hasUser: boolean): readonly CronLine[] {
  let zone: string | undefined
  const lines: CronLine[] = []
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const assigned = /^["']?([A-Za-z_]\w*)["']?[ \t]*=[ \t]*(.*)$/.exec(line)
    if (assigned !== null) {
      if (assigned[1] === 'CRON_TZ') zone = assigned[2]?.replace(/^["'](.*)["']$/, '$1') || undefined
      continue
    }
    const [, nickname, what] = named.exec(line) ?? []
    if (nickname === '@reboot') continue
    const [, ...fields] = nickname === undefined ? (timed.exec(line) ?? []) : nicknameFields(nickname, what ?? '')
    const command = commandOf(fields[5] ?? '', hasUser)
    lines.push({ zone, command, when: parseWhen(fields) })
  }
  return lines
}

function nicknameFields(nickname: string, what: string): readonly string[] {
  return ['', ...(nicknames[nickname] ?? '').split(' '), what]
}

function fits({ when }: CronLine, wall: WallMinute): boolean {
  if (!when.minute.has(wall.minute) || !when.hour.has(wall.hour) || !when.month.has(wall.month)) return false
  const [day, weekday] = [when.day.has(wall.day), when.weekday.has(wall.weekday)]
  return when.bothDays ? day && weekday : day || weekday
}

/** Minutes that are looked at: the runs after `from` count, and those within `horizon` before a run tell whether it is one of many. */
export interface Window {
  readonly minutes: readonly WallMinute[]
  /** First minute whose run is still to come, or has only just begun. */
  readonly from: number
  /** A run that follows another one so closely is one of many; in minutes. */
  readonly horizon: number
}

/**
 * The first run in the window of a line that did not run within the horizon before it, or `undefined`.
 */
export function dueMinute(line: CronLine, { minutes, from, horizon }: Window): number | undefined {
  let before = Number.NEGATIVE_INFINITY
  for (const wall of minutes) {
    if (!fits(line, wall)) continue
    if (wall.at >= from && wall.at - before > horizon) return wall.at
    before = wall.at
  }
  return undefined
}
