/** Runs commands on the real host: bounded ones for sensors, and the user's own in the foreground. */
import type { ChildProcessByStdio } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { HostError } from '../errors.ts'
import type { CommandResult } from './host.ts'
import { codeOf, isAbsent, ownError, tooLarge } from './real-errors.ts'

interface RunLimits {
  readonly timeoutMs: number
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Where commands are looked for; never the PATH of whoever started us. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
const ENVIRONMENT = { LC_ALL: 'C', PATH: FOLDERS.join(':') }
const DEFAULT_MAX_BYTES = 1_048_576
/** From the polite signal to the other one. */
const KILL_AFTER_MS = 500

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (isAbsent(error) || codeOf(error) === 'EACCES') return false
    throw new HostError(`cannot look at ${path}`, { cause: error })
  }
}

function find(name: string): string | undefined {
  if (name.startsWith('/')) return isExecutable(name) ? name : undefined
  if (name === '' || name.includes('/'))
    throw new HostError(`cannot run "${name}": a command is a name without folders, or a whole path`)
  return FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable)
}

/** Exit status as a shell gives it: 128 + signal for a killed one. */
function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal === null) return code ?? -1
  return 128 + process.getBuiltinModule('node:os').constants.signals[signal]
}

/** To the child's whole group, as long as the child itself stands for its number; later it may be another's. */
function signalGroup(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw new HostError(`cannot signal ${child.spawnfile}`, { cause: error })
  }
}

/** Lets go of a child that may never end, so that it does not keep this process alive. */
function abandon(child: Child): void {
  child.stdout.destroy()
  child.stderr.destroy()
  child.unref()
}

/** Children that somebody waits for, or has waited for and that have not ended. */
const running = new Set<Child>()

function killRunning(): void {
  for (const child of running) signalGroup(child, 'SIGKILL')
}

/** Whoever gave a child up, or needs its answer no more, may have nothing else to wait for, so that this process ends first. */
function killAtExit(child: Child): void {
  running.add(child)
  process.off('exit', killRunning).on('exit', killRunning)
}

/** Collects both streams. Calls `tooMuch` once when together they exceed `maxBytes`, and keeps no more. */
function collect(child: Child, maxBytes: number, tooMuch: () => void): { stdout(): string; stderr(): string } {
  let total = 0
  const gather = (stream: Readable) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => {
      total += chunk.length
      if (total > maxBytes) return tooMuch()
      chunks.push(chunk)
    })
    return () => Buffer.concat(chunks).toString('utf8')
  }
  return { stdout: gather(child.stdout), stderr: gather(child.stderr) }
}

/** Resolves when the child has ended and closed its output; rejects at a limit, at the latest 500 ms after it, even if the child cannot be killed. */
function result(child: Child, name: string, limits: RunLimits): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
  const maxBytes = limits.maxBytes ?? DEFAULT_MAX_BYTES
  let failure: HostError | undefined
  let killTimer: NodeJS.Timeout | undefined

  const settle = () => {
    clearTimeout(timer)
    clearTimeout(killTimer)
    running.delete(child)
    limits.signal?.removeEventListener('abort', onAbort)
  }
  const stop = (why: string, cause?: unknown) => {
    if (failure !== undefined) return
    failure = new HostError(`${name} ${why}`, { cause })
    signalGroup(child, 'SIGTERM')
    killTimer = setTimeout(() => {
      signalGroup(child, 'SIGKILL')
      abandon(child)
      settle()
      reject(failure)
    }, KILL_AFTER_MS)
  }
  killAtExit(child)
  const onAbort = () => stop('was given up', limits.signal?.reason)
  const timer = setTimeout(() => stop(`did not end within ${limits.timeoutMs} ms`), limits.timeoutMs)
  limits.signal?.addEventListener('abort', onAbort, { once: true })
  if (limits.signal?.aborted === true) onAbort()

  const tooMuch = ownError(tooLarge, `it printed more than ${maxBytes} bytes`).cause
  const output = collect(child, maxBytes, () => stop(`printed more than ${maxBytes} bytes`, tooMuch))
  child.on('error', (error) => {
    settle()
    reject(new HostError(`cannot run ${name}: ${error.message}`, { cause: error }))
  })
  child.on('close', (code, signal) => {
    settle()
    if (failure !== undefined) return reject(failure)
    resolve({ status: statusOf(code, signal), stdout: output.stdout(), stderr: output.stderr() })
  })
  return promise
}

/** Runs a command of the system; `undefined` if it is not installed. Throws HostError past its time or size, or when it cannot be started. */
export async function runCommand(argv: readonly string[], limits: RunLimits): Promise<CommandResult | undefined> {
  const [name = '', ...args] = argv
  const path = find(name)
  if (path === undefined) return undefined
  if (limits.signal?.aborted === true) throw new HostError(`${name} was given up`, { cause: limits.signal.reason })
  const { spawn } = process.getBuiltinModule('node:child_process')
  // Detached: a group of its own, so that a deadline ends its children too, and no terminal to write to.
  const child = spawn(path, args, {
    cwd: '/',
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  return result(child, name, limits)
}

/** What ends or informs a job and is meant for it, not for us. */
const FORWARDED = ['SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const
/** A terminal sends these to every process of the foreground job, the command included: passing them on would double them. */
const FROM_KEYBOARD = ['SIGINT', 'SIGQUIT'] as const

/** Runs the user's command with our terminal, environment and PATH; resolves to its exit code, 127 if not found, 126 if not executable. Throws HostError when it cannot be started for another reason. */
export function spawnInherited(argv: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const [name = '', ...args] = argv
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  const ignore = () => {}
  for (const signal of FORWARDED) process.on(signal, forward)
  for (const signal of FROM_KEYBOARD) process.on(signal, onTerminal ? ignore : forward)
  const settle = () => {
    for (const signal of [...FORWARDED, ...FROM_KEYBOARD]) process.off(signal, forward).off(signal, ignore)
  }
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(name, args, { stdio: 'inherit' })
  child.on('error', (error) => {
    settle()
    const code = codeOf(error)
    const status = code === 'ENOENT' ? 127 : 126
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOEXEC') {
      const why = status === 127 ? 'command not found' : 'not executable'
      process.stderr.on('error', () => undefined).write(`idle-agent: ${name}: ${why}\n`)
      return resolve(status)
    }
    reject(new HostError(`cannot run ${name}: ${error.message}`, { cause: error }))
  })
  child.on('exit', (code, signal) => {
    settle()
    resolve(statusOf(code, signal))
  })
  return promise
}
