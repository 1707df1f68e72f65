// A machine whose action is due at its next check: for stories that begin there, without waiting for the minutes before.
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CheckObject, parseCheck } from './check-object.ts'
import { fastest, type Loopback, type Machine, type MachineSpec, type Ran, startMachine } from './machine.ts'

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

/** Time passes for the agent alone: its last check was some seconds ago, and the machine has been idle for a minute, or longer. */
export function timePasses(machine: Machine<Loopback>, idleMs = IDLE_MS): void {
  const path = join(machine.stateDir, 'state.json')
  const file = JSON.parse(readFileSync(path, 'utf8')) as StateFile
  const { state, sampledAt } = file
  for (const clocks of [state.last, sampledAt]) move(clocks, PASSED_MS)
  move(state.run.began, idleMs)
  state.run.graceUntil -= idleMs
  state.idleSince = Math.min(state.idleSince, state.last.monoMs - idleMs)
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

/** `check --act --json`, once and at once. */
export async function checkOnce(machine: Machine<Loopback>): Promise<Acted> {
  const before = machine.cloud.requests.counts().api
  const ran = await machine.run('check', '--act', '--json', ...machine.flags)
  const after = machine.cloud.requests.list({ server: 'api' }).slice(before)
  return { ...ran, check: parseCheck(ran), api: after.map(({ action }) => action ?? '(none)') }
}

/** Was metadata late, on a test machine that is busy with other tests, so that nothing was sent? */
export function wasStarved({ check, api }: Acted): boolean {
  const told = [...check.vetoes.map(({ reason }) => reason), ...check.actions.map(({ detail }) => detail)]
  const late = told.some((text) => text.includes('metadata cannot be reached') && text.includes('no complete answer'))
  return late && !api.includes('StopInstances')
}

/** `check --act --json`, after `change` has changed what the check before left; anew from there where the test machine starved it. */
export async function checkAfter(machine: Machine, change: () => void): Promise<Acted> {
  const before = `${machine.stateDir}.before`
  cpSync(machine.stateDir, before, { recursive: true })
  change()
  const checked = await checkOnce(machine)
  if (!wasStarved(checked)) return checked
  rmSync(machine.stateDir, { recursive: true })
  renameSync(before, machine.stateDir)
  return checkAfter(machine, change)
}

/** `check --act --json`, at once; once more where the test machine starved it. */
export async function checkNow(machine: Machine<Loopback>): Promise<Acted> {
  const checked = await checkOnce(machine)
  return wasStarved(checked) ? checkWhenDue(machine) : checked
}

/** The check after time has passed: the action is due again. */
export async function checkWhenDue(machine: Machine<Loopback>): Promise<Acted> {
  timePasses(machine)
  return checkNow(machine)
}

/** Looks at the machine for the first time; it has been idle since, and the next check acts, or says what keeps it from acting. */
export async function makeDue(machine: Machine<Loopback>): Promise<void> {
  // A machine whose start is told only later begins a new run then.
  while (wasStarved(await checkOnce(machine))) rmSync(machine.stateDir, { recursive: true })
  timePasses(machine)
}

/** A machine whose action is due. */
export async function startDueMachine(spec: MachineSpec = {}): Promise<Machine> {
  const machine = await startMachine({ settings: fastest, ...spec })
  await makeDue(machine)
  return machine
}
