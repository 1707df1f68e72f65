// What ARM can be asked about a VM itself: its model, its state, its rights, and switching it.

import { randomUUID } from 'node:crypto'
import type { CloudAnswer } from '../http-server.ts'
import type { AsyncOperation, Call } from './call.ts'
import { ArmError, jsonAnswer, messages } from './errors.ts'
import type { Ended } from './power.ts'
import { roleOn } from './roles.ts'
import { scopesOf, type Vm, type VmState } from './vm.ts'

/** GET: the model, and the state with `$expand=instanceView`. */
export function getVm({ vm, vmPath, query, now }: Call): CloudAnswer {
  const expand = query.get('$expand')
  const expanded = expand?.toLowerCase() === 'instanceview' ? { instanceView: instanceView(vm, now) } : {}
  const identity = {
    type: 'SystemAssigned',
    principalId: vm.principalId,
    tenantId: '72f988bf-0000-4000-8000-2d7cd011db47',
  }
  return jsonAnswer(200, {
    id: vmPath,
    name: vm.name,
    type: 'Microsoft.Compute/virtualMachines',
    location: vm.location,
    tags: Object.fromEntries(vm.tags),
    zones: [vm.zone],
    ...(vm.identity ? { identity } : {}),
    properties: { ...properties(vm), ...expanded },
  })
}

function properties(vm: Vm): Readonly<Record<string, unknown>> {
  const set = `${scopesOf(vm).group}/providers/Microsoft.Compute/virtualMachineScaleSets/${vm.scaleSet ?? ''}`
  return {
    vmId: vm.id,
    hardwareProfile: { vmSize: vm.size },
    additionalCapabilities: { hibernationEnabled: vm.hibernation },
    provisioningState: vm.state === 'deallocating' || vm.state === 'starting' ? 'Updating' : 'Succeeded',
    timeCreated: new Date(vm.createdAt).toISOString(),
    ...(vm.priority === 'Spot' ? { priority: 'Spot', evictionPolicy: vm.evictionPolicy || 'Deallocate' } : {}),
    ...(vm.scaleSet === null ? {} : { virtualMachineScaleSet: { id: set } }),
    ...(vm.securityType === '' ? {} : { securityProfile: { securityType: vm.securityType } }),
    storageProfile: {
      osDisk: {
        osType: 'Linux',
        name: `${vm.name}_OsDisk_1`,
        createOption: 'FromImage',
        ...(vm.ephemeralOsDisk ? { diffDiskSettings: { option: 'Local' } } : {}),
      },
      dataDisks: vm.dataDisks.map((name, lun) => ({ lun, name, createOption: 'Empty' })),
    },
  }
}

/** GET instanceView: the power state, apart from the state of the model. */
export function getInstanceView({ vm, now }: Call): CloudAnswer {
  return jsonAnswer(200, instanceView(vm, now))
}

