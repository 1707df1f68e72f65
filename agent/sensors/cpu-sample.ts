/** What one look at CPU time found; types only, no code. */
import type { Apart } from './container-apart.ts'
import type { Suspect } from './culprit.ts'
import type { Workers } from './own-work.ts'

/** What this agent used itself; left out when the agent runs on another machine than the one it observes. */
export interface Own {
  readonly pid: number
  readonly start: number
  /** CPU time of the agent's process when the sample was taken, in milliseconds. */
  readonly ms: number
  /** The same at the end of the check; see `withOwnCpu`. */
  readonly endMs: number
}

/** CPU time of everybody at one moment. */
export interface CpuSample extends Workers {
  readonly whole: {
    readonly of: 'machine' | 'container'
    /** Inode of the container's root group; 0 for a machine. */
    readonly ino: number
    /** Busy time since boot or the group's creation, in milliseconds, summed over cores. */
    readonly ms: number
  }
  readonly own?: Own
  /** Own CPU ticks of known agents. They are not in `processes`. */
  readonly known: readonly (readonly [pid: number, start: number, ticks: number])[]
  /** CPU time in milliseconds of housekeeping units that ended between the sample before and this one, as far as it was asked for. */
  readonly endedMs?: number
  /** Containers, and what those used since the sample before that are labelled to be left out; their processes are in no other list. */
  readonly apart?: Apart
  /** Who did most of the work, where there was so much that it was asked. */
  readonly culprit?: Pick<Suspect, 'name' | 'by'>
  /** Units whose groups are read besides, since their noise is learned. */
  readonly watch?: readonly string[]
}
