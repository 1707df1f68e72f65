/** Asks a GPU's driver by way of a command that may be given up, and never by a second one while the first still hangs. */
import { messageOf } from '../errors.ts'
import type { CommandResult, Host } from '../host/host.ts'
import type { Instant } from '../types.ts'
import type { Stuck } from './gpu-sample.ts'
import { type Process, parseStat, processTable, whileItLives } from './processes.ts'

/** All questions of one look together may take so long; a driver that has to wake its GPUs takes a second for each. */
const TOTAL_MS = 5_000

/** The questions of one look. */
export interface Asking {
  readonly host: Host
  readonly signal: AbortSignal
  /** When the time is up. */
  readonly until: Instant
  /** Commands that hang, from before and from this look. */
  readonly stuck: Stuck[]
}

/** Begins a look; `before` are the commands that hung at the last one. */
export async function beginAsking(host: Host, signal: AbortSignal, before: readonly Stuck[]): Promise<Asking> {
  const stuck: Stuck[] = []
  for (const one of before) {
    const process = await find(host, one.pid)
    if (process?.start === one.start && lives(process)) stuck.push(one)
  }
  return { host, signal, until: host.clocks().monoMs + TOTAL_MS, stuck }
}

async function find(host: Host, pid: number): Promise<Process | undefined> {
  const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/stat`))
  return text === undefined ? undefined : parseStat(text)
}

/** A process that was killed and only waits for its parent is not in anybody's way. */
function lives({ state }: Process): boolean {
  return state !== 'Z' && state !== 'X'
}

/** Runs a command; `undefined` if it is not installed. Throws if it hangs, has hung since an earlier look, or says too much. */
export async function ask(
  asking: Asking,
  argv: readonly string[],
  maxBytes = 1_048_576,
): Promise<CommandResult | undefined> {
  const { host, signal, until, stuck } = asking
  const command = argv[0] ?? ''
  const old = stuck.find((one) => one.command === command)
  if (old !== undefined) throw new Error(hangs(old, host))
  const { monoMs, wallMs } = host.clocks()
  if (until - monoMs < 1) throw new Error(`${command} takes more than ${TOTAL_MS / 1000} s`)
  try {
    return await host.run(argv, { timeoutMs: Math.ceil(until - monoMs), maxBytes, signal })
  } catch (error) {
    const left = await childOf(host, command, signal)
    if (left === undefined) throw new Error(messageOf(error), { cause: error })
    const found = { command, pid: left.pid, start: left.start, sinceMs: wallMs }
    stuck.push(found)
    throw new Error(hangs(found, host), { cause: error })
  }
}

/** The command that was given up and lives on: a driver that hangs does not let it go. */
async function childOf(host: Host, command: string, signal: AbortSignal): Promise<Process | undefined> {
  // A walk of its own: the one that the sensors share is older than the command.
  const table = await processTable({ ...host }, signal)
  return [...table.values()].find(
    (one) => one.ppid === host.self.pid && one.comm === command.slice(0, 15) && lives(one),
  )
}

/** "nvidia-smi hangs since 09:12 UTC", or the driver whose files grep reads, with the date where that was on another day. */
function hangs({ command, sinceMs }: Stuck, host: Host): string {
  const [now, since] = [host.clocks().wallMs, sinceMs].map((ms) => new Date(ms).toISOString())
  const [day, time] = [since?.slice(0, 10), since?.slice(11, 16)]
  return `${command === 'grep' ? 'amdgpu' : command} hangs since ${now?.startsWith(day ?? '') === true ? '' : `${day} `}${time} UTC`
}
