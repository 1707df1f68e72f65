// Runs whole processes one at a time and takes from the kernel what each of them cost.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'

/** A command, with everything that it is given. */
export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** One finished run. Times include the children that the command waited for. */
export interface Run {
  /** Exit code; negative for the signal that ended it. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly userMs: number
  readonly systemMs: number
  readonly wallMs: number
  /** Peak resident memory of the largest single process, in MB (10^6 bytes). */
  readonly peakMb: number
}

export interface Measurer {
  run(command: Command): Promise<Run>
  close(): Promise<void>
}

const Usage = z.object({
  status: z.int(),
  wallMs: z.number(),
  userMs: z.number(),
  systemMs: z.number(),
  peakKib: z.number(),
})

/**
 * Starts the runner; what a command prints goes through files in `folder`. When the signal comes, the runner ends with
 * the command that it is at, and `run` rejects.
 */
export function createMeasurer(folder: string, signal: AbortSignal): Measurer {
  const script = join(import.meta.dirname, 'measure.py')
  // A group of its own: Ctrl-C reaches this process alone, which then ends that group.
  const child = spawn('/usr/bin/python3', ['-I', script], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'close')
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
  }
  signal.addEventListener('abort', kill, { once: true })
  const [stdout, stderr] = [join(folder, 'stdout'), join(folder, 'stderr')]
  return {
    async run(command) {
      signal.throwIfAborted()
      child.stdin.write(`${JSON.stringify({ ...command, stdout, stderr })}\n`)
      const answer = await answers.next()
      if (answer.done === true) throw new Error('measure.py ended; is /usr/bin/python3 there?')
      const { peakKib, ...usage } = Usage.parse(JSON.parse(answer.value))
      const peakMb = (peakKib * 1024) / 1_000_000
      return { ...usage, peakMb, stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') }
    },
    async close() {
      signal.removeEventListener('abort', kill)
      child.stdin.end()
      await ended
    },
  }
}
