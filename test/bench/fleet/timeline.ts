// Simulated time for many processes at once: each runs until it waits, and the one that waits shortest goes on next.
import { setImmediate } from 'node:timers/promises'

interface Entry {
  readonly at: number
  readonly turn: number
  readonly run: () => void
}

/** Between two looks at the world outside the microtasks, which `await import()` needs. */
const SPINS = 200

function before(a: Entry, b: Entry): boolean {
  return a.at === b.at ? a.turn < b.turn : a.at < b.at
}

/** A clock in milliseconds from 0, and what happens by it. */
export class Timeline {
  /** Told the time of each 4,096th moment. */
  static told: ((now: number) => void) | undefined
  now = 0
  readonly #heap: Entry[] = []
  #turns = 0
  /** Processes that are neither done nor waiting for the clock. */
  #busy = 0
  #failure: unknown

  at(ms: number, run: () => void): void {
    this.#turns += 1
    this.#push({ at: Math.max(ms, this.now), turn: this.#turns, run })
  }

  /** Starts what takes simulated time. What it throws ends the simulation. */
  start(work: () => Promise<void>): void {
    this.#busy += 1
    work()
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#busy -= 1
      })
  }

  /** Only within `start`. */
  sleep(ms: number): Promise<void> {
    this.#busy -= 1
    return new Promise((resolve) => {
      this.at(this.now + ms, () => {
        this.#busy += 1
        resolve()
      })
    })
  }

  /** Lives until `endMs`, or until nothing is left to happen. Throws what a process threw. */
  async until(endMs: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= endMs; next = this.#heap[0]) {
      this.#pop()
      this.now = next.at
      next.run()
      if (next.turn % 4_096 === 0) Timeline.told?.(this.now)
      await this.#settle()
    }
    this.now = endMs
  }

  async #settle(): Promise<void> {
    for (let spin = 1; this.#busy > 0; spin += 1) await (spin % SPINS === 0 ? setImmediate() : undefined)
    if (this.#failure !== undefined) throw this.#failure
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || before(above, entry)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [one, other] = [heap[left], heap[left + 1]]
      if (one === undefined) break
      const least = other !== undefined && before(other, one) ? other : one
      if (before(last, least)) break
      heap[at] = least
      at = least === one ? left : left + 1
    }
    heap[at] = last
  }
}
