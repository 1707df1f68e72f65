// A change of power that takes time: through one state into another, when both the delay and a hook are over.

import type { CloudClock } from './clock.ts'

/** Called after the API has answered; the transition also waits for what a hook returns. A hook that fails leaves
 * the machine in its transition, as a guest that hangs would. */
export type Hook<Machine> = ((machine: Machine) => void | Promise<void>) | undefined

/** What a machine needs to have to change its state. */
export interface Switchable<State> {
  state: State
  /** Counts power changes, so that an overtaken one has no effect. */
  change: number
  /** Why a power hook failed: the guest hangs in its transition. */
  hookError: string | undefined
}

export interface Passing<State, Machine> {
  readonly clock: CloudClock
  readonly onState: StateListener<State, Machine>
}

export interface Transition<State, Machine> {
  readonly through: State
  readonly end: State
  readonly delayMs: number
  readonly hook: Hook<Machine>
  /** Called when the end is reached, before anybody is told. */
  readonly onEnd?: () => void
}

/** Enters one state now, and the other when both the delay and the hook are over. */
export function pass<State, Machine extends Switchable<State>>(
  { clock, onState }: Passing<State, Machine>,
  machine: NoInfer<Machine>,
  { through, end, delayMs, hook, onEnd = () => {} }: Transition<NoInfer<State>, NoInfer<Machine>>,
): void {
  function enter(state: State): void {
    const before = machine.state
    machine.state = state
    onState(machine, before)
  }
  machine.change += 1
  machine.hookError = undefined
  const change = machine.change
  let open = hook ? 2 : 1
  const close = (): void => {
    open -= 1
    if (open > 0 || machine.change !== change) return
    onEnd()
    enter(end)
  }
  enter(through)
  clock.after(delayMs, close)
  if (hook) setImmediate(() => void run(machine, hook).then((done) => done && close()))
}

async function run<Machine extends { hookError: string | undefined }>(
  machine: Machine,
  hook: NonNullable<Hook<Machine>>,
): Promise<boolean> {
  try {
    await hook(machine)
    return true
  } catch (error) {
    machine.hookError = error instanceof Error ? error.message : String(error)
    return false
  }
}

export type StateListener<State, Machine> = (machine: Machine, before: State) => void

/** Transitions take milliseconds, and whatever a hook does. */
const PATIENCE_MS = 20_000

/** Resolves once the machine is in that state; rejects when that takes 20 s. */
export function stateReached<State extends string, Machine extends { readonly id: string; readonly state: State }>(
  listeners: Set<StateListener<State, Machine>>,
  machine: Machine,
  state: State,
): Promise<Machine> {
  if (machine.state === state) return Promise.resolve(machine)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      listeners.delete(listener)
      reject(new Error(`${machine.id} is ${machine.state}, not ${state}, after ${PATIENCE_MS} ms`))
    }, PATIENCE_MS)
    const listener: StateListener<State, Machine> = (changed) => {
      if (changed !== machine || machine.state !== state) return
      clearTimeout(timer)
      listeners.delete(listener)
      resolve(machine)
    }
    listeners.add(listener)
  })
}
