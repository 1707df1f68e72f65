// The soak's own account of every stop, held against the audit log and the journal, one by one, over all rewritings of the log.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { LoggedRequest } from '../../clouds/aws.ts'
import { DAY } from './owner.ts'

const Line = z.looseObject({
  at: z.string(),
  action: z.string(),
  result: z.string(),
  detail: z.string(),
  intentId: z.string().optional(),
  code: z.string().optional(),
  times: z.number().optional(),
})
export type AuditLine = z.infer<typeof Line>

const Intent = z.looseObject({ id: z.string(), method: z.string(), at: z.unknown() })

/** How long each deed can be read, as the product says. */
const KEPT_MS = 90 * DAY
/** Our clock or keys were wrong: what was refused for that is sent again, and told once. */
const sentAgain = /^(RequestExpired|RequestTimeTooSkewed|AuthFailure|SignatureDoesNotMatch|InvalidSignatureException)$/

interface Stop {
  readonly intentId: string
  readonly method: string
  told: boolean
}

/** What reached the cloud in a check. */
export interface Called {
  /** Calls to stop. */
  readonly calls: readonly LoggedRequest[]
  /** How often tags were written. */
  readonly writes: number
}

/** What a check is known to have gone through, from outside. */
export interface Seen extends Called {
  readonly killed: boolean
  /** Nothing could be written for a while. */
  readonly full: boolean
  /** It may have given up before the cloud had answered. */
  readonly hurried: boolean
}

export class Ledger {
  readonly problems: string[] = []
  /** Stops that the cloud accepted. */
  readonly stops: Stop[] = []
  /** Everything the log ever said. */
  readonly lines: AuditLine[] = []
  rewritings = 0
  /** How many of the lines were there before. */
  past = 0
  readonly #audit: string
  readonly #intents: string
  #inode = 0
  #size = 0
  #accepted: Stop[] = []

  constructor(stateDir: string) {
    this.#audit = join(stateDir, 'log/audit.jsonl')
    this.#intents = join(stateDir, 'intents.jsonl')
  }

  /** What was in the log before anything was done. */
  begin(): void {
    this.lines.push(...this.#news().lines)
    this.past = this.lines.length
  }

  /** The cloud has just accepted a stop: its intent is on disk. */
  accepted(method: string, wall: string): void {
    const lines = existsSync(this.#intents) ? readFileSync(this.#intents, 'utf8').split('\n') : []
    const intent = Intent.safeParse(parsed(lines.findLast((line) => line.includes('"method"')))).data
    if (intent === undefined || intent.method !== method)
      this.problems.push(`${wall}: a ${method} was accepted without an intent in the journal`)
    const stop = { intentId: intent?.id ?? 'none', method, told: false }
    this.stops.push(stop)
    this.#accepted.push(stop)
  }

  /** After each check: what it called is what it told. */
  account(seen: Seen): readonly AuditLine[] {
    const { lines, rewritten } = this.#news()
    this.lines.push(...lines)
    for (const line of lines) this.#match(line)
    if (!seen.killed && !seen.full && !rewritten) {
      this.#compare(lines, seen.calls)
      this.#compareTags(lines, seen)
    }
    this.#accepted = []
    return lines
  }

  #match(line: AuditLine): void {
    const { action, result, intentId } = line
    const stop = this.stops.findLast((one) => one.intentId === intentId)
    const isStop = action === 'hibernate' || action === 'stop'
    const isEnd = action === 'reconcile' && /^(hibernated|stopped)/.test(line.detail)
    if (isStop && result === 'done' && stop === undefined)
      this.problems.push(`${line.at}: ${action} done, of which the cloud knows nothing`)
    if (isEnd && stop === undefined) this.problems.push(`${line.at}: the end of a stop that never was: ${line.detail}`)
    else if (isEnd && stop !== undefined) stop.told = true
  }

  #compare(lines: readonly AuditLine[], calls: readonly LoggedRequest[]): void {
    const told = lines.filter(({ action, intentId }) => /^(hibernate|stop)$/.test(action) && intentId !== undefined)
    const sent = calls.filter(({ errorCode, fault }) => fault !== undefined || !sentAgain.test(errorCode ?? ''))
    const at = calls[0]?.at ?? told[0]?.at
    if (told.length !== sent.length)
      this.problems.push(`${at}: ${sent.length} calls to stop, and ${told.length} of them in the audit log`)
    const done = told.filter(({ result }) => result !== 'refused').length
    if (this.#accepted.length > done)
      this.problems.push(`${at}: ${this.#accepted.length} stops accepted, and ${done} of them in the audit log`)
  }

  #compareTags(lines: readonly AuditLine[], { writes, hurried }: Seen): void {
    const told = lines.filter(({ action, result }) => action === 'tag' && result === 'done')
    if (told.length === writes || (hurried && told.length < writes)) return
    this.problems.push(`${told[0]?.at}: tags written ${writes} times, and ${told.length} of them in the audit log`)
  }

