// The operations of ARM that are simulated: where each is, which right it needs, and what it costs.

import type { Operation } from './call.ts'
import { deleteTags, getTags, patchTags, putTags } from './tags.ts'
import { deallocate, getInstanceView, getPermissions, getVm, powerOff, start } from './vm-operations.ts'

export const tagsPath = '/providers/microsoft.resources/tags/default'
const permissionsPath = '/providers/microsoft.authorization/permissions'
const vmRight = 'Microsoft.Compute/virtualMachines'
const tagsRight = 'Microsoft.Resources/tags'

/** Names are those of the vendor's specification. */
export const operations: readonly Operation[] = [
  {
    id: 'VirtualMachines_Get',
    method: 'GET',
    below: '',
    run: getVm,
    rights: [`${vmRight}/read`],
    kind: 'reads',
    policy: 'LowCostGetVM',
  },
  {
    id: 'VirtualMachines_InstanceView',
    method: 'GET',
    below: '/instanceview',
    run: getInstanceView,
    rights: [`${vmRight}/instanceView/read`],
    kind: 'reads',
    policy: 'LowCostGetVM',
  },
  {
    id: 'VirtualMachines_Deallocate',
    method: 'POST',
    below: '/deallocate',
    run: deallocate,
    rights: [`${vmRight}/deallocate/action`],
    kind: 'writes',
    lock: 'write',
    policy: 'DeleteVM',
  },
  {
    id: 'VirtualMachines_Start',
    method: 'POST',
    below: '/start',
    run: start,
    rights: [`${vmRight}/start/action`],
    kind: 'writes',
    lock: 'write',
    policy: 'UpdateVM',
  },
  {
    id: 'VirtualMachines_PowerOff',
    method: 'POST',
    below: '/poweroff',
    run: powerOff,
    rights: [`${vmRight}/powerOff/action`],
    kind: 'writes',
    lock: 'write',
    policy: 'UpdateVM',
  },
  {
    id: 'Tags_GetAtScope',
    method: 'GET',
    below: tagsPath,
    run: getTags,
    rights: [`${tagsRight}/read`, `${vmRight}/read`],
    kind: 'reads',
  },
  {
    id: 'Tags_UpdateAtScope',
    method: 'PATCH',
    below: tagsPath,
    run: patchTags,
    // A change of tags lands at the provider as an update of the VM (cloud.md 2.6).
    rights: [`${tagsRight}/write`, `${vmRight}/write`],
    kind: 'writes',
    lock: 'write',
    policy: 'UpdateVM',
  },
  {
    id: 'Tags_CreateOrUpdateAtScope',
    method: 'PUT',
    below: tagsPath,
    run: putTags,
    rights: [`${tagsRight}/write`, `${vmRight}/write`],
    kind: 'writes',
    lock: 'write',
    policy: 'UpdateVM',
  },
  {
    id: 'Tags_DeleteAtScope',
    method: 'DELETE',
    below: tagsPath,
    run: deleteTags,
    rights: [`${tagsRight}/delete`, `${vmRight}/write`],
    kind: 'deletes',
    lock: 'delete',
    policy: 'UpdateVM',
  },
  {
    // Everybody may ask what they may do.
    id: 'Permissions_ListForResource',
    method: 'GET',
    below: permissionsPath,
    run: getPermissions,
    rights: [],
    kind: 'reads',
  },
]
