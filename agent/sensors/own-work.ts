/** What the processes that live used themselves in an interval; how it is compared, for culprit.ts too. */
import { msPerTick } from './counts.ts'
import type { Group } from './groups.ts'

/** One process that has used CPU time: ticks of its own, and of its children that ended; with what is needed to tell it and to name it. */
export type ProcessTimes = readonly [pid: number, start: number, own: number, ended: number, ppid: number, comm: string]

/** The part of a cpu sample that names culprits. */
export interface Workers {
  /** Boot-time clock of the sample, in milliseconds. */
  readonly bootMs: number
  readonly processes: readonly ProcessTimes[]
  /** Most ticks of a process that was left out of `processes`; 0 if none was. */
  readonly cut: number
  readonly groups: readonly Group[]
}

/** What a process whose earlier ticks were not stored can have had then: nothing if it is new, else at most what the cut left out. */
function unstored(times: ProcessTimes, before: Workers, ticks: number): number {
  return times[1] * msPerTick >= before.bootMs ? 0 : Math.min(ticks, before.cut)
}

function byPid(workers: Workers): ReadonlyMap<number, ProcessTimes> {
  return new Map(workers.processes.map((times) => [times[0], times]))
}

/** What culprit.ts compares with; given to it, since what only some checks load takes nothing out of what every check does. */
export interface OwnWork {
  readonly unstored: typeof unstored
  readonly byPid: typeof byPid
  readonly msPerTick: number
}

export const own: OwnWork = { unstored, byPid, msPerTick }

/** Own CPU time of the listed processes in the interval in milliseconds; a lower bound, since those that ended are not in it. */
export function ownWork(now: Workers, before: Workers): number {
  const earlier = byPid(before)
  let ticks = 0
  for (const times of now.processes) {
    const old = earlier.get(times[0])
    const base = old?.[1] === times[1] ? old[2] : unstored(times, before, times[2])
    ticks += Math.max(0, times[2] - base)
  }
  return ticks * msPerTick
}
