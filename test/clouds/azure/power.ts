// The power states of simulated VMs: transitions that take time, and hooks for real guests.

import type { CloudClock } from '../clock.ts'
import { type Hook, pass, type StateListener } from '../transition.ts'
import type { Vm, VmState } from './vm.ts'

export interface VmHooks {
  /** A deallocation without hibernation. */
  readonly onStop?: Hook<Vm>
  readonly onHibernate?: Hook<Vm>
  readonly onStart?: Hook<Vm>
}

export interface VmDelays {
  readonly stopMs: number
  readonly hibernateMs: number
  readonly startMs: number
}

/** Told how a deallocation ended: `undefined` is well, a text is the error code. */
export type Ended = (errorCode: string | undefined) => void

export interface VmPower {
  deallocate(vm: Vm, options: { readonly hibernate: boolean; readonly onEnd?: Ended }): void
  start(vm: Vm, onEnd?: Ended): void
  /** Off but allocated: what the guest's own shutdown leads to, and powerOff of the API. */
  guestOff(vm: Vm, onEnd?: Ended): void
}

/** What may be done to a VM's power from outside the API. */
export type VmVerb = 'deallocate' | 'hibernate' | 'start' | 'guest-off'

/** The switch, by the words of the control server. */
export function verbsOf(power: VmPower): Readonly<Record<VmVerb, (vm: Vm) => void>> {
  return {
    deallocate: (vm) => power.deallocate(vm, { hibernate: false }),
    hibernate: (vm) => power.deallocate(vm, { hibernate: true }),
    start: (vm) => power.start(vm),
    'guest-off': (vm) => power.guestOff(vm),
  }
}

export interface VmPowerOptions {
  readonly clock: CloudClock
  readonly delays: VmDelays
  readonly hooks: VmHooks
  readonly onState: StateListener<VmState, Vm>
}

/** Creates the switch that all VMs of one cloud share. */
export function createVmPower(options: VmPowerOptions): VmPower {
  const { clock, delays, hooks } = options
  return {
    deallocate(vm, { hibernate, onEnd = () => {} }) {
      const failure = vm.deallocationFails
      const delayMs = hibernate ? delays.hibernateMs : delays.stopMs
      if (failure !== null) {
        const back = { through: 'deallocating', end: vm.state, delayMs, hook: undefined } as const
        return pass(options, vm, { ...back, onEnd: () => onEnd(failure) })
      }
      const end = hibernate ? 'hibernated' : 'deallocated'
      const hook = hibernate ? hooks.onHibernate : hooks.onStop
      const ended = (): void => {
        vm.memoryKept = hibernate
        onEnd(undefined)
      }
      pass(options, vm, { through: 'deallocating', end, delayMs, hook, onEnd: ended })
    },
    start(vm, onEnd = () => {}) {
      vm.startedAt = clock.now()
      vm.startTags.clear()
      for (const [name, value] of vm.tags) vm.startTags.set(name, value)
      if (!vm.memoryKept) vm.bootTime = clock.now()
      vm.memoryKept = false
      const states = { through: 'starting', end: 'running' } as const
      pass(options, vm, { ...states, delayMs: delays.startMs, hook: hooks.onStart, onEnd: () => onEnd(undefined) })
    },
    guestOff(vm, onEnd = () => {}) {
      if (vm.state !== 'running') return
      const states = { through: 'stopping', end: 'stopped' } as const
      pass(options, vm, { ...states, delayMs: delays.stopMs, hook: undefined, onEnd: () => onEnd(undefined) })
    },
  }
}
