/** A moment of the past as people write it on the command line. */
import { isDay, parseDuration } from './keep-time.ts'
import type { LocalTime } from './local-time.ts'

const DAY_MS = 86_400_000

/** Wall time of `7d` or `90m` (so long ago), `14:02` or `14:02:30` (the last one), `2026-11-20`, `2026-11-20 14:02` or `2026-11-20T14:02Z`, local unless it says UTC; or why it is none. */
export function parsePast(text: string, nowMs: number, local: LocalTime): number | string {
  if (/^(\d+[dhms])+$/.test(text)) {
    const ms = parseDuration(text)
    return typeof ms === 'number' ? nowMs - ms : ms
  }
  const [, hour, rest] = /^(\d\d?)(:\d\d(?::\d\d)?)$/.exec(text) ?? []
  if (hour !== undefined) {
    const ms = inZone(`${local.day(nowMs)}T${hour.padStart(2, '0')}${rest}`, local)
    if (!Number.isNaN(ms)) return ms > nowMs ? ms - DAY_MS : ms
  }
  const [, date, time = 'T00:00', zone] = /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d)?)?(Z?)$/.exec(text) ?? []
  const written = `${date}${time.replace(' ', 'T')}`
  const ms = zone === 'Z' ? Date.parse(`${written}Z`) : inZone(written, local)
  if (date !== undefined && isDay(date) && !Number.isNaN(ms)) return ms
  const yesterday = local.day(nowMs - DAY_MS)
  return `"${text}" is no time; write it as 7d, 14:00, ${yesterday} or "${yesterday} 14:00" (local time), or ${yesterday}T14:00Z`
}

/** Of two that a clock shows twice one, of none that it skips another near it. */
function inZone(written: string, local: LocalTime): number {
  const asUtc = Date.parse(`${written}Z`)
  if (Number.isNaN(asUtc)) return asUtc
  return asUtc - local.offset(asUtc - local.offset(asUtc))
}
