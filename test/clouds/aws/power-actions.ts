// StopInstances and StartInstances, with every refusal worded as the vendor does.

import { type Call, find, flag, list, missing, permit } from './call.ts'
import { Ec2Error } from './errors.ts'
import { type Instance, type StateName, stateCodes } from './instance.ts'
import type { Xml } from './xml.ts'

/** StopInstances: all of them, or none. */
export function stopInstances(call: Call): Xml {
  const instances = named(call)
  const hibernate = flag(call, 'Hibernate')
  flag(call, 'Force')
  flag(call, 'SkipOsShutdown')
  permit(call, instances)
  const running = instances.filter((instance) => needsStop(instance))
  for (const instance of running) refuseStop(instance)
  if (hibernate) for (const instance of running) refuseHibernation(instance, call.account.clock.now())
  return changes(instances, (instance) => {
    if (running.includes(instance)) call.account.power.stop(instance, { hibernate })
  })
}

/** StartInstances: all of them, or none. */
export function startInstances(call: Call): Xml {
  const instances = named(call)
  permit(call, instances)
  for (const { id, state } of instances) {
    if (state === 'running' || state === 'pending' || state === 'stopped') continue
    throw incorrectState(`The instance '${id}' is not in a state from which it can be started.`)
  }
  return changes(instances, (instance) => {
    if (instance.state === 'stopped') call.account.power.start(instance)
  })
}

function named(call: Call): Instance[] {
  const ids = list(call.params, 'InstanceId')
  if (ids.length === 0) throw missing('InstanceId')
  return find(call, ids)
}

function changes(instances: readonly Instance[], change: (instance: Instance) => void): Xml {
  const instancesSet = instances.map((instance) => {
    const previous = instance.state
    change(instance)
    return {
      instanceId: instance.id,
      currentState: stateXml(instance.state),
      previousState: stateXml(previous),
    }
  })
  return { instancesSet }
}

/** The state element of an instance. */
export function stateXml(name: StateName): Xml {
  return { code: stateCodes[name], name }
}

// A stopped or stopping instance is not an error: the call is idempotent.
function needsStop({ id, state }: Instance): boolean {
  if (state === 'pending')
    throw incorrectState(`Instance '${id}' cannot be stopped as it has never reached the 'running' state.`)
  if (state === 'shutting-down' || state === 'terminated') {
    throw incorrectState(`This instance '${id}' is not in a state from which it can be stopped.`)
  }
  return state === 'running'
}

function incorrectState(message: string): Ec2Error {
  return new Ec2Error('IncorrectInstanceState', message)
}

function unsupported(message: string): Ec2Error {
  return new Ec2Error('UnsupportedOperation', message)
}

function refuseStop(instance: Instance): void {
  const { id } = instance
  if (instance.rootDeviceType === 'instance-store') {
    throw unsupported(`The instance '${id}' does not have an 'ebs' root device type and cannot be stopped.`)
  }
  if (instance.fleet && instance.lifecycle === 'spot') {
    throw unsupported(`You can't stop the Spot Instance '${id}' because it is in a fleet, which does not support stop.`)
  }
  if (instance.lifecycle === 'spot' && instance.spotRequest === 'one-time') {
    throw unsupported(
      `You can't stop the Spot Instance '${id}' because it is associated with a one-time Spot Instance request. ` +
        'You can only stop Spot Instances associated with persistent Spot Instance requests.',
    )
  }
  if (instance.disableApiStop) {
    throw new Ec2Error(
      'OperationNotPermitted',
      `The instance '${id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.`,
    )
  }
}

function refuseHibernation(instance: Instance, now: number): void {
  if (!instance.hibernation) {
    throw new Ec2Error(
      'UnsupportedHibernationConfiguration',
      `Stopping with hibernation is not configured for the following instances: ${instance.id}`,
    )
  }
  const tooSoon = now - instance.bootTime < instance.hibernationReadySeconds * 1000
  if (!tooSoon && instance.notReadyCalls <= 0) return
  instance.notReadyCalls = Math.max(0, instance.notReadyCalls - 1)
  throw unsupported('Instance is not ready to hibernate yet, retry in a few minutes')
}
