// Leaves out checks of which nothing comes: the machine stays as it is, no tag can be written, nothing is due.
import type { Checked } from '../../../agent/agent.ts'
import { loadState, type Stored, saveState } from '../../../agent/state.ts'
import type { Clocks } from '../../../agent/types.ts'
import { createLeanStore } from './lean-store.ts'
import { neededTo, neededUntil, nextNeed } from './life.ts'
import { INTERVAL_MS, type Machine, nothing, paths } from './machine.ts'

/** Until when every check would say what this one said, apart from tags; `undefined` where that is not sure. */
function sameUntil(machine: Machine, nowMs: number, { decision }: Checked): number | undefined {
  const { state, phase, verdict, store } = decision
  if (!store || state.run.ended || state.attempt.refusals > 0) return undefined
  const { life } = machine.options
  const used = neededTo(life, nowMs)
  const graceMs = machine.momentOf(state.run.graceUntil)
  if (verdict === 'active') return used
  if (phase !== 'grace' || verdict === 'unknown') return undefined
  return used === undefined ? Math.min(nextNeed(life, nowMs) ?? graceMs, graceMs) : undefined
}

/** From when on a check may write tags; `undefined` where the next one may. */
function tagsFrom(machine: Machine, { state, mirror }: Stored): number | undefined {
  const { written, instanceId, bootId, notBeforeBootMs } = mirror
  if (machine.options.broken) return Number.POSITIVE_INFINITY
  const same = written !== undefined && JSON.stringify(written) === JSON.stringify(state.tags)
  if (same && instanceId === state.identity.instanceId) return Number.POSITIVE_INFINITY
  if (notBeforeBootMs === undefined || bootId !== state.identity.bootId) return undefined
  return machine.momentOf(notBeforeBootMs) - INTERVAL_MS
}

/** What the checks up to `tickMs` would have left. */
function asIfChecked(
  machine: Machine,
  stored: Stored,
  { tickMs, active }: { tickMs: number; active: boolean },
): Stored {
  const at = (n: number): Clocks => machine.clocksAt(machine.lookAt(tickMs - n * INTERVAL_MS))
  const last = at(0)
  const { state, samples, segment } = stored
  const work = samples['work']
  if (work === undefined) throw new Error('skip: no sample')
  const sample = { sumMs: neededUntil(machine.options.life, machine.lookAt(tickMs)).sumMs }
  return {
    ...stored,
    state: {
      ...state,
      last,
      cadenceMs: [0, 1, 2].map((n) => at(n).monoMs - at(n + 1).monoMs).toReversed(),
      idleSince: active ? Math.max(last.monoMs, state.idleSince) : state.idleSince,
    },
    samples: { ...samples, work: { ...work, sample } },
    sampledAt: last,
    segment: { ...segment, until: last.wallMs },
  }
}

/** The tick of the next check that is worth making, at `tickMs` or later; what the checks between would have left is in the state then. */
export async function skipSteady(
  machine: Machine,
  given: { readonly nowMs: number; readonly tickMs: number; readonly checked: Checked },
): Promise<number> {
  const { nowMs, tickMs, checked } = given
  const same = sameUntil(machine, nowMs, checked)
  if (same === undefined) return tickMs
  const host = { ...nothing, store: createLeanStore(machine.files) }
  const { stored } = await loadState(host, paths.state)
  const tags = stored === undefined ? undefined : tagsFrom(machine, stored)
  if (stored === undefined || tags === undefined) return tickMs
  const until = Math.min(same, tags)
  if (!Number.isFinite(until)) return until
  let next = tickMs
  while (machine.lookAt(next + INTERVAL_MS) < until) next += INTERVAL_MS
  // The first checks of a run have no cadence yet.
  if (next < tickMs + 3 * INTERVAL_MS) return tickMs
  const active = checked.decision.verdict === 'active'
  await saveState(host, paths.state, asIfChecked(machine, stored, { tickMs: next - INTERVAL_MS, active }))
  return next
}
