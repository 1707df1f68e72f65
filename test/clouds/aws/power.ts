// The power states of simulated instances: transitions that take time, their reasons, and hooks for real guests.

import type { CloudClock } from '../clock.ts'
import type { Instance, StateName } from './instance.ts'

/** Called after the API has answered; the transition also waits for what a hook returns. A hook that fails leaves
 * the instance in its transition, as a guest that hangs would. */
export interface PowerHooks {
  readonly onStop?: (instance: Instance) => void | Promise<void>
  readonly onHibernate?: (instance: Instance) => void | Promise<void>
  readonly onStart?: (instance: Instance) => void | Promise<void>
}

export interface PowerDelays {
  readonly stopMs: number
  readonly hibernateMs: number
  readonly startMs: number
}

export interface Power {
  stop(instance: Instance, options: { readonly hibernate: boolean }): void
  start(instance: Instance): void
  /** What the cloud does when the guest has switched itself off. */
  guestOff(instance: Instance): void
}

export interface PowerOptions {
  readonly clock: CloudClock
  readonly delays: PowerDelays
  readonly hooks: PowerHooks
  readonly onState: (instance: Instance, before: StateName) => void
}

/** Creates the switch that all instances of one cloud share. */
export function createPower(options: PowerOptions): Power {
  const { clock, delays, hooks } = options
  return {
    stop(instance, { hibernate }) {
      instance.hibernated = hibernate
      instance.stateReason = hibernate ? userHibernate : userShutdown
      instance.transitionReason = `User initiated (${stamp(clock.now())})`
      const delayMs = hibernate ? delays.hibernateMs : delays.stopMs
      const hook = hibernate ? hooks.onHibernate : hooks.onStop
      pass(options, instance, { through: 'stopping', end: 'stopped', delayMs, hook })
    },
    start(instance) {
      begin(instance, clock.now())
      pass(options, instance, { through: 'pending', end: 'running', delayMs: delays.startMs, hook: hooks.onStart })
    },
    guestOff(instance) {
      if (instance.state !== 'running') return
      instance.stateReason = instanceShutdown
      instance.transitionReason = ''
      const gone = instance.shutdownBehavior === 'terminate' || instance.rootDeviceType === 'instance-store'
      const states = gone
        ? ({ through: 'shutting-down', end: 'terminated' } as const)
        : ({ through: 'stopping', end: 'stopped' } as const)
      pass(options, instance, { ...states, delayMs: delays.stopMs, hook: undefined })
    },
  }
}

function begin(instance: Instance, now: number): void {
  instance.launchTime = now
  if (!instance.hibernated) instance.bootTime = now
  instance.hibernated = false
  instance.stateReason = undefined
  instance.transitionReason = ''
  instance.startTags.clear()
  for (const [key, value] of instance.tags) instance.startTags.set(key, value)
}

type Hook = PowerHooks[keyof PowerHooks]

interface Transition {
  readonly through: StateName
  readonly end: StateName
  readonly delayMs: number
  readonly hook: Hook
}

/** Enters one state now, and the other when both the delay and the hook are over. */
function pass({ clock, onState }: PowerOptions, instance: Instance, { through, end, delayMs, hook }: Transition): void {
  function enter(state: StateName): void {
    const before = instance.state
    instance.state = state
    onState(instance, before)
  }
  instance.change += 1
  instance.hookError = undefined
  const change = instance.change
  let open = hook ? 2 : 1
  const close = (): void => {
    open -= 1
    if (open === 0 && instance.change === change) enter(end)
  }
  enter(through)
  clock.after(delayMs, close)
  if (hook) setImmediate(() => void run(instance, hook).then((done) => done && close()))
}

async function run(instance: Instance, hook: NonNullable<Hook>): Promise<boolean> {
  try {
    await hook(instance)
    return true
  } catch (error) {
    instance.hookError = error instanceof Error ? error.message : String(error)
    return false
  }
}

const userHibernate = {
  code: 'Client.UserInitiatedHibernate',
  message: 'Client.UserInitiatedHibernate: User initiated hibernate',
}
const userShutdown = {
  code: 'Client.UserInitiatedShutdown',
  message: 'Client.UserInitiatedShutdown: User initiated shutdown',
}
const instanceShutdown = {
  code: 'Client.InstanceInitiatedShutdown',
  message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
}

function stamp(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} GMT`
}
