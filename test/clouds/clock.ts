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
  const manual = options.manual ?? false
  let offset = options.start === undefined ? 0 : options.start - Date.now()
  let standing = Date.now() + offset
  const tasks = new Set<Task>()
  const now = (): number => (manual ? standing : Date.now() + offset)

  function moveTo(time: number): void {
    const ahead = Math.max(0, time - now())
    standing += ahead
    offset += ahead
  }

  function drop(task: Task): void {
    clearTimeout(task.timer)
    tasks.delete(task)
  }

  function arm(task: Task): void {
    clearTimeout(task.timer)
    if (manual) return
    task.timer = setTimeout(
      () => {
        drop(task)
        task.run()
      },
      Math.max(0, task.due - now()),
    )
  }

  function advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a cloud's clock only goes forward, not by ${String(ms)} ms`)
    const target = now() + ms
    // Each task sees the time it was due at, so that what it schedules in turn falls due within the same step.
    for (let task = earliest(tasks, target); task; task = earliest(tasks, target)) {
      moveTo(task.due)
      drop(task)
      task.run()
    }
    moveTo(target)
    for (const task of tasks) arm(task)
  }

  function after(ms: number, run: () => void): () => void {
    const task: Task = { due: now() + ms, run, timer: undefined }
    tasks.add(task)
    arm(task)
    return () => drop(task)
  }

  function close(): void {
    for (const task of [...tasks]) drop(task)
  }

  return { now, advance, after, close }
}

function earliest(tasks: ReadonlySet<Task>, until: number): Task | undefined {
  let first: Task | undefined
  for (const task of tasks) {
    if (task.due <= until && (!first || task.due < first.due)) first = task
  }
  return first
}
