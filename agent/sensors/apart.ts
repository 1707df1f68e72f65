/** What the cpu sensor leaves out: containers that their labels tell it to. Small, since every check loads it. */
import type { Host } from '../host/host.ts'
import type { Known } from './container-known.ts'
import { containerProcesses } from './container-processes.ts'
import { msPerTick } from './counts.ts'
import { groupGrowth } from './groups.ts'
import type { ProcessTable } from './processes.ts'

/** A group whose CPU time is left out: path, inode, CPU time so far in microseconds, start of its first process in ticks. */
export type ApartGroup = readonly [path: string, ino: number, usageUs: number, start: number]

/** What is left out, and remembered. */
export interface Apart {
  readonly known: readonly Known[]
  readonly groups: readonly ApartGroup[]
}

/** The part of a sample that holds it; nothing where there is no container. */
export interface ApartSample {
  readonly apart?: Apart
}

/** Nothing is loaded where there is no container. */
export async function apartOf(
  host: Host,
  table: ProcessTable,
  { before, signal }: { readonly before: Apart | undefined; readonly signal: AbortSignal },
): Promise<{ readonly sample: ApartSample; readonly pids: ReadonlySet<number> }> {
  if (containerProcesses(table).length === 0) return { sample: {}, pids: new Set() }
  const { readApart } = await import('./container-apart.ts')
  const { pids, ...apart } = await readApart(host, table, { before: before?.known ?? [], signal })
  return { sample: { apart }, pids }
}

/** What containers used that are left out. Of one that was not known before, and has run for longer, nothing is left out this time. */
export function apartMs(now: ApartSample, before: ApartSample & { readonly bootMs: number }): number {
  const earlier = (before.apart?.groups ?? []).map(([path, ino, us]) => [path, ino, us] as const)
  let us = 0
  for (const [path, ino, used, start] of now.apart?.groups ?? []) {
    const old = earlier.some(([name, inode]) => name === path && inode === ino)
    if (old || start * msPerTick >= before.bootMs) us += groupGrowth([path, ino, used], earlier)
  }
  return us / 1000
}
