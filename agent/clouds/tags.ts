/** The names of the tags in the cloud, and what an operator's tags mean. */

/** The tags that the agent writes; the role's allow-list names all of them. */
export const writtenTags = ['IdleStatus', 'IdleSince', 'IdleAction', 'IdleReason'] as const

/** Tags that later versions write; the role's allow-list names these, too. */
export const laterTags = ['Profile', 'Ledger'] as const

/** The tags that an operator sets and the agent only reads. */
export const operatorTagNames = ['KeepAwakeUntil', 'Protected'] as const

type TagName = (typeof writtenTags)[number] | (typeof operatorTagNames)[number]

/** The key in the cloud. A colon is legal in EC2 keys, in EC2 metadata and in Azure names (cloud.md 1.2, 2.2). */
export function tagKey(prefix: string, name: TagName): string {
  return `${prefix}:${name}`
}

/** Whether `Protected` protects: any value but `false` does, the empty one too; no tag does not. */
export function isProtected(value: string | undefined): boolean {
  return value !== undefined && value.trim().toLowerCase() !== 'false'
}

const EPOCH_SECONDS = /^\d{10,11}$/
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?:Z|([+-])(\d{2}):?(\d{2})?)?$/i
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/**
 * Until when `KeepAwakeUntil` holds, in wall milliseconds; `undefined` without the tag; `unreadable` holds without an end.
 * ISO 8601 (UTC unless it says otherwise), a date alone (to the end of that day, UTC), or epoch seconds of ten digits and more.
 */
export function keepAwakeUntil(value: string | undefined): number | 'unreadable' | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000
  const day = dayOf(text)
  if (day !== undefined) return day + DAY
  return momentOf(text) ?? 'unreadable'
}

/** Start of a calendar day, UTC; `undefined` for text that is none, and for a day that the month does not have. */
function dayOf(text: string): number | undefined {
  const [, year = '', month = '', day = ''] = DATE.exec(text) ?? []
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day))
  // Date.UTC takes 31 February for 3 March; only a real day reads back as it was written.
  return year !== '' && new Date(ms).toISOString().startsWith(`${text}T`) ? ms : undefined
}

function momentOf(text: string): number | undefined {
  const [, date = '', ...rest] = DATE_TIME.exec(text) ?? []
  const [hour = 0, minute = 0, second = 0] = rest.slice(0, 3).map((part) => Number(part ?? 0))
  const [offsetHour = 0, offsetMinute = 0] = rest.slice(4).map((part) => Number(part ?? 0))
  const day = dayOf(date)
  const endOfDay = hour === 24 && minute === 0 && second === 0
  if (day === undefined || (hour > 23 && !endOfDay) || minute > 59 || second > 60) return undefined
  if (offsetHour > 14 || offsetMinute > 59) return undefined
  const offset = (offsetHour * 60 + offsetMinute) * (rest[3] === '-' ? -MINUTE : MINUTE)
  return day + (hour * 60 + minute) * MINUTE + second * 1000 - offset
}

/** Longest wait for a turn to write tags, in milliseconds: 100,000 machines need 2.8 h at EC2's ten writes a second (cloud.md 1.7); more is none that was drawn. */
export const longestTurnMs = 3 * 3_600_000
