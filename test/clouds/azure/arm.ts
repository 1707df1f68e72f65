// Azure Resource Manager: who calls, which operation it is, whether it may, and what comes of it.

import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import type { Account, Operation } from './call.ts'
import { ArmError, errorAnswer } from './errors.ts'
import type { Principal } from './identity.ts'
import { operations, tagsPath } from './operations.ts'
import { authorize, checkLock } from './roles.ts'
import { describeTags } from './tags.ts'
import type { Vm } from './vm.ts'
import { operationStatus } from './vm-operations.ts'

const vmPattern =
  /^(\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+))(\/.*)?$/i
const operationPattern =
  /^\/subscriptions\/([^/]+)\/providers\/Microsoft\.Compute\/locations\/[^/]+\/operations\/([^/]+)$/i

/** Answers one call of ARM. */
export function answerArm(account: Account, request: CloudRequest): CloudAnswer {
  let caller: Principal | undefined
  try {
    const token = account.tokens.check(request.headers['authorization'])
    caller = token.principal
    const query = new URLSearchParams(request.query)
    checkVersion(query)
    return { ...answer(account, { request, principal: caller, query }), ...madeBy(caller) }
  } catch (error) {
    if (!(error instanceof ArmError)) throw error
    return { ...errorAnswer(error), ...madeBy(caller) }
  }
}

function madeBy(principal: Principal | undefined): { readonly instanceId?: string } {
  return principal?.vmId === undefined ? {} : { instanceId: principal.vmId }
}

interface Asked {
  readonly request: CloudRequest
  readonly principal: Principal
  readonly query: URLSearchParams
}

function answer(account: Account, asked: Asked): CloudAnswer {
  const status = operationPattern.exec(asked.request.path)
  if (status) return answerStatus(account, asked, status[2] ?? '')
  const [, vmPath = '', subscriptionId = '', group = '', name = ''] = vmPattern.exec(asked.request.path) ?? []
  const operation = operationOf(asked.request)
  if (!operation) throw unknownPath(asked.request, vmPath)
  const { principal, request, query } = asked
  const rates = account.throttle.admit({ kind: operation.kind, objectId: principal.objectId, subscriptionId })
  if (![...account.vms.values()].some((vm) => same(vm.subscriptionId, subscriptionId))) {
    throw new ArmError('SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`)
  }
  const { now } = request
  const [right, ...others] = operation.rights
  // ARM names the scope of the call: for tags, that of the tags.
  const scope = operation.below === tagsPath ? `${vmPath}/providers/Microsoft.Resources/tags/default` : vmPath
  if (right !== undefined) authorize(account, { principal, actions: [right, ...others], scope, now })
  const vm = findVm(account, { subscriptionId, group, name })
  if (operation.lock) checkLock(vm, operation.lock)
  const more = operation.policy ? account.throttle.admitCompute(vm.id, operation.policy) : {}
  const origin = `https://${request.headers['host'] ?? ''}`
  const answered = operation.run({ account, principal, vm, vmPath, query, body: request.body, now, origin })
  return { ...answered, headers: { ...answered.headers, ...rates, ...more } }
}

function answerStatus(account: Account, { principal, query, request }: Asked, id: string): CloudAnswer {
  const [, subscriptionId = ''] = operationPattern.exec(request.path) ?? []
  const rates = account.throttle.admit({ kind: 'reads', objectId: principal.objectId, subscriptionId })
  const operation = account.operations.get(id)
  if (!operation) throw new ArmError('NotFound', `The operation '${id}' was not found.`)
  const more = account.throttle.admitCompute(operation.vm.id, 'GetOperation')
  const answered = operationStatus(operation, query.get('monitor') === 'true', account.pollSeconds)
  return { ...answered, headers: { ...answered.headers, ...rates, ...more } }
}

function operationOf({ method, path }: CloudRequest): Operation | undefined {
  const below = vmPattern.exec(path)?.[5] ?? ''
  if (!vmPattern.test(path)) return undefined
  const wanted = below.replace(/\/$/, '').toLowerCase()
  return operations.find((operation) => operation.method === method && operation.below === wanted)
}

/** What the log shows of a call: the operation, its query and what its body asks; never a token. */
export function describeArm(request: CloudRequest): { action?: string; params: Record<string, string> } {
  const query = Object.fromEntries(new URLSearchParams(request.query))
  const action = operationOf(request)?.id ?? (operationPattern.test(request.path) ? 'Operations_Get' : undefined)
  if (action === undefined) return { params: query }
  const body = action.startsWith('Tags_') && request.body.length > 0 ? describeTags(request.body) : {}
  return { action, params: { ...query, ...body } }
}

const version = /^20\d\d-\d\d-\d\d(?:-preview)?$/

function checkVersion(query: URLSearchParams): void {
  const asked = query.get('api-version')
  if (asked === null || asked === '') {
    throw new ArmError(
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    )
  }
  if (!version.test(asked)) throw new ArmError('InvalidApiVersionParameter', `The api-version '${asked}' is invalid.`)
}

function findVm(
  account: Account,
  { subscriptionId, group, name }: { readonly subscriptionId: string; readonly group: string; readonly name: string },
): Vm {
  const inSubscription = [...account.vms.values()].filter((vm) => same(vm.subscriptionId, subscriptionId))
  const inGroup = inSubscription.filter((vm) => same(vm.resourceGroup, group))
  if (inGroup.length === 0) {
    throw new ArmError('ResourceGroupNotFound', `Resource group '${group}' could not be found.`)
  }
  const isOwnResource = (vm: Vm): boolean => vm.scaleSet === null || vm.orchestration === 'Flexible'
  const found = inGroup.find((vm) => same(vm.name, name) && isOwnResource(vm))
  if (found) return found
  throw new ArmError(
    'ResourceNotFound',
    `The Resource 'Microsoft.Compute/virtualMachines/${name}' under resource group '${group}' was not found. For more ` +
      'details please go to https://aka.ms/ARMResourceNotFoundFix',
  )
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

function unknownPath({ method, path }: CloudRequest, vmPath: string): ArmError {
  if (vmPath === '') return new ArmError('InvalidResourceType', `No resource type fits the path '${path}'.`)
  return new ArmError('NotFound', `No operation ${method} fits the path '${path}'.`)
}
