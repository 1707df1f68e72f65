// The acting check of a machine under strace: to see what it changes, and to strike at one of these changes.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Machine, type Ran, type Started, startProgram } from '../machine.ts'
import { type Change, changing, parseChanges } from './changes.ts'

const strace = '/usr/bin/strace'

/** strace, with the right to use it. */
export const canTrace = spawnSync(strace, ['-qq', '-o', '/dev/null', '--', '/bin/true']).status === 0
if (!canTrace) process.stderr.write('SKIPPED: strace is missing or may not trace: no crash at each change\n')

export interface Traced extends Ran {
  readonly log: string
  /** What it changed before it ended. */
  readonly changes: readonly Change[]
}

export interface Tracing extends Omit<Started, 'done'> {
  readonly done: Promise<Traced>
  /** What strace has written so far. */
  log(): string
}

/** Starts a check under strace with these options besides. */
function startTraced(machine: Machine, options: readonly string[]): Tracing {
  const path = join(machine.folder, 'strace.log')
  const own = ['-yy', '-xx', '-e', `trace=${changing.map((call) => `?${call}`).join()}`, '-o', path]
  const [file = '', ...before] = machine.program
  const argv = [...own, ...options, '--', file, ...before, 'check', '--act', '--json', ...machine.flags]
  const log = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  // Without a number of arenas malloc counts the processors whenever threads get in each other's way.
  const { child, done } = startProgram(strace, argv, { ...machine.env, MALLOC_ARENA_MAX: '4' })
  return { child, log, done: done.then((ran) => ({ ...ran, log: log(), changes: parseChanges(log()) })) }
}

/** A check under strace, in its turn. */
export function trace(machine: Machine, options: readonly string[] = []): Promise<Traced> {
  return machine.turn(() => startTraced(machine, options).done)
}

/** Where strace strikes, and how. */
export interface Strike {
  readonly change: Change
  /** How many changes come before it. */
  readonly index: number
  /** `signal=KILL`, or `error=EIO`. */
  readonly what: string
}

/** The log up to the call that was struck, and that call; a process that was killed ended in it. */
function untilStruck(log: string): { readonly before: string; readonly call: string } {
  const lines = log.split('\n')
  const at = lines.findIndex((line) => / = \?$|\(INJECTED\)$/.test(line))
  return { before: lines.slice(0, at).join('\n'), call: lines[at] ?? '' }
}

/**
 * 0 where it was that change, else by how much the count of calls has to change: other calls of the kind come by chance
 * (an open to read, a write that wakes a thread). One that is killed may have been about to read something: nothing was
 * changed since, either.
 */
function missedBy({ index, what }: Strike, log: string): number {
  const { before, call } = untilStruck(log)
  const met = parseChanges(before).length
  if (met !== index) return Math.sign(index - met)
  const isChange = parseChanges(call.replace(/ = -1 .*$/, ' = 0')).length === 1
  return what.startsWith('signal') || isChange ? 0 : 1
}

/** Sends a signal to what strace runs; nothing where that has ended. */
function signalTracee({ child }: Tracing, signal: NodeJS.Signals): void {
  const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')
  // 0 would be this process and all of its group.
  if (Number(pid) > 0) process.kill(Number(pid), signal)
}

/** A check that stands still right after a change, until `meanwhile` is done; nothing where it stood elsewhere, or did not. */
export function pausedAfter(
  machine: Machine,
  { change, index }: Omit<Strike, 'what'>,
  meanwhile: () => void,
): Promise<Traced | undefined> {
  return machine.turn(async () => {
    const tracing = startTraced(machine, ['-s', '0', `--inject=${change.call}:signal=STOP:when=${change.count}`])
    let isOver = false
    const done = tracing.done.finally(() => {
      isOver = true
    })
    while (!isOver && !/^--- stopped by /m.test(tracing.log())) await sleep(20)
    const isThere = !isOver && parseChanges(tracing.log()).length === index + 1
    if (isThere) meanwhile()
    if (!isOver) signalTracee(tracing, isThere ? 'SIGCONT' : 'SIGKILL')
    const traced = await done
    return isThere ? traced : undefined
  })
}

/** Tries to strike a check at one of its changes. */
export const MOST_TRIES = 16

/** Checks that are struck, until one was at the very change. */
export async function struck(
  make: () => Promise<Machine>,
  strike: Strike,
): Promise<{ readonly machine: Machine; readonly traced: Traced }> {
  const { change, index, what } = strike
  let count = change.count
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const machine = await make()
    const traced = await trace(machine, ['-s', '0', `--inject=${change.call}:${what}:when=${Math.max(1, count)}`])
    const missed = missedBy(strike, traced.log)
    if (missed === 0) return { machine, traced }
    count += missed
    await machine.close()
  }
  throw new Error(`no check was struck at its change ${index}, ${change.call} ${change.target}`)
}
