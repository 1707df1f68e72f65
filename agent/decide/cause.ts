/** What a check's verdict rests on, by name: the same order of precedence as the sentence in explain.ts. Pure. */
import type { Cause } from '../types/cause.ts'
import type { NamedReading, State } from '../types.ts'
import type { Judgement } from './policy.ts'
import type { Standing } from './state.ts'

/** The one thing without which the machine would be nearer to its stop. */
export function causeOf(
  { run, attempt }: State,
  { phase, vetoes, held, due }: Standing,
  seen: { readonly judgement: Judgement; readonly readings: readonly NamedReading[] },
): Cause {
  const { active, unknown } = seen.judgement
  const [blind] = unknown
  const [veto] = vetoes
  if (active !== undefined) return { sensor: active.sensor, kind: 'active', reason: active.reason }
  if (phase === 'grace') return { kind: 'grace', reason: run.cause }
  if (blind !== undefined) return { ...blind, kind: 'unknown' }
  if (veto !== undefined) return { veto: veto.name, kind: 'veto', reason: veto.reason }
  if (phase !== 'acting' && due !== undefined) {
    if (attempt.retryAt === due) return { kind: 'refused', reason: attempt.refusal ?? 'no answer' }
    if (held?.until === due) {
      const { evidence } = held
      const one = seen.readings.find((reading) => reading.kind === 'hold' && reading.evidence === evidence)
      // Without one it has just ended, and holds for the time of a warning.
      return { ...(one && { sensor: one.sensor }), kind: 'hold', evidence, reason: one?.reason ?? evidence }
    }
  }
  return { kind: 'idle', reason: 'nothing needed this machine' }
}