function instanceView(vm: Vm, now: number): unknown {
  const power = vm.state === 'hibernated' ? 'deallocated' : vm.state
  const at = new Date(now).toISOString()
  const updating = vm.state === 'deallocating' || vm.state === 'starting'
  const provisioning = updating
    ? { code: 'ProvisioningState/updating', level: 'Info', displayStatus: 'Updating' }
    : { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded', time: at }
  const kept = { code: 'HibernationState/Hibernated', level: 'Info', displayStatus: 'VM hibernated' }
  return {
    computerName: vm.computerName,
    osName: 'debian',
    osVersion: '12',
    statuses: [
      provisioning,
      { code: `PowerState/${power}`, level: 'Info', displayStatus: `VM ${power}` },
      ...(vm.state === 'hibernated' ? [kept] : []),
    ],
  }
}

/** GET permissions: what the caller may do here. */
export function getPermissions({ account, principal, vmPath, now }: Call): CloudAnswer {
  const role = roleOn(account, { principal, scope: vmPath, now })
  const { actions = [], notActions = [] } = role ?? {}
  const value = role ? [{ actions, notActions, dataActions: [], notDataActions: [] }] : []
  return jsonAnswer(200, { value })
}

/** POST deallocate: accepted, and told of by an asynchronous operation. */
export function deallocate(call: Call): CloudAnswer {
  const { vm, query, account } = call
  const text = query.get('hibernate')?.toLowerCase() ?? 'false'
  if (text !== 'true' && text !== 'false') {
    throw new ArmError('InvalidParameter', `The value of the parameter hibernate is invalid: '${text}'.`)
  }
  const hibernate = text === 'true'
  if (vm.ephemeralOsDisk) {
    throw notAllowed(`Operation 'deallocate' is not supported on VM '${vm.name}' because its OS disk is ephemeral.`)
  }
  if (hibernate) refuseHibernation(vm, call.now)
  const off: readonly VmState[] = ['deallocated', 'hibernated']
  if (off.includes(vm.state) && !(vm.state === 'hibernated' && !hibernate))
    return accepted(call, (end) => end(undefined))
  return accepted(call, (onEnd) => account.power.deallocate(vm, { hibernate, onEnd }))
}

/** POST start. */
export function start(call: Call): CloudAnswer {
  const { vm, account } = call
  if (vm.state === 'running') return accepted(call, (end) => end(undefined))
  if (vm.state === 'deallocating') throw conflict(vm, 'start')
  return accepted(call, (onEnd) => account.power.start(vm, onEnd))
}

/** POST powerOff: off, but allocated and paid for. */
export function powerOff(call: Call): CloudAnswer {
  const { vm, account } = call
  if (vm.state !== 'running') return accepted(call, (end) => end(undefined))
  return accepted(call, (onEnd) => account.power.guestOff(vm, onEnd))
}

// In the order of the vendor's troubleshooting page.
function refuseHibernation(vm: Vm, now: number): void {
  if (vm.hibernationExtension === 'failed') {
    throw notAllowed(
      `Operation 'HibernateAndDeallocate' isn't allowed on VM '${vm.name}' since VM has extension ` +
        "'AzureHibernateExtension' in failed state",
    )
  }
  if (vm.state !== 'running') {
    throw notAllowed(
      'The Hibernate-Deallocate Operation can only be triggered on a VM that is successfully provisioned and is running.',
    )
  }
  if (!vm.hibernation) {
    throw notAllowed(
      'The Hibernate-Deallocate Operation can only be triggered on a VM that is enabled for hibernation. Enable the ' +
        'property additionalCapabilities.hibernationEnabled during VM creation, or after stopping and deallocating the VM.',
    )
  }
  const tooSoon = now - vm.bootTime < vm.hibernationReadySeconds * 1000
  if (!tooSoon && vm.notReadyCalls <= 0) return
  vm.notReadyCalls = Math.max(0, vm.notReadyCalls - 1)
  throw new ArmError(
    'VMHibernateNotSupported',
    `The VM '${vm.name}' doesn't support hibernation. Ensure that the VM is correctly configured to support hibernation.`,
  )
}

function notAllowed(message: string): ArmError {
  return new ArmError('OperationNotAllowed', message)
}

function conflict(vm: Vm, operation: string): ArmError {
  return new ArmError('Conflict', `Operation '${operation}' is not possible while VM '${vm.name}' is ${vm.state}.`)
}

/** Begins an asynchronous operation and answers where it can be asked for. */
function accepted({ vm, account, now, origin, query }: Call, begin: (onEnd: Ended) => void): CloudAnswer {
  const operation: AsyncOperation = { id: randomUUID(), vm, startedAt: now, endedAt: undefined, errorCode: undefined }
  account.operations.set(operation.id, operation)
  begin((errorCode) => {
    operation.endedAt = account.clock.now()
    operation.errorCode = errorCode
  })
  const where = `${origin}/subscriptions/${vm.subscriptionId}/providers/Microsoft.Compute/locations/${vm.location}`
  const url = `${where}/operations/${operation.id}?p=${randomUUID()}`
  const version = `api-version=${query.get('api-version') ?? ''}`
  return jsonAnswer(202, undefined, {
    'Azure-AsyncOperation': `${url}&${version}`,
    Location: `${url}&monitor=true&${version}`,
    'Azure-AsyncNotification': 'Enabled',
    'Retry-After': String(account.pollSeconds),
  })
}

/** The status of an asynchronous operation; with `monitor`, its result. */
export function operationStatus(operation: AsyncOperation, monitor: boolean, pollSeconds: number): CloudAnswer {
  const { id, vm, startedAt, endedAt, errorCode } = operation
  const retry = { 'Retry-After': String(pollSeconds) }
  if (monitor) return endedAt === undefined ? jsonAnswer(202, undefined, retry) : jsonAnswer(200, undefined)
  const startTime = new Date(startedAt).toISOString()
  if (endedAt === undefined) return jsonAnswer(200, { startTime, status: 'InProgress', name: id }, retry)
  const ended = { startTime, endTime: new Date(endedAt).toISOString() }
  if (errorCode === undefined) return jsonAnswer(200, { ...ended, status: 'Succeeded', name: id })
  const message = (messages[errorCode] ?? errorCode).replaceAll('workstation-1', vm.name)
  return jsonAnswer(200, { ...ended, status: 'Failed', error: { code: errorCode, message }, name: id })
}
