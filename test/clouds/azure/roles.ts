// What the identity of a VM may do: role definitions, where they are assigned, and since when; and locks.

import { ArmError } from './errors.ts'
import type { Principal } from './identity.ts'
import { scopesOf, type Vm } from './vm.ts'

/** Actions may hold `*`, which is any run of characters; they are compared without case. */
export interface RoleDefinition {
  readonly actions: readonly string[]
  readonly notActions?: readonly string[]
}

/** What the agent needs, and no more (cloud.md 2.5). */
export const agentRole: RoleDefinition = {
  actions: [
    'Microsoft.Compute/virtualMachines/read',
    'Microsoft.Compute/virtualMachines/instanceView/read',
    'Microsoft.Compute/virtualMachines/deallocate/action',
    'Microsoft.Resources/tags/read',
    'Microsoft.Resources/tags/write',
  ],
}

export interface AccessRequest {
  readonly principal: Principal
  /** Any one of these is enough; the first is what a refusal names. */
  readonly actions: readonly [string, ...string[]]
  /** The id that the call is about, as it was asked for. */
  readonly scope: string
  readonly now: number
}

/** The VMs whose identities there are, and the role definitions by name. */
export interface Directory {
  readonly vms: ReadonlyMap<string, Vm>
  readonly roles: ReadonlyMap<string, RoleDefinition>
}

/** Throws AuthorizationFailed unless a role allows one of the actions on the scope; an operator may do all. */
export function authorize(directory: Directory, request: AccessRequest): void {
  const { principal, actions, scope } = request
  const role = roleOn(directory, request)
  if (principal.vmId === undefined || (role && actions.some((action) => permits(role, action)))) return
  throw new ArmError(
    'AuthorizationFailed',
    `The client '${principal.clientId}' with object id '${principal.objectId}' does not have authorization to perform ` +
      `action '${actions[0]}' over scope '${scope}' or the scope is invalid. If access was recently granted, please ` +
      'refresh your credentials.',
  )
}

/** The role that the principal has on the scope now. */
export function roleOn(
  { vms, roles }: Directory,
  { principal, scope, now }: Omit<AccessRequest, 'actions'>,
): RoleDefinition | undefined {
  if (principal.vmId === undefined) return { actions: ['*'] }
  const vm = vms.get(principal.vmId)
  if (!vm || vm.role === null || now < vm.createdAt + vm.roleAfterSeconds * 1000) return undefined
  const assigned = scopesOf(vm)[vm.roleScope]
  return isWithin(scope, assigned) ? roles.get(vm.role) : undefined
}

function permits({ actions, notActions = [] }: RoleDefinition, action: string): boolean {
  return actions.some((pattern) => fits(pattern, action)) && !notActions.some((pattern) => fits(pattern, action))
}

function fits(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action)
}

/** Whether a scope is another one or lies below it. */
function isWithin(scope: string, outer: string): boolean {
  return `${scope}/`.toLowerCase().startsWith(`${outer}/`.toLowerCase())
}

/** Throws ScopeLocked where the VM's lock, its own or one from above, forbids it. */
export function checkLock(vm: Vm, kind: 'write' | 'delete'): void {
  if (vm.lock === null || (vm.lock === 'CanNotDelete' && kind === 'write')) return
  const { vm: id, [vm.lockScope]: locked } = scopesOf(vm)
  throw new ArmError(
    'ScopeLocked',
    `The scope '${id}' cannot perform ${kind} operation because following scope(s) are locked: '${locked}'. ` +
      'Please remove the lock and try again.',
  )
}
