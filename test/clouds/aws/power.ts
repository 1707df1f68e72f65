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
export function createPower({ clock, delays, hooks, onState }: PowerOptions): Power {
  function enter(instance: Instance, state: StateName): void {
    const before = instance.state
    instance.state = state
    onState(instance, before)
  }

  function pass(instance: Instance, end: StateName, delayMs: number, hook: PowerHooks[keyof PowerHooks]): void {
    const change = instance.change
    let open = hook ? 2 : 1
    const close = (): void => {
      open -= 1
      if (open === 0 && instance.change === change) enter(instance, end)
    }
    clock.after(delayMs, close)
    if (hook) setImmediate(() => void run(instance, hook).then((done) => done && close()))
  }

  function stop(instance: Instance, { hibernate }: { readonly hibernate: boolean }): void {
    instance.change += 1
    instance.hibernated = hibernate
    instance.hookError = undefined
    instance.stateReason = hibernate ? userHibernate : userShutdown
    instance.transitionReason = `User initiated (${stamp(clock.now())})`
    enter(instance, 'stopping')
    pass(
      instance,
      'stopped',
      hibernate ? delays.hibernateMs : delays.stopMs,
      hibernate ? hooks.onHibernate : hooks.onStop,
    )
  }

  function start(instance: Instance): void {
    instance.change += 1
    instance.launchTime = clock.now()
    if (!instance.hibernated) instance.bootTime = clock.now()
    instance.hibernated = false
    instance.hookError = undefined
    instance.stateReason = undefined
    instance.transitionReason = ''
    instance.startTags.clear()
    for (const [key, value] of instance.tags) instance.startTags.set(key, value)
    enter(instance, 'pending')
    pass(instance, 'running', delays.startMs, hooks.onStart)
  }

  function guestOff(instance: Instance): void {
    if (instance.state !== 'running') return
    instance.change += 1
    instance.stateReason = instanceShutdown
    instance.transitionReason = ''
    const ends = instance.shutdownBehavior === 'terminate' || instance.rootDeviceType === 'instance-store'
    enter(instance, ends ? 'shutting-down' : 'stopping')
    pass(instance, ends ? 'terminated' : 'stopped', delays.stopMs, undefined)
  }

  return { stop, start, guestOff }
}

async function run(instance: Instance, hook: NonNullable<PowerHooks[keyof PowerHooks]>): Promise<boolean> {
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
