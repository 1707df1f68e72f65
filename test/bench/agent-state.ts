// Puts the state that a check left back in time, so that the next check finds the history that a case needs.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** What the state is to say; everything else in it stays as the last check left it. */
export interface History {
  /** The last check was so long ago. Waiting for it would take hours, and two checks at once merge into one. */
  readonly checkedMs: number
  /** Nothing has needed the machine for so long. */
  readonly idleMs: number
  /** What the agent last wanted in the tags, and what the cloud is known to show; as they are unless given. */
  readonly tags?: Tags
  readonly written?: Tags
}

const Tags = z.object({ IdleStatus: z.string(), IdleSince: z.string(), IdleAction: z.string(), IdleReason: z.string() })
export type Tags = z.infer<typeof Tags>

export const activeTags: Tags = { IdleStatus: 'active', IdleSince: '', IdleAction: '', IdleReason: '' }

const Stored = z.looseObject({
  state: z.looseObject({ run: z.looseObject({ id: z.string() }), tags: Tags, unknownSince: z.number().optional() }),
  mirror: z.looseObject({ written: Tags.optional() }),
  segment: z.looseObject({ until: z.number() }).optional(),
})

const YEAR_MS = 365 * 86_400_000

/** This machine's clocks, `ms` ago. */
export function clocksAgo(ms: number): { wallMs: number; bootMs: number; monoMs: number } {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  const monoMs = Number(process.hrtime.bigint()) / 1e6
  return { wallMs: Date.now() - ms, bootMs: Math.round(uptime * 1000) - ms, monoMs: monoMs - ms }
}

/** Rewrites `state.json`, and forgets intents. Throws if the state has no longer the form that is expected here. */
export function rewriteHistory(stateDir: string, { checkedMs, idleMs, tags, written }: History): void {
  const path = join(stateDir, 'state.json')
  const { state, mirror, segment, ...rest } = Stored.parse(JSON.parse(readFileSync(path, 'utf8')))
  const { unknownSince: _, ...known } = state
  const checked = clocksAgo(checkedMs)
  const began = clocksAgo(Math.max(idleMs, checkedMs))
  const idleSince = clocksAgo(idleMs).monoMs
  const present = tags ?? state.tags
  const rewritten = {
    ...known,
    last: checked,
    cadenceMs: [checkedMs, checkedMs, checkedMs],
    run: { ...state.run, began, graceUntil: began.monoMs, personSeen: true, ended: false },
    idleSince,
    idleSinceReason: 'the bench says so',
    seen: {},
    alerted: false,
    // Everybody was told long ago: nobody on this machine gets a message about a stop that is simulated.
    warned: { idleSince, due: idleSince + YEAR_MS },
    tags: present,
    reasonClass: '',
    attempt: { refusals: 0, stopInstead: false },
  }
  const shown = { ...mirror, failures: 0, written: written ?? present }
  // Or the next check would find a gap, and write it to the history.
  const adjoined = segment === undefined ? {} : { segment: { ...segment, until: checked.wallMs } }
  writeFileSync(path, JSON.stringify({ ...rest, ...adjoined, state: rewritten, sampledAt: checked, mirror: shown }))
  rmSync(join(stateDir, 'intents.jsonl'), { force: true })
}