  /** At the end: each accepted stop but one that still goes on has its outcome, and the log has all of the last 90 days. */
  close(nowMs: number): void {
    for (const { intentId, told } of this.stops.slice(0, -1))
      if (!told) this.problems.push(`${intentId}: accepted, and its outcome is not in the audit log`)
    const kept = this.#read()
    // Whole days: a sum bears the time of the day's first line.
    const recent = ({ at }: AuditLine): boolean => nowMs - Date.parse(at.slice(0, 10)) < KEPT_MS
    const [wanted, found] = [sums(this.lines.filter(recent)), sums(kept.filter(recent))]
    for (const [key, count] of wanted) {
      if ((found.get(key) ?? 0) !== count)
        this.problems.push(`${key}: ${count} in the last 90 days, and ${found.get(key) ?? 0} of them left in the log`)
    }
  }

  #read(): readonly AuditLine[] {
    if (!existsSync(this.#audit)) return []
    return readFileSync(this.#audit, 'utf8').split('\n').flatMap(lineOf)
  }

  /** What was written since the last time; of a log that was rewritten, whatever is not known yet. */
  #news(): { readonly lines: readonly AuditLine[]; readonly rewritten: boolean } {
    if (!existsSync(this.#audit)) return { lines: [], rewritten: false }
    const { ino, size } = statSync(this.#audit)
    const rewritten = this.#inode !== 0 && ino !== this.#inode
    if (!rewritten && size === this.#size) return { lines: [], rewritten }
    const bytes = readFileSync(this.#audit)
    const from = rewritten ? 0 : this.#size
    this.#inode = ino
    this.#size = size
    const lines = bytes.subarray(from).toString().split('\n').flatMap(lineOf)
    if (!rewritten) return { lines, rewritten }
    this.rewritings += 1
    return { lines: unknownIn(lines, this.lines), rewritten }
  }
}

function parsed(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '')
  } catch {
    return undefined // torn by a process that was killed
  }
}

function lineOf(text: string): readonly AuditLine[] {
  const line = Line.safeParse(parsed(text)).data
  return line === undefined ? [] : [line]
}

/** What a log that was rewritten has more of than is known: the line that made it too large may be in a sum already. */
function unknownIn(lines: readonly AuditLine[], known: readonly AuditLine[]): readonly AuditLine[] {
  const before = sums(known)
  return [...sums(lines)].flatMap(([key, count]) => {
    const line = lines.findLast((one) => keyOf(one) === key)
    const { times: _, ...last } = line ?? { at: '', action: '', result: '', detail: '' }
    return Array.from({ length: Math.max(0, count - (before.get(key) ?? 0)) }, () => last)
  })
}

/** What was done is counted by its intent, the rest by its day and kind, as the log sums it up. */
function keyOf({ at, action, result, code, intentId }: AuditLine): string {
  const isDone = result === 'done' && /^(hibernate|stop|reconcile)$/.test(action)
  return [isDone ? intentId : at.slice(0, 10), action, result, isDone ? '' : code].join(' ')
}

function sums(lines: readonly AuditLine[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) counts.set(keyOf(line), (counts.get(keyOf(line)) ?? 0) + (line.times ?? 1))
  return counts
}
