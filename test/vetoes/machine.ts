/** A machine in memory for one veto source: its clock stands at a Sunday noon UTC, and it has been idle for an hour. */
import type { Veto } from '../../agent/types.ts'
import type { VetoContext, VetoSource } from '../../agent/vetoes/veto.ts'
import { createMemoryHost, type MemoryHost, type MemoryOptions } from '../host/memory.ts'

export const MINUTE = 60_000
export const HOUR = 3_600_000
/** 2026-11-22, a Sunday. */
export const NOON = Date.UTC(2026, 10, 22, 12)
/** The monotonic clock at noon. */
export const MONO = 500 * HOUR

export function createMachine(options: MemoryOptions = {}): MemoryHost {
  return createMemoryHost({ clocks: { wallMs: NOON, bootMs: MONO, monoMs: MONO }, ...options })
}

/** What the source says now. */
export function read(
  source: VetoSource,
  host: MemoryHost,
  change: Partial<VetoContext> = {},
): Promise<readonly Veto[]> {
  const context = {
    ...{ now: host.clocks(), leaseDir: '/none', keepCeilingMs: 24 * HOUR, horizonMs: 15 * MINUTE, protected: false },
    intervalMs: 2 * MINUTE,
    idleSince: MONO - HOUR,
    ...change,
  }
  return source.read(host, context, new AbortController().signal)
}

/** A moment of the monotonic clock, so many minutes after noon. */
export const minutes = (count: number): number => MONO + count * MINUTE
