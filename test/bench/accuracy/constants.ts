/**
 * Everything that was chosen for the bench on real series, frozen: the split, the truth, the peers' settings. The agent's own
 * constants are not here but where the agent has them; they were tuned on `tuned` machines and developers only.
 */
import { createHash } from 'node:crypto'

/** Which half a machine or developer belongs to, by a hash of its name: nobody can choose it. */
export function half(name: string): 'tuned' | 'scored' {
  return (createHash('sha256').update(`idle-agent ${name}`).digest()[0] ?? 0) % 2 === 0 ? 'tuned' : 'scored'
}

/** Minutes of one sample of the series. */
export const SLOT_MINUTES = 5

/** The agent's thresholds: its defaults, checked once a sample. */
export const ACT_MINUTES = 10

/** A stop so soon before somebody or something is active again was false; the other two are reported beside it. */
export const FALSE_MINUTES = [30, 10, 120] as const

/** Minutes that a stop and a start cost together. */
export const SWITCH_MINUTES = [15, 60] as const

/** Minutes that somebody waits for a machine that was stopped. */
export const RESUME_MINUTES = 2

/** Time-outs that are tried, in minutes; the same are the experts of the share algorithm. */
export const TIMEOUTS = [5, 15, 30, 60, 120] as const

/** Share algorithm (Herbster and Warmuth; for disks Helmbold et al., MONET 5): learning rate and share. */
export const SHARE = { eta: 4, alpha: 0.08 } as const

/** Truth by a session: so long before and after a commit. */
export const SESSION_MINUTES = [45, 15] as const

export const BOOTSTRAP = { resamples: 2_000, seed: 7, low: 0.025, high: 0.975 } as const
