// The simulated clouds' own clock: real time plus an offset, or a manual one; timers follow it when it is advanced.

export interface CloudClock {
  now(): number
  /** Moves time forward and runs, in order, all timers that came due, before it returns. */
  advance(ms: number): void
  /** Runs once, `ms` of this clock's time from now; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void
  /** Forgets all timers. */
  close(): void
}

export interface ClockOptions {
  /** Epoch milliseconds to begin at; the machine's time unless given. */
  readonly start?: number
  /** A manual clock stands still between calls of `advance`. */
  readonly manual?: boolean
}

interface Task {
  readonly due: number
  readonly run: () => void
  timer: NodeJS.Timeout | undefined
}

/** Creates the clock that one simulated cloud lives by. */
export function createClock(options: ClockOptions = {}): CloudClock {
  return new OffsetClock(options)
}

class OffsetClock implements CloudClock {
  readonly #manual: boolean
  readonly #tasks = new Set<Task>()
  /** Ahead of the machine's time; of a manual clock, its time. */
  #offset: number

  constructor({ start, manual = false }: ClockOptions) {
    this.#manual = manual
    const begin = start ?? Date.now()
    this.#offset = manual ? begin : begin - Date.now()
  }

  now(): number {
    return this.#manual ? this.#offset : Date.now() + this.#offset
  }

  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a cloud's clock only goes forward, not by ${String(ms)} ms`)
    const target = this.now() + ms
    // Each task sees the time it was due at, so that what it schedules in turn falls due within the same step.
    for (let task = earliest(this.#tasks, target); task; task = earliest(this.#tasks, target)) {
      this.#moveTo(task.due)
      this.#drop(task)
      task.run()
    }
    this.#moveTo(target)
    for (const task of this.#tasks) this.#arm(task)
  }

  after(ms: number, run: () => void): () => void {
    const task: Task = { due: this.now() + ms, run, timer: undefined }
    this.#tasks.add(task)
    this.#arm(task)
    return () => this.#drop(task)
  }

  close(): void {
    for (const task of [...this.#tasks]) this.#drop(task)
  }

  #moveTo(time: number): void {
    this.#offset += Math.max(0, time - this.now())
  }

  #drop(task: Task): void {
    clearTimeout(task.timer)
    this.#tasks.delete(task)
  }

  #arm(task: Task): void {
    clearTimeout(task.timer)
    if (this.#manual) return
    task.timer = setTimeout(
      () => {
        this.#drop(task)
        task.run()
      },
      Math.max(0, task.due - this.now()),
    )
  }
}

function earliest(tasks: ReadonlySet<Task>, until: number): Task | undefined {
  let first: Task | undefined
  for (const task of tasks) {
    if (task.due <= until && (!first || task.due < first.due)) first = task
  }
  return first
}
