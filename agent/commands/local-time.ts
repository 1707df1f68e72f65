/** Wall times as the reader's own clock shows them: one form in `status`, `why` and `history`. */
import { duration } from '../decide/words.ts'
import type { Host } from '../host/host.ts'
import { iso, timeInWords } from '../words.ts'

const DAY_MS = 86_400_000

/** All arguments are wall times in milliseconds. */
export interface LocalTime {
  /** Name of the time zone, as `Europe/Berlin`. */
  readonly zone: string
  /** Milliseconds to add, so that what ISO 8601 calls UTC is local. */
  offset(ms: number): number
  /** `CET`, `UTC`, `GMT+5:30`. */
  abbreviation(ms: number): string
  /** `14:02 CET`; with seconds where it is near, with the date where it is far (words.ts). */
  time(ms: number, nowMs: number): string
  /** `14:02 CET (3 min ago)`, `14:02 CET (in 6 min)`. */
  both(ms: number, nowMs: number): string
  /** `2026-11-22`. */
  day(ms: number): string
  /** `14:02`. */
  clock(ms: number): string
  /** A sentence of the agent's, whose times are in UTC, with local times; `aroundMs` is when it was said. */
  sentence(text: string, aroundMs: number): string
}

/** The zone is that of TZ, else the machine's. */
export function localTime(host: Pick<Host, 'env'>): LocalTime {
  const format = formatIn(host.env('TZ'))
  const { timeZone: zone } = format.resolvedOptions()
  const offset = (ms: number): number => offsetOf(format, ms)
  const abbreviation = (ms: number): string => abbreviationOf(zone, ms)
  const shift = (ms: number): number => ms + offset(ms)
  const time = (ms: number, nowMs: number): string =>
    timeInWords(shift(ms), nowMs + offset(ms)).replace(/UTC$/, () => abbreviation(ms))
  return {
    zone,
    offset,
    abbreviation,
    time,
    both: (ms, nowMs) => `${time(ms, nowMs)} (${relative(ms - nowMs)})`,
    day: (ms) => iso(shift(ms)).slice(0, 10),
    clock: (ms) => iso(shift(ms)).slice(11, 16),
    sentence: (text, aroundMs) => (zone === 'UTC' ? text : localised(text, aroundMs, { offset, abbreviation })),
  }
}

function relative(ms: number): string {
  return ms > 0 ? `in ${duration(ms)}` : `${duration(-ms)} ago`
}

/** TZ may name what nobody knows; then the machine's zone is taken. */
function formatIn(zone: string | undefined): Intl.DateTimeFormat {
  const fields = { hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
  const whole = { year: 'numeric', month: 'numeric', day: 'numeric', hourCycle: 'h23', calendar: 'gregory' } as const
  try {
    const named = zone === undefined || zone === '' ? {} : { timeZone: zone.replace(/^:/, '') }
    return new Intl.DateTimeFormat('en-US', { ...whole, ...fields, ...named })
  } catch (error) {
    if (error instanceof RangeError) return new Intl.DateTimeFormat('en-US', { ...whole, ...fields })
    throw error
  }
}

function offsetOf(format: Intl.DateTimeFormat, ms: number): number {
  const second = Math.floor(ms / 1000) * 1000
  const parts = new Map(format.formatToParts(second).map(({ type, value }) => [type, Number(value)]))
  const [year = 0, month = 1, day, hour, minute, seconds] = (
    ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
  ).map((type) => parts.get(type))
  return Date.UTC(year, month - 1, day, hour, minute, seconds) - second
}

/** American English knows `EST`, British English `CET`; what neither knows is told by its distance. */
function abbreviationOf(timeZone: string, ms: number): string {
  const [american = '', british = ''] = ['en-US', 'en-GB'].map((locale) => {
    const parts = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' }).formatToParts(ms)
    return parts.find(({ type }) => type === 'timeZoneName')?.value
  })
  return american.startsWith('GMT') ? british : american
}

const utcTimes = /(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)? UTC/g
const utcTime = /^(?:(\S+) )?(\S+) UTC$/

function localised(text: string, aroundMs: number, zone: Pick<LocalTime, 'offset' | 'abbreviation'>): string {
  return text.replace(utcTimes, (one) => {
    const [, date, clock = ''] = utcTime.exec(one) ?? []
    const said = Date.parse(`${date ?? iso(aroundMs).slice(0, 10)}T${clock}Z`)
    if (Number.isNaN(said)) return one
    // Without a date it is less than a day from when it was said.
    const ms = said + (date === undefined ? Math.round((aroundMs - said) / DAY_MS) * DAY_MS : 0)
    const local = iso(ms + zone.offset(ms))
    const day = date === undefined ? '' : `${local.slice(0, 10)} `
    return `${day}${local.slice(11, 11 + clock.length)} ${zone.abbreviation(ms)}`
  })
}
