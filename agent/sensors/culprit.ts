/** Names who did most of the work in an interval. Only names: how much work there was is decided in cpu.ts. */
import { msPerTick } from './counts.ts'
import type { Group } from './groups.ts'
import { processName, shown } from './words.ts'

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

interface Suspect {
  readonly name: string
  readonly ms: number
}

/** What a process whose earlier ticks were not stored can have had then: nothing if it is new, else at most what the cut left out. */
function unstored(times: ProcessTimes, before: Workers, ticks: number): number {
  return times[1] * msPerTick >= before.bootMs ? 0 : Math.min(ticks, before.cut)
}

function byPid(workers: Workers): ReadonlyMap<number, ProcessTimes> {
  return new Map(workers.processes.map((times) => [times[0], times]))
}

/**
 * Ticks that a living ancestor took over from processes sampled before that have ended since: they lie before the
 * interval and would count twice (kernel.md 1.4). By pid of the ancestor.
 */
function inherited(
  now: ReadonlyMap<number, ProcessTimes>,
  before: ReadonlyMap<number, ProcessTimes>,
): Map<number, number> {
  const lives = (times: ProcessTimes) => now.get(times[0])?.[1] === times[1]
  const ticks = new Map<number, number>()
  for (const times of before.values()) {
    if (lives(times)) continue
    let ancestor = before.get(times[4])
    for (let depth = 0; ancestor !== undefined && !lives(ancestor) && depth < 64; depth += 1)
      ancestor = before.get(ancestor[4])
    if (ancestor === undefined) continue
    ticks.set(ancestor[0], (ticks.get(ancestor[0]) ?? 0) + times[2] + times[3])
  }
  return ticks
}

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

function processSuspects(now: Workers, before: Workers): readonly Suspect[] {
  const earlier = byPid(before)
  const taken = inherited(byPid(now), earlier)
  const suspects: Suspect[] = []
  for (const times of now.processes) {
    const [pid, start, own, ended, , comm] = times
    const old = earlier.get(pid)
    const known = old?.[1] === start ? old : undefined
    const ownTicks = own - (known?.[2] ?? unstored(times, before, own))
    const endedTicks = ended - (known?.[3] ?? unstored(times, before, ended)) - (taken.get(pid) ?? 0)
    if (ownTicks > 0) suspects.push({ name: processName(comm, pid), ms: ownTicks * msPerTick })
    const parent = pid === 1 ? 'processes that have ended' : `ended children of ${processName(comm, pid)}`
    if (endedTicks > 0) suspects.push({ name: parent, ms: endedTicks * msPerTick })
  }
  return suspects
}

/** Growth of each group less that of its own listed children. */
function groupSuspects(now: Workers, before: Workers): readonly Suspect[] {
  const growth = new Map<string, number>()
  for (const [path, ino, usageUs] of now.groups) {
    const old = before.groups.find(([name, inode]) => name === path && inode === ino)
    growth.set(path, (usageUs - (old?.[2] ?? 0)) / 1000)
  }
  return [...growth].map(([path, ms]) => {
    const within = [...growth]
      .filter(([child]) => child.startsWith(`${path}/`))
      .reduce((sum, [, part]) => sum + part, 0)
    return { name: `processes of ${shown(path)} that have ended`, ms: ms - within }
  })
}

function largest(suspects: readonly Suspect[]): Suspect | undefined {
  return suspects.reduce<Suspect | undefined>(
    (most, one) => (most === undefined || one.ms > most.ms ? one : most),
    undefined,
  )
}

/** Who did most of `workMs` milliseconds of work: a process, a parent of ended ones, a group, or somebody unknown that has ended. */
export function culprit(now: Workers, before: Workers, workMs: number): string {
  const suspects = processSuspects(now, before)
  const first = largest(suspects)
  const unexplained = workMs - suspects.reduce((sum, { ms }) => sum + ms, 0)
  if (first !== undefined && first.ms >= unexplained) return first.name
  const group = largest(groupSuspects(now, before))
  return group !== undefined && group.ms >= unexplained / 2 ? group.name : 'processes that have ended'
}
