/** Names who did most of the work in an interval. Only names, so it is loaded only where there was too much: how much is decided in cpu.ts. */
import type { Culprit } from '../types/culprit.ts'
import type { OwnWork, ProcessTimes, Workers } from './own-work.ts'
import { processName, shown } from './words.ts'

/** Somebody in words, and where to look for more about them; nothing there where nobody is known. */
export interface Suspect {
  readonly name: string
  readonly by?: Culprit
  readonly ms: number
}

const gone = 'processes that have ended'

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

function processSuspects(now: Workers, before: Workers, { byPid, unstored, msPerTick }: OwnWork): readonly Suspect[] {
  const earlier = byPid(before)
  const taken = inherited(byPid(now), earlier)
  const suspects: Suspect[] = []
  for (const times of now.processes) {
    const [pid, start, own, ended, , comm] = times
    const old = earlier.get(pid)
    const known = old?.[1] === start ? old : undefined
    const ownTicks = own - (known?.[2] ?? unstored(times, before, own))
    const endedTicks = ended - (known?.[3] ?? unstored(times, before, ended)) - (taken.get(pid) ?? 0)
    const by = { pid, named: true } as const
    if (ownTicks > 0) suspects.push({ name: processName(comm, pid), by, ms: ownTicks * msPerTick })
    if (endedTicks <= 0) continue
    const ms = endedTicks * msPerTick
    suspects.push(pid === 1 ? { name: gone, ms } : { name: `ended children of ${processName(comm, pid)}`, by, ms })
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
    const by = { group: `/${path}`, named: true } as const
    return { name: `processes of ${shown(path)} that have ended`, by, ms: ms - within }
  })
}

function largest(suspects: readonly Suspect[]): Suspect | undefined {
  return suspects.reduce<Suspect | undefined>(
    (most, one) => (most === undefined || one.ms > most.ms ? one : most),
    undefined,
  )
}

/** Who did most of `workMs` milliseconds of work: a process, a parent of ended ones, a group, or somebody unknown that has ended. */
export function culprit(
  now: Workers,
  before: Workers,
  { workMs, own }: { readonly workMs: number; readonly own: OwnWork },
): Pick<Suspect, 'name' | 'by'> {
  const suspects = processSuspects(now, before, own)
  const first = largest(suspects)
  const unexplained = workMs - suspects.reduce((sum, { ms }) => sum + ms, 0)
  if (first !== undefined && first.ms >= unexplained) return first
  const group = largest(groupSuspects(now, before))
  return group !== undefined && group.ms >= unexplained / 2 ? group : { name: gone }
}
