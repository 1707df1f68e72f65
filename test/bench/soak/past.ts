// What a soak's machine left before it begins: a history and an audit log that are about to be rolled up for the first time.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { lineOf } from '../../../agent/history/lines.ts'
import { MOST_BYTES } from '../../../agent/history.ts'
import { DAY, HOUR, MINUTE } from './owner.ts'

/** Where the audit log is rewritten, in bytes (agent/audit.ts). */
const AUDIT_STEP = 1_048_576
/** What is left to write until then: some days of a soak. */
const ROOM = 60_000
const PAST_MS = 170 * DAY

/** Writes both, of the 170 days before that moment of the wall clock. */
export function writePast(stateDir: string, wallMs: number): void {
  const began = wallMs - PAST_MS
  mkdirSync(join(stateDir, 'log'), { recursive: true })
  write(join(stateDir, 'history.jsonl'), MOST_BYTES - ROOM, (share) => {
    const from = Math.round(began + share * PAST_MS)
    const cause = { kind: 'active', sensor: 'sessions', reason: `in use: input on pts/0 ${from % 60} s ago` }
    return lineOf({ from, until: from + 4 * MINUTE, verdict: 'active', state: 'active', cause, checks: 2 })
  })
  write(join(stateDir, 'log/audit.jsonl'), AUDIT_STEP - ROOM, (share) => {
    const at = new Date(began + share * (PAST_MS - HOUR)).toISOString()
    const detail = 'CreateTags was refused: UnauthorizedOperation; the role lacks ec2:CreateTags for this instance'
    return `${JSON.stringify({ at, action: 'tag', result: 'failed', detail })}\n`
  })
}

/** Lines that together take so many bytes; `share` of them is written. */
function write(path: string, bytes: number, line: (share: number) => string): void {
  const count = Math.floor(bytes / Buffer.byteLength(line(0)))
  let text = ''
  for (let index = 0; index < count; index += 1) text += line(index / count)
  appendFileSync(path, text, { mode: 0o600 })
}
