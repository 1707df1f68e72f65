/** What a lease is, how it is written in its file, and when it ends. */
import type { FileStat, Host } from '../host/host.ts'
import { numberAt, objectAt, oneOf, parseObject, textAt } from '../parse.ts'
import type { Clocks, Instant } from '../types.ts'
import { timeInWords } from '../words.ts'

/** The end that the owner asked for. Boot time is CLOCK_BOOTTIME, which no wall step moves. */
export type LeaseEnd =
  | { readonly kind: 'for'; readonly bootMs: number; readonly bootId: string }
  | { readonly kind: 'until'; readonly wallMs: number }
  | { readonly kind: 'pid'; readonly pid: number; readonly startTicks: number; readonly bootId: string }

export interface Lease {
  /** The file's name, `<uid>-<0..15>`. */
  readonly id: string
  readonly uid: number
  readonly reason: string
  readonly until: LeaseEnd
  /** When the file was last changed, by the kernel: its owner cannot forge it. */
  readonly ctimeMs: number
}

/** A lease that holds now. */
export interface HeldLease extends Lease {
  /** When it ends by itself; not set for a process's. */
  readonly endsAt?: Instant
  /** The same on the wall clock. */
  readonly endsWallMs?: number
}

export const MAX_LEASE_BYTES = 4096
export const LEASES_A_USER = 16
const MAX_REASON = 200
/** The year 5138; keeps sums of two within what a date can hold. */
const MAX_TIME_MS = 1e14
const NAME = /^(0|[1-9]\d{0,9})-(\d|1[0-5])$/

/** The uid in a lease's name, or `undefined` if it is none. */
export function uidOfName(name: string): number | undefined {
  const uid = NAME.exec(name)?.[1]
  return uid === undefined ? undefined : Number(uid)
}

/** The names of a user's leases. */
export function namesOf(uid: number): readonly string[] {
  return Array.from({ length: LEASES_A_USER }, (_, slot) => `${uid}-${slot}`)
}

/** One line of at most 200 characters, without control, formatting and direction characters. */
export function cleanReason(text: string): string {
  const line = text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
  return [...line.trim()].slice(0, MAX_REASON).join('').trim()
}

/** A whole number from 0 to `max`. Throws Error naming the key. */
function countAt(object: Readonly<Record<string, unknown>>, key: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = numberAt(object, key)
  if (value < 0 || value > max) throw new Error(`${key} is out of range`)
  return value
}

function parseEnd(end: Readonly<Record<string, unknown>>): LeaseEnd {
  const kind = oneOf(end, 'kind', ['for', 'until', 'pid'] as const)
  switch (kind) {
    case 'for':
      return { kind, bootMs: countAt(end, 'bootMs', MAX_TIME_MS), bootId: textAt(end, 'bootId') }
    case 'until':
      return { kind, wallMs: countAt(end, 'wallMs', MAX_TIME_MS) }
    case 'pid':
      return { kind, pid: countAt(end, 'pid'), startTicks: countAt(end, 'startTicks'), bootId: textAt(end, 'bootId') }
  }
}

/** The lease in a file. Throws Error saying why it is none: by its name, links, owner or text. */
export function parseLease(name: string, file: { readonly text: string; readonly stat: FileStat }): Lease {
  const { stat } = file
  const uid = uidOfName(name)
  if (uid === undefined) throw new Error('its name is not of a lease')
  if (stat.nlink !== 1) throw new Error(`it has ${stat.nlink} links`)
  if (stat.uid !== uid) throw new Error('its owner is not the one in its name')
  const object = parseObject(file.text)
  if (numberAt(object, 'schema') !== 1) throw new Error('its schema is not 1')
  if (textAt(object, 'id') !== name) throw new Error('its id is not its name')
  const until = parseEnd(objectAt(object, 'until'))
  return { id: name, uid, reason: cleanReason(textAt(object, 'reason')), until, ctimeMs: stat.ctimeMs }
}

/** The file's text. */
export function formatLease(lease: { readonly id: string; readonly reason: string; readonly until: LeaseEnd }): string {
  const { id, reason, until } = lease
  return `${JSON.stringify({ schema: 1, id, reason, until })}\n`
}

/** Milliseconds that the lease's own end leaves it; nothing or less once it has ended. */
async function ownTimeLeft(host: Host, { uid, until }: Lease, now: Clocks): Promise<number> {
  if (until.kind === 'until') return until.wallMs - now.wallMs
  if (until.bootId !== host.self.bootId) return 0
  if (until.kind === 'for') return until.bootMs - now.bootMs
  // The owner first: if the start time fits afterwards, it was the owner of this very process.
  const owner = await host.self.ownerOf(until.pid)
  const same = (await host.self.startTicksOf(until.pid)) === until.startTicks
  return same && (uid === 0 || owner === uid) ? Number.POSITIVE_INFINITY : 0
}

/** The lease with its ends, or `undefined` once it has ended. The ceiling is not applied: it is of all leases of a user together (chain.ts). */
export async function heldLease(host: Host, lease: Lease, now: Clocks): Promise<HeldLease | undefined> {
  const left = await ownTimeLeft(host, lease, now)
  if (left <= 0) return undefined
  if (lease.until.kind === 'pid') return lease
  return { ...lease, endsAt: now.monoMs + left, endsWallMs: now.wallMs + left }
}

/** `until 18:00 UTC (make train)`, `while process 4242 runs`. */
export function leaseInWords(lease: HeldLease, now: Clocks): string {
  return lease.reason === '' ? endInWords(lease, now) : `${endInWords(lease, now)} (${lease.reason})`
}

/** `until 18:00 UTC`, `while process 4242 runs`: without the words of its owner. */
export function endInWords({ until, endsWallMs }: HeldLease, now: Clocks): string {
  return until.kind === 'pid'
    ? `while process ${until.pid} runs`
    : `until ${timeInWords(endsWallMs ?? now.wallMs, now.wallMs)}`
}
