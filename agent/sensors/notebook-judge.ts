/** Judges kernels and R sessions: busy, used, only open, or nothing. */
import type { Instant, Reading } from '../types.ts'
import { msPerTick } from './counts.ts'
import type { Subject } from './gated.ts'
import { readNotebooks } from './notebook-read.ts'
import type { NotebooksSample, Seat } from './notebook-seats.ts'
import type { notebooksOptions } from './notebooks.ts'
import type { Context } from './sensor.ts'
import { counted, duration } from './words.ts'

interface Given extends Context<typeof notebooksOptions> {
  /** When the earlier sample was taken. */
  readonly from: Instant
}

const names = { kernel: 'notebook kernel', rsession: 'RStudio session' } as const

/** "uid 1000: notebook kernel busy for 12 min (pid 4242)". */
function said({ uid, kind, pid }: Seat, what: string): string {
  return `uid ${uid}: ${names[kind]} ${what} (pid ${pid})`
}

/** When it was used, or begun, after the earlier sample. */
function usedIn(seat: Seat, { from, span: { now } }: Given): Instant | undefined {
  if (seat.used !== undefined && seat.used > from) return seat.used
  const began = now.monoMs - (now.bootMs - seat.start * msPerTick)
  return began > from ? Math.min(began, now.monoMs) : undefined
}

/** Has it been busy, or used, for so long without a pause that this proves nobody's need? */
function tooLong({ usedSince, steadySince }: Seat, { span, limits }: Given): boolean {
  const { monoMs } = span.now
  if (monoMs - (usedSince ?? monoMs) > limits.busy_hours * 3_600_000) return true
  return monoMs - (steadySince ?? monoMs) > limits.connection_hold_minutes * 60_000
}

function activity(seat: Seat, at: Instant, { span }: Given): Reading {
  const { monoMs } = span.now
  if (seat.busy) {
    return { kind: 'active', reason: said(seat, `busy for ${duration(monoMs - (seat.busySince ?? at))}`), at }
  }
  const what = at === seat.used ? 'used' : 'started'
  return { kind: 'active', reason: said(seat, `${what} ${duration(monoMs - at)} ago`), at }
}

/** Why it may be somebody's need although nothing shows it. */
function weak(seat: Seat, given: Given): string | undefined {
  const { monoMs } = given.span.now
  if (usedIn(seat, given) !== undefined) {
    const since = duration(monoMs - (seat.usedSince ?? monoMs))
    return said(seat, seat.busy ? `busy, for ${since} without a pause` : `polled, for ${since} without a pause`)
  }
  if (seat.kind === 'rsession') return said(seat, 'open')
  if (seat.told === undefined) return said(seat, 'whose server does not tell whether it works')
  if (seat.told.open) return said(seat, 'open in a browser')
  return seat.wakes === true ? said(seat, 'wakes, though its server tells of no use') : undefined
}

function judge(
  now: NotebooksSample,
  before: NotebooksSample | undefined,
  context: Context<typeof notebooksOptions>,
): Reading {
  const given = { ...context, from: before?.at ?? context.span.now.monoMs - context.span.ms }
  let best: { readonly seat: Seat; readonly at: Instant } | undefined
  for (const seat of now.seats) {
    const at = tooLong(seat, given) ? undefined : usedIn(seat, given)
    if (at === undefined) continue
    const first = best === undefined || at > best.at || (at === best.at && seat.busy && !best.seat.busy)
    if (first) best = { seat, at }
  }
  if (best !== undefined) return activity(best.seat, best.at, given)
  const weaker = now.seats.map((seat) => weak(seat, given)).filter((reason) => reason !== undefined)
  const [reason] = weaker
  if (reason !== undefined) {
    const more = weaker.length === 1 ? '' : `; ${weaker.length - 1} more`
    const limitMinutes = given.limits.connection_hold_minutes
    return { kind: 'hold', reason: `${reason}${more}`, evidence: 'connection', limitMinutes }
  }
  return { kind: 'idle', reason: `${counted(now.seats.length, names.kernel)}, none used since the last check` }
}

export const subject: Subject<NotebooksSample, typeof notebooksOptions> = { read: readNotebooks, judge }
