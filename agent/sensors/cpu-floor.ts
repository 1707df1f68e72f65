/** The noise of the system's own units: as much of it as they really made in the interval, and no more. Imports nothing that a steady check loads. */
import type { CpuSample } from './cpu-sample.ts'
import type { Group } from './groups.ts'
import type { Learnable } from './learnable.ts'

/** CPU time of groups in the interval in cores, by path; of one made anew, what it has used since. */
function coresByPath(now: CpuSample, before: CpuSample, ms: number): ReadonlyMap<string, number> {
  const earlier = (path: string, ino: number): Group | undefined =>
    before.groups.find(([name, inode]) => name === path && inode === ino)
  return new Map(
    now.groups.map(([path, ino, usageUs]) => [path, Math.max(0, usageUs - (earlier(path, ino)?.[2] ?? 0)) / 1000 / ms]),
  )
}

/** What known agents used: it is left out of the work already. */
function knownCores(now: CpuSample, before: CpuSample, ms: number): number {
  const earlier = new Map(before.known.map(([pid, start, ticks]) => [`${pid}:${start}`, ticks]))
  const ticks = now.known.reduce((sum, one) => sum + Math.max(0, one[2] - (earlier.get(`${one[0]}:${one[1]}`) ?? 0)), 0)
  return (ticks * 10) / ms
}

/** At most all that system.slice used and that is not of other units or left out: an agent that has moved into a unit is not left out twice. */
function atMost(cores: ReadonlyMap<string, number>, others: readonly string[], leftOut: number): number {
  const sum = others.reduce((total, path) => total + (cores.get(path) ?? 0), 0)
  return Math.max(0, (cores.get('system.slice') ?? 0) - sum - leftOut)
}

export const cpuFloor: Learnable<CpuSample> = {
  figures(now, before, ms) {
    const cores = coresByPath(now, before, ms)
    const seen = before.groups.map(([path, ino]) => `${ino} ${path}`)
    const watched = now.groups.filter(([path, ino]) => now.watch?.includes(path) && seen.includes(`${ino} ${path}`))
    return Object.fromEntries(watched.map(([path]) => [path, cores.get(path) ?? 0]))
  },
  usual(now, before, { ms, floor }) {
    const cores = coresByPath(now, before, ms)
    const units = [...cores].filter(([path]) => path.startsWith('system.slice/'))
    const parts = units
      .map(([path, used]) => ({ name: path.slice(path.lastIndexOf('/') + 1), cores: Math.min(floor[path] ?? 0, used) }))
      .filter((one) => one.cores > 0)
      .sort((a, b) => b.cores - a.cores)
    const [first, ...rest] = parts
    if (first === undefined) return {}
    const others = units.map(([path]) => path).filter((path) => !((floor[path] ?? 0) > 0))
    const leftOut = knownCores(now, before, ms) + (now.endedMs ?? 0) / ms
    const sum = parts.reduce((total, one) => total + one.cores, 0)
    const amount = Math.min(sum, atMost(cores, others, leftOut))
    const who = rest.length === 0 ? first.name : `${first.name} and ${rest.length} more`
    return { cores: { amount, words: `${amount.toFixed(2)} is usual for ${who.slice(0, 60)} here` } }
  },
}
