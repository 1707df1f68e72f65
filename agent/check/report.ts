/** What a check tells: the object of `check --json`, the file behind `status`, the lines for a person. */

import type { Checked } from '../agent.ts'
import { methodIn } from '../decide/explain.ts'
import { duration, toWall } from '../decide/words.ts'
import { endedInWords } from '../leases/chain.ts'
import type { Decision, NamedReading } from '../types.ts'
import { accepted, iso, stateInWords } from '../words.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'

const MOST_ENDED = 8

/** `check --json`, schema idle-agent.check.v1. */
export function checkObject(parts: Parts, checked: Checked): Record<string, unknown> {
  const { look, decision } = checked
  const { clocks, identity } = look.moment
  const idle = decision.verdict === 'idle' && decision.phase !== 'grace'
  return {
    schema: 'idle-agent.check.v1',
    at: new Date(clocks.wallMs).toISOString(),
    host: {
      cloud: parts.cloud.name,
      // While metadata is silent, the id that it gave earlier in this run.
      id: decision.state.identity.instanceId ?? null,
      region: look.region ?? null,
      bootId: identity.bootId,
      uptimeSeconds: Math.round(clocks.bootMs / 1000),
    },
    verdict: decision.verdict,
    state: decision.phase,
    idleSince: idle ? new Date(toWall(decision.state.idleSince, clocks)).toISOString() : null,
    idleSeconds: idle ? Math.floor((clocks.monoMs - decision.state.idleSince) / 1000) : 0,
    covered: { seconds: Math.round(look.coveredMs / 100) / 10, complete: decision.interval.covered },
    next: nextOf(parts, look, decision),
    reason: decision.reason,
    cause: decision.cause,
    readings: look.readings.map(readingObject),
    vetoes: look.vetoes.map(({ name, reason }) => ({ name, reason })),
    actions: checked.deeds.map(({ action, result, detail }) => ({ action, result, detail })),
    ...(checked.notes.length === 0 ? {} : { notes: checked.notes }),
  }
}

/** What happens next if nothing changes, and when; `at` is null where the end is not known. */
function nextOf(parts: Parts, look: Look, decision: Decision): Record<string, unknown> {
  const { clocks } = look.moment
  if (decision.phase === 'grace') {
    return { action: 'none', at: iso(toWall(Math.max(decision.state.run.graceUntil, clocks.monoMs), clocks)) }
  }
  if (!parts.policy.enabled || decision.verdict !== 'idle') return { action: 'none', at: null }
  const pending = decision.actions.find((action) => action.kind === 'act')
  const method = methodIn(decision.state, parts.policy.action)
  const past = parts.policy.action === 'report' && decision.phase === 'acting'
  const at =
    decision.due === undefined || past ? null : new Date(Math.round(toWall(decision.due, clocks))).toISOString()
  return { action: pending?.method ?? method, at }
}

function readingObject(reading: NamedReading): Record<string, unknown> {
  const { sensor, kind, reason, value, unit, limit } = reading
  return {
    sensor,
    kind,
    reason,
    ...(value === undefined ? {} : { value }),
    ...(unit === undefined ? {} : { unit }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** Whose leases hold no longer, by number: names are nobody's business. At most eight. */
export function endedLeases(parts: Parts, { leases: { ended } }: Look): readonly string[] {
  const named = ended.slice(0, MOST_ENDED).map((chain) => endedInWords(chain, parts.settings.keepCeilingMs))
  return ended.length > MOST_ENDED ? [...named, `leases of ${ended.length - MOST_ENDED} more users ended`] : named
}

/** What everybody on the machine may read: the check without texts that other people wrote. */
export function statusOf(parts: Parts, look: Look, decision: Decision): Record<string, unknown> {
  const object = checkObject(parts, { look, decision, deeds: [], notes: [] })
  const { state } = decision
  return {
    ...object,
    schema: 'idle-agent.status.v1',
    unknownSince: look.blind,
    wanted: parts.policy.action,
    enabled: parts.policy.enabled,
    // Without a driver nothing is ever stopped, whatever is wanted.
    stoppable: parts.cloud.defaultAction !== 'report',
    clockReason: state.idleSinceReason,
    run: { began: iso(state.run.began.wallMs), cause: state.run.cause },
    schedule: {
      configuredSeconds: parts.policy.checkIntervalMs / 1000,
      observedSeconds: state.cadenceMs.map((ms) => Math.round(ms / 1000)),
    },
    score: state.score,
    falseStops: state.falseStops.length,
    unseenStops: state.unseenStops,
    lastStop: state.told,
    ...(state.attempt.refusal === undefined ? {} : { refusal: state.attempt.refusal }),
    ...callOf(look, decision),
    tags: state.tags,
    endedLeases: endedLeases(parts, look),
  }
}

/** A call that was sent and may still be carried out. */
function callOf({ moment }: Look, { state }: Decision): { readonly call?: string } {
  const { IdleAction } = state.tags
  if (IdleAction !== 'hibernating' && IdleAction !== 'stopping') return {}
  if (state.run.ended || moment.intent?.phase === 'accepted') return { call: `${IdleAction}: ${accepted}` }
  return { call: `${IdleAction}: sent, and not answered; it may still happen, else it is sent again` }
}

const marks: Record<NamedReading['kind'], string> = { active: '●', hold: '◐', idle: '○', unknown: '?', absent: '·' }
const colours: Record<NamedReading['kind'], number> = { active: 32, hold: 33, idle: 2, unknown: 31, absent: 2 }

/** The check for a person: the sentence first, then its evidence. */
export function checkLines(checked: Checked, colour: boolean): readonly string[] {
  const { look, decision, deeds } = checked
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const headline = { active: 32, idle: 36, unknown: 31 }[decision.verdict]
  const { verdict, phase, reason } = decision
  const lines = [`${paint(headline, verdict)}${stateInWords({ verdict, state: phase, reason })}: ${reason}`]
  const width = Math.max(9, ...look.readings.map(({ sensor }) => sensor.length))
  for (const { sensor, kind, reason } of look.readings) {
    lines.push(`  ${paint(colours[kind], `${marks[kind]} ${sensor.padEnd(width)} ${kind.padEnd(8)}`)} ${reason}`)
  }
  for (const { name, reason, detail } of look.vetoes) {
    lines.push(
      `  ${paint(33, `! ${name.padEnd(width)} ${'veto'.padEnd(8)}`)} ${detail === undefined ? reason : `${reason} (${detail})`}`,
    )
  }
  if (look.coveredMs > 0) lines.push(paint(2, `  ${coverLine(look, decision)}`))
  for (const { action, result, detail } of deeds) lines.push(`  ${paint(1, `→ ${action} ${result}`)}: ${detail}`)
  return [...lines, ...checked.notes.map((note) => `  note: ${note}`)]
}

/** What the readings are about; where nothing of this run is recorded, a check by hand looks twice. */
function coverLine({ coveredMs }: Look, { interval }: Decision): string {
  const long = duration(coveredMs)
  if (interval.newRun) return `covers ${long}: two looks of this check, since there is no earlier one to compare with`
  return `covers the last ${long}${interval.covered ? '' : `, which do not count as idle: ${interval.reason}`}`
}
