/** `capture`: records what each check sees, prints its verdict, and acts on nothing. */
import { createCapture } from '../check/capture.ts'
import { pathsOf } from '../check/parts.ts'
import { createCloud } from '../clouds/table.ts'
import { UsageError } from '../errors.ts'
import { untilEnded } from '../host/ending.ts'
import { createFrameFile, type FrameFile } from '../host/frame-files.ts'
import { iso } from '../words.ts'
import { readConfig } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { sortArguments } from './flag-values.ts'
import { parseDuration } from './keep-time.ts'
import { verdictLines } from './verdicts.ts'

/** More often than this the captures themselves would be what keeps the machine busy. */
const SHORTEST_EVERY_MS = 1000

interface Asked {
  readonly checks: number
  readonly forMs: number
  /** `undefined`: as configured. */
  readonly everyMs: number | undefined
  readonly out: string | undefined
  readonly force: boolean
  readonly arguments: boolean
}

/** Captures until the number or the time that was asked for, or until somebody ends it. Throws UsageError, HostError. */
export async function capture(context: CommandContext): Promise<number> {
  const asked = parseArgs(context.args)
  const { host, flags } = context
  const { config } = await readConfig(context)
  const { cloud } = await createCloud(host, { stateDir: pathsOf(flags.stateDir).stateDir })
  const ending = untilEnded()
  const file = createFrameFile(asked.out ?? nameOf(host.clocks().wallMs), asked)
  try {
    const next = await createCapture({ ...asked, host, cloud, config, stateDir: flags.stateDir, signal: ending.signal })
    const everyMs = asked.everyMs ?? config.checkIntervalMs
    begin(context, file, everyMs)
    const count = await captureAll(context, { ...asked, everyMs, next, file, signal: ending.signal })
    context.err?.(`${count} ${count === 1 ? 'frame' : 'frames'}, ${Math.ceil(file.size / 1024)} kB in ${file.path}`)
  } finally {
    file.close()
    ending.clear()
  }
  return 0
}

function begin({ host, err }: CommandContext, { path }: FrameFile, everyMs: number): void {
  if (host.self.uid !== 0)
    err?.('not root: what only root can read is recorded as unreadable, and so judged as unknown')
  err?.(`capturing every ${everyMs / 1000} s to ${path}; Ctrl-C ends it`)
}

interface Capturing extends Pick<Asked, 'checks' | 'forMs'> {
  readonly everyMs: number
  readonly file: FrameFile
  readonly signal: AbortSignal
  readonly next: Awaited<ReturnType<typeof createCapture>>
}

async function captureAll(context: CommandContext, capturing: Capturing): Promise<number> {
  const { host, flags, colour, out } = context
  const { checks, forMs, everyMs, file, signal, next } = capturing
  const began = host.clocks().monoMs
  let count = 0
  try {
    while (!signal.aborted) {
      const one = await next()
      file.write(JSON.stringify(one.frame))
      count += 1
      const lines = flags.json ? [JSON.stringify(one.object)] : verdictLines(one, colour)
      for (const line of lines) out(line)
      const passed = host.clocks().monoMs - began
      if (count >= checks) break
      // A check that took longer than its interval skips what it missed.
      const due = Math.max(1, Math.ceil(passed / everyMs)) * everyMs
      if (due > forMs) break
      await host.sleep(due - passed, signal)
    }
  } catch (error) {
    // Ended in a wait: the check that waited is none, and nothing of it is written.
    if (!signal.aborted) throw error
  }
  return count
}

function nameOf(wallMs: number): string {
  return `idle-agent-capture-${iso(wallMs).replaceAll(':', '')}.jsonl.gz`
}

function parseArgs(args: readonly string[]): Asked {
  const valued = ['--checks', '--for', '--every', '--out']
  const { values, flags } = sortArguments('capture', args, { valued, plain: ['--force', '--arguments'], words: 0 })
  const problems: string[] = []
  const duration = (name: string): number | undefined => {
    const text = values.get(name)
    const ms = text === undefined ? undefined : parseDuration(text)
    if (typeof ms === 'string') problems.push(`${name}: ${ms}`)
    return typeof ms === 'number' ? ms : undefined
  }
  const checks = values.get('--checks')
  if (checks !== undefined && !/^[1-9]\d{0,8}$/.test(checks))
    problems.push(`--checks: "${checks}" is no number of checks`)
  const everyMs = duration('--every')
  if (everyMs !== undefined && everyMs < SHORTEST_EVERY_MS) problems.push('--every: at least 1s')
  const forMs = duration('--for')
  if (problems.length > 0) throw new UsageError(problems)
  return {
    checks: checks === undefined ? Number.POSITIVE_INFINITY : Number(checks),
    forMs: forMs ?? Number.POSITIVE_INFINITY,
    everyMs,
    out: values.get('--out'),
    force: flags.has('--force'),
    arguments: flags.has('--arguments'),
  }
}
