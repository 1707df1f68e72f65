/** What one look at the GPUs found; types only, no code. */
import type { Instant } from '../types.ts'

/** A command of ours that nobody could end: the driver holds it. Another one would hang like it. */
export interface Stuck {
  readonly command: string
  readonly pid: number
  /** Field 22 of /proc/PID/stat. */
  readonly start: number
  /** Wall clock, in milliseconds. */
  readonly sinceMs: number
}

/** What the driver accounts since accounting was switched on. */
export interface Accounts {
  /** Programs that have ended, and for how many milliseconds they kept the GPU busy, all together. */
  readonly ended: number
  readonly endedBusyMs: number
  /** Programs that run, with the percentage of their life for which they kept the GPU busy. */
  readonly running: readonly (readonly [pid: number, percent: number])[]
  /** The list is full: the oldest entries are lost. */
  readonly full: boolean
}

export interface Gpu {
  /** PCI address, such as `0000:00:1e.0`. */
  readonly id: string
  /** `GPU 5`, as nvidia-smi counts, or `GPU 0000:00:1e.0`. */
  readonly name: string
  /** Why it could not be judged; what could be read is here all the same. */
  readonly problem?: string
  /** No driver is bound: no program can use it. */
  readonly undriven?: true
  /** Percentage of the last moments, a sixth of a second to some 16 s, in which it worked. Left out where it does not tell. */
  readonly busy?: number
  /** Split into instances (MIG), which hides how busy it is. */
  readonly mig?: true
  /** Programs with a context on it; `undefined` where that cannot be told. */
  readonly programs?: number
  /** The one program with a context on it; left out where there are several, or it cannot be told. */
  readonly pid?: number
  /** Video streams that are being encoded. */
  readonly encoders?: number
  readonly memoryMib?: number
  /** Does the driver account the programs' use? Left out where it cannot. */
  readonly accounting?: 'on' | 'off'
  readonly accounts?: Accounts
  /** Is it kept ready while no program uses it? */
  readonly persistent?: boolean
  /** The latest look at which it was at least so busy, for each height that none has reached since; oldest first. */
  readonly peaks: readonly (readonly [at: Instant, percent: number])[]
  /** With a problem: what the last look without one found. A failed look costs one interval, not two. */
  readonly last?: Gpu
}

export interface GpuSample {
  readonly gpus: readonly Gpu[]
  readonly stuck: readonly Stuck[]
}
