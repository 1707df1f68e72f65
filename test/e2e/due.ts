// A machine whose action is due at its next check: for stories that begin there, without waiting for the minutes before.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CheckObject, parseCheck } from './check-object.ts'
import { fastest, type Loopback, type Machine, type Ran, startMachine } from './machine.ts'

/** Longer than an interval, and well below what counts as a gap (36 s at this interval). */
const PASSED_MS = 5_000

/** Longer than every threshold of these stories. */
const IDLE_MS = 60_000

interface Clocks {
  wallMs: number
  bootMs: number
  monoMs: number
}

/** The part of the state file that tells time. */
interface StateFile {
  readonly state: {
    readonly last: Clocks
    readonly run: { readonly began: Clocks; graceUntil: number }
    readonly attempt: { retryAt?: number }
    idleSince: number
  }
  readonly sampledAt: Clocks
}

/** Time passes for the agent alone: its last check was some seconds ago, and the machine has been idle for a minute. */
export function timePasses(machine: Machine<Loopback>): void {
  const path = join(machine.stateDir, 'state.json')
  const file = JSON.parse(readFileSync(path, 'utf8')) as StateFile
  const { state, sampledAt } = file
  for (const clocks of [state.last, sampledAt]) move(clocks, PASSED_MS)
  move(state.run.began, IDLE_MS)
  state.run.graceUntil -= IDLE_MS
  state.idleSince = Math.min(state.idleSince, state.last.monoMs - IDLE_MS)
  delete state.attempt.retryAt
  writeFileSync(path, JSON.stringify(file))
}

function move(clocks: Clocks, ms: number): void {
  clocks.wallMs -= ms
  clocks.bootMs -= ms
  clocks.monoMs -= ms
}

/** What one check did, and what the cloud was asked in it. */
export interface Acted extends Ran {
  readonly check: CheckObject
  readonly api: readonly string[]
}

/** `check --act --json`, at once. */
export async function checkNow(machine: Machine<Loopback>): Promise<Acted> {
  const before = machine.cloud.requests.counts().api
  const ran = await machine.run('check', '--act', '--json', ...machine.flags)
  const after = machine.cloud.requests.list({ server: 'api' }).slice(before)
  return { ...ran, check: parseCheck(ran), api: after.map(({ action }) => action ?? '(none)') }
}

/** A machine that was looked at once and has been idle since; the next check acts, or says what keeps it from acting. */
export async function startDueMachine(spec: Parameters<typeof startMachine>[0] = {}): Promise<Machine> {
  const machine = await startMachine({ settings: fastest, ...spec })
  await checkNow(machine)
  timePasses(machine)
  return machine
}
