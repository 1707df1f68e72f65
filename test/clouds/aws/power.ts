// The power states of simulated instances: transitions that take time, their reasons, and hooks for real guests.

import type { CloudClock } from '../clock.ts'
import { type Hook, pass, type StateListener } from '../transition.ts'
import type { Instance, StateName } from './instance.ts'

export interface PowerHooks {
  readonly onStop?: Hook<Instance>
  readonly onHibernate?: Hook<Instance>
  readonly onStart?: Hook<Instance>
}

/** What may be done to an instance's power from outside the API. */
export type PowerVerb = 'stop' | 'hibernate' | 'start' | 'guest-off'

/** The switch, by the words of the control server. */
export function verbsOf(power: Power): Readonly<Record<PowerVerb, (instance: Instance) => void>> {
  return {
    stop: (instance) => power.stop(instance, { hibernate: false }),
    hibernate: (instance) => power.stop(instance, { hibernate: true }),
    start: (instance) => power.start(instance),
    'guest-off': (instance) => power.guestOff(instance),
  }
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
  readonly onState: StateListener<StateName, Instance>
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
