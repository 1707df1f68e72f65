/** What is written in one form wherever it is shown: times, one form for programs and one for people, and kinds of evidence. */
import type { WeakEvidence } from './types.ts'

const YEAR_0_MS = Date.UTC(2000, 0) - 2000 * 365.2425 * 86_400_000
const YEAR_9999_MS = Date.UTC(9999, 11, 31, 23, 59, 59)

/** `2026-11-22T18:04:00Z`, whole seconds; years before 0 and after 9999, which no text has room for, read as these. */
export function iso(wallMs: number): string {
  const shown = Math.min(Math.max(wallMs, YEAR_0_MS), YEAR_9999_MS)
  return `${new Date(Math.floor(shown / 1000) * 1000).toISOString().slice(0, 19)}Z`
}

/**
 * Nothing but printable ASCII, as most texts are: what controls a terminal or hides is then not looked for, since an
 * expression with whole categories of Unicode takes 0.2 ms to compile, at every check.
 */
export function isPlainAscii(text: string): boolean {
  return /^[ -~]*$/.test(text)
}

const FAR_MS = 20 * 3_600_000
const NEAR_MS = 600_000

/** `18:04 UTC`; `18:04:09 UTC` where it is less than ten minutes away and not on the minute; with the date where it is over 20 hours away. */
export function timeInWords(wallMs: number, nowMs: number): string {
  const text = iso(wallMs)
  const away = Math.abs(wallMs - nowMs)
  if (away > FAR_MS) return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`
  const exact = away < NEAR_MS && text.slice(17, 19) !== '00'
  return `${text.slice(11, exact ? 19 : 16)} UTC`
}

/** Every kind of weak evidence, and what people call it. */
const evidence: Readonly<Record<WeakEvidence, string>> = {
  connection: 'an open connection',
  output: 'output without input',
  'gpu-memory': 'GPU memory in use',
  'gpu-work': 'GPU work that may go on in bursts',
  housekeeping: 'housekeeping of the system itself',
  process: 'a configured process',
  client: 'a client of a configured service',
}

/** False also for a kind of another version. */
export function isWeakEvidence(text: string): text is WeakEvidence {
  return Object.hasOwn(evidence, text)
}

/** ` (counting)`, to follow the verdict; nothing where the verdict, or the reason that comes next, says the same. */
export function stateInWords(said: {
  readonly verdict: string
  readonly state: string
  readonly reason: string
}): string {
  return said.state === said.verdict || said.reason.startsWith(said.state) ? '' : ` (${said.state})`
}

/** What comes of `hibernate`, `stop` or `report`, to go before a time. */
export function actionInWords(action: string): string {
  return action === 'report' ? 'would be reported as idle' : action
}

/** Ends what the status says of a call after which only the machine going down is left. */
export const accepted = 'the cloud has accepted it'

/** As in `an open connection until 18:00`. */
export function evidenceInWords(kind: string): string {
  return isWeakEvidence(kind) ? evidence[kind] : kind
}
