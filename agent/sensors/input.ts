/** What the times of terminals say: input means a person, output without input means little (kernel.md 2). */
import type { FileStat } from '../host/host.ts'
import type { Instant } from '../types.ts'
import type { Span } from './sensor.ts'
import { keyOf, type Terminal, type TerminalsSample, terminalId } from './terminals.ts'

/** Something seen on a terminal. */
export interface Seen {
  readonly name: string
  /** Device number of the terminal; not of /dev/tty, which is everybody's. */
  readonly tty?: number
  readonly at: Instant
  /** Everybody whose input it may have been. */
  readonly uids: readonly number[]
}

/** Device number, as in `st_rdev`. */
export function deviceOf({ id }: Pick<Terminal, 'id'>): number {
  return Number(id.split(':')[1])
}

type Times = Pick<Terminal, 'atimeMs' | 'ctimeMs'>

/** The kernel keeps the first read of each 8 s (tty_update_time): the number of these since the epoch. */
function bucket(ms: number): number {
  return Math.floor(ms / 8000)
}

/** Was something read from it after the 8 s in which it was made? From what a program makes for a command, nothing is. */
function wasReadLater({ atimeMs, ctimeMs }: Terminal): boolean {
  return bucket(atimeMs) > bucket(ctimeMs)
}

/**
 * Does the terminal, where it is new, show that somebody has come? One of this machine does. A container's is made at each
 * of its starts, by whatever restarts it: only what was read from it later does.
 */
function showsArrival(one: Terminal): boolean {
  return one.apart !== true || wasReadLater(one)
}

/**
 * One that has gone since `before`: somebody logged out, and the last keys went with the terminal. Only after input in the
 * interval before `before`, or up to `leftMs` ago where it ever had keys: a session which breaks off long after shows nobody.
 */
function left(
  now: TerminalsSample,
  before: TerminalsSample & { readonly at?: Instant },
  { monoMs, leftMs }: { readonly monoMs: Instant; readonly leftMs: number },
): Terminal | undefined {
  const { at } = before
  if (at === undefined) return undefined
  const present = new Set(now.terminals.map(keyOf))
  const near = (one: Terminal): boolean => one.since >= at || (monoMs - one.since <= leftMs && wasReadLater(one))
  return before.terminals.find((one) => one.apart !== true && near(one) && !present.has(keyOf(one)))
}

/** Those that may have had input since `before`, which keeps what it costs to know more of them from a check that saw none. */
export function touched(now: TerminalsSample, before: TerminalsSample | undefined): readonly Terminal[] {
  const earlier = new Map(before?.terminals.map((one) => [keyOf(one), one.atimeMs]))
  return now.terminals.filter((one) => {
    const atimeMs = earlier.get(keyOf(one))
    return atimeMs === undefined ? showsArrival(one) : atimeMs !== one.atimeMs
  })
}

/** Keys of terminals that are new and show nobody's arrival. */
export function broughtAlong(now: readonly Terminal[], before: readonly Terminal[]): ReadonlySet<string> {
  const earlier = new Set(before.map(keyOf))
  return new Set(now.filter((one) => !earlier.has(keyOf(one)) && !showsArrival(one)).map(keyOf))
}

/** Terminals without input since `before` keep the time of their last one. */
export function withLastInput<T extends TerminalsSample>(now: T, before: TerminalsSample | undefined): T {
  const earlier = new Map(before?.terminals.map((one) => [keyOf(one), one]))
  const terminals = now.terminals.map((one) => {
    const old = earlier.get(keyOf(one))
    return old?.atimeMs === one.atimeMs ? { ...one, since: Math.min(one.since, old.since) } : one
  })
  return { ...now, terminals }
}

/** Remembers that the present modification time of these terminals is our own doing: exactly that 8 s bucket is no output. */
export function ownWarning(sample: TerminalsSample, stats: readonly FileStat[]): TerminalsSample {
  const own = new Map(stats.map((stat) => [keyOf({ id: terminalId(stat), ctimeMs: stat.ctimeMs }), stat.mtimeMs]))
  const terminals = sample.terminals.map((one) => {
    const ownMtimeMs = own.get(keyOf(one))
    return ownMtimeMs === undefined ? one : { ...one, ownMtimeMs }
  })
  return { ...sample, terminals }
}

/** When an access time can change again, in wall clock. */
function bucketEndMs({ atimeMs }: Times): number {
  return (bucket(atimeMs) + 1) * 8000
}

/** Can input in this interval have left no trace, since it fell into the 8 s of a read that was seen before? */
export function mayHideInput(one: Terminal, { now, ms }: Span): boolean {
  return one.atimeMs <= now.wallMs && bucketEndMs(one) > now.wallMs - ms
}

/**
 * When the input behind an access time was made, at the latest. After a step of the wall clock, or where the result lies
 * outside the interval, it is now.
 */
function inputAt(one: Times, isNew: boolean, moment: { readonly span: Span; readonly stepped: boolean }): Instant {
  const { now, ms } = moment.span
  const wallMs = isNew ? Math.max(bucketEndMs(one), one.ctimeMs) : bucketEndMs(one)
  const at = now.monoMs - (now.wallMs - wallMs)
  return !moment.stepped && at > now.monoMs - ms && at < now.monoMs ? at : now.monoMs
}

/** Was something read through /dev/tty? A new or touched one (`ctime`: anybody may) cannot be compared, and tells nothing. */
function readThroughTty(now: TerminalsSample, before: TerminalsSample): Times | undefined {
  const [one, old] = [now.tty, before.tty]
  if (one === undefined || old === undefined || keyOf(one) !== keyOf(old) || one.atimeMs === old.atimeMs)
    return undefined
  return one
}

/**
 * Latest input, and a terminal with output, in the interval. Input: a terminal is new or its access time is another, earlier
 * or later; or one has gone whose last input is at most `leftMs` old. A new one that shows nobody's arrival is like output.
 */
export function judgeTerminals(
  now: TerminalsSample,
  before: TerminalsSample & { readonly at?: Instant },
  { leftMs = 0, ...span }: Span & { readonly leftMs?: number },
): { readonly input?: Seen; readonly output?: string } {
  const earlier = new Map(before.terminals.map((one) => [keyOf(one), one]))
  const moment = { span, stepped: Math.abs(now.offsetMs - before.offsetMs) >= 1000 }
  let input: Seen | undefined
  const uids = new Set<number>()
  for (const one of touched(now, before)) {
    const at = inputAt(one, !earlier.has(keyOf(one)), moment)
    for (const uid of one.uids ?? []) uids.add(uid)
    if (input === undefined || at > input.at) input = { name: one.name, tty: deviceOf(one), at, uids: [] }
  }
  const through = readThroughTty(now, before)
  const throughAt = through === undefined ? undefined : inputAt(through, false, moment)
  if (throughAt !== undefined && (input === undefined || throughAt > input.at))
    input = { name: '/dev/tty', at: throughAt, uids: [] }
  const gone = left(now, before, { monoMs: span.now.monoMs, leftMs })
  if (gone !== undefined) input = { name: gone.name, at: span.now.monoMs, uids: [] }
  let output: string | undefined
  for (const one of now.terminals) {
    const old = earlier.get(keyOf(one))
    const ours = old?.ownMtimeMs === one.mtimeMs || (one.ours === true && old?.ours === true)
    if (old === undefined ? !showsArrival(one) : old.mtimeMs !== one.mtimeMs && !ours) output = one.name
  }
  const all = input === undefined ? {} : { input: { ...input, uids: [...uids] } }
  return { ...all, ...(output === undefined ? {} : { output }) }
}
