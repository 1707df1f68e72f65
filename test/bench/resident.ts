// A program that stays in memory: what it costs from one of its checks to the next, and what it holds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { type Spread, spreadOf } from './figures.ts'
import type { Command } from './processes.ts'

/** What it cost between the check that ended the warm-up and the last one. */
export interface Stay {
  readonly checks: number
  /** From one check to the next, with all that it does in between; children that it waited for included. */
  readonly cpuMs: Spread
  readonly totalCpuMs: number
  /** At rest after the last of them, in MB (10^6 bytes): all that is resident, and what of it is no page of a file. */
  readonly residentMb: number
  readonly privateMb: number
}

export interface StayOptions {
  readonly warmUps: number
  readonly checks: number
  /** How long after the last check what it holds is read. */
  readonly restMs: number
  /** True for the line that it prints once a check. Throws for one that tells of a failure. */
  isCheck(line: string): boolean
  /** Ends it, and rejects, after so long; so does the signal. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Starts it, follows so many of its checks, and ends it. Rejects if it ends by itself. */
export async function followStay(command: Command, options: StayOptions): Promise<Stay> {
  const [program, ...args] = command.argv
  const { env } = command
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'], timeout: options.timeoutMs })
  const ended = once(child, 'close')
  const { pid } = child
  if (pid === undefined) {
    await ended // rejects with the reason
    throw new Error(`${program} cannot be started`)
  }
  const kill = (): boolean => child.kill()
  options.signal.addEventListener('abort', kill)
  const used: Used[] = []
  let seen = 0
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!options.isCheck(line)) continue
      seen += 1
      if (seen >= options.warmUps) used.push(usedBy(pid))
      if (used.length <= options.checks) continue
      await setTimeout(options.restMs)
      return stayOf(used, pid)
    }
  } finally {
    options.signal.removeEventListener('abort', kill)
    child.kill()
    await ended
  }
  throw new Error(`${program} ended after ${seen} checks`)
}

function stayOf(used: readonly Used[], pid: number): Stay {
  const stepsOf = (figure: keyof Used): readonly number[] => {
    return used.slice(1).map((one, at) => one[figure] - (used[at]?.[figure] ?? Number.NaN))
  }
  const sum = (steps: readonly number[]): number => steps.reduce((total, one) => total + one, 0)
  const [fine, whole] = [stepsOf('fineMs'), stepsOf('wholeMs')]
  // More than what two readings of user and system time can be off: threads have ended in between.
  const steps = sum(whole) - sum(fine) > 4 * TICK_MS ? whole : fine
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number => {
    return (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1_000_000
  }
  return {
    checks: steps.length,
    cpuMs: spreadOf(steps),
    totalCpuMs: sum(steps),
    residentMb: megabytes('VmRSS'),
    privateMb: megabytes('RssAnon'),
  }
}

/** CPU so far of a process, and of the children that it waited for. */
interface Used {
  /** Of the threads that are there, in nanoseconds: `schedstat`. */
  readonly fineMs: number
  /** Those that have ended included, in ticks: `stat`. */
  readonly wholeMs: number
}

/** The unit of times in /proc/PID/stat: USER_HZ, 100 on x64 and arm64 (proc(5)). */
const TICK_MS = 10

function usedBy(pid: number): Used {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    millisecondsOf(`/proc/${pid}/task/${thread}/schedstat`),
  )
  // The name of the program, in parentheses, may hold blanks; the third field comes after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * TICK_MS)
  const children = (childUser ?? Number.NaN) + (childSystem ?? Number.NaN)
  return {
    fineMs: threads.reduce((sum, one) => sum + one, children),
    wholeMs: (user ?? Number.NaN) + (system ?? Number.NaN) + children,
  }
}

function millisecondsOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return 0 // it has just ended, or the kernel has no such file
  }
}
