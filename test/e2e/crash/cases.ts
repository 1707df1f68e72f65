// Runs many cases side by side, since they mostly wait, and tells of all that went wrong in one message.
import { setTimeout as sleep } from 'node:timers/promises'

export interface Case {
  readonly name: string
  run(): Promise<void>
}

/** Says that the loopback cloud, which is a part of this process, did not come to answering in time. */
export class Starved extends Error {}

const TICK_MS = 50
/** The agent waits a second for metadata. */
const LAG_MS = 300
const MOST_STARVED = 3
const STEP_MS = 500

/** Notices when this process was not run for a while: what a check did then says nothing about the agent. */
export interface Pulse {
  stop(): void
  /** Does it again where it went wrong and this process, or the cloud in it, had stood still meanwhile. */
  patiently<T>(work: () => Promise<T>): Promise<T>
}

/** Begins to watch. */
export function startPulse(): Pulse {
  let [last, late] = [performance.now(), Number.NEGATIVE_INFINITY]
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last > TICK_MS + LAG_MS) late = now
    last = now
  }, TICK_MS)
  return {
    stop: () => clearInterval(timer),
    async patiently(work) {
      for (let starved = 0; ; starved += 1) {
        const began = performance.now()
        try {
          return await work()
        } catch (error) {
          const stoodStill = error instanceof Starved || late >= began
          if (!stoodStill || starved === MOST_STARVED) throw error
        }
      }
    },
  }
}

interface Running {
  /** How many side by side. */
  readonly width: number
  readonly pulse: Pulse
  /** Ends it after the cases that run. */
  readonly signal: AbortSignal
}

/** Runs all of them; returns what went wrong in which. */
export async function runCases(cases: readonly Case[], { width, pulse, signal }: Running): Promise<readonly string[]> {
  const left = [...cases]
  const wrong: string[] = []
  async function work(_: unknown, index: number): Promise<void> {
    // One after the other: what begins together wants the processors together, again and again.
    await sleep(index * STEP_MS)
    for (let next = left.shift(); next !== undefined && !signal.aborted; next = left.shift()) {
      const { name, run } = next
      try {
        await pulse.patiently(run)
      } catch (error) {
        wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, cases.length) }, work))
  return wrong
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One at random of each kind, in order. */
export function oneOfEach<T>(all: readonly T[], kindOf: (one: T) => string, random: () => number): readonly T[] {
  const groups = Object.groupBy(all, kindOf)
  const chosen = Object.values(groups).map((group = []) => group[Math.floor(random() * group.length)])
  return all.filter((one) => chosen.includes(one))
}
