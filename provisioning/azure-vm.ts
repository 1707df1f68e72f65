/** A VM of Azure and what belongs to it, as resources whose references are written in the language around them. */

import { permissions as azurePermissions } from '../agent/clouds/azure-send.ts'
import { yaml } from './bootstrap.ts'
import { userData } from './cloud-init.ts'
import type { AzureSpec } from './spec.ts'

/** A value of the deployment, as its language writes it. */
export type Reference = string | object

/** What differs between the languages. */
export interface References {
  parameter(name: ParameterName): Reference
  readonly networkInterfaceName: Reference
  readonly networkInterfaceId: Reference
  readonly keyPath: Reference
  readonly tags: Reference
}

/** What is asked for at each deployment. */
export const parameters = {
  vmName: { about: 'Name of the VM.' },
  location: { about: 'Region; unless it is given, that of the resource group.' },
  adminUsername: { about: 'The account that the VM is made with.' },
  sshPublicKey: { about: 'Its public key.' },
  subnetId: { about: 'Id of the subnet that the VM is in.' },
  existingTags: {
    about:
      'The tags that the VM has, where it is deployed anew: a deployment replaces them all, and with them what operators asked of the agent.',
  },
  generation: { about: 'To be raised where a VM of this name was deleted: its role assignment is still there.' },
} as const
export type ParameterName = keyof typeof parameters

export const apiVersions = {
  networkInterface: '2024-05-01',
  virtualMachine: '2024-07-01',
  roleDefinition: '2022-04-01',
  roleAssignment: '2022-04-01',
} as const

/** The name of a role has to be its own in the whole directory: something of the resource group's id ends it. */
export const roleTitle = 'idle-agent: a VM stops and tags itself'

/** Properties of the network interface. */
export function networkInterface(of: References): object {
  const subnet = { id: of.parameter('subnetId') }
  return { ipConfigurations: [{ name: 'first', properties: { privateIPAllocationMethod: 'Dynamic', subnet } }] }
}

/** Properties of the VM. */
export function virtualMachine(spec: AzureSpec, of: References): object {
  const { template, hibernation } = spec
  const username = of.parameter('adminUsername')
  return {
    hardwareProfile: { vmSize: spec.size.name },
    additionalCapabilities: { hibernationEnabled: hibernation },
    ...(template.spot === true
      ? { priority: 'Spot', evictionPolicy: 'Deallocate', billingProfile: { maxPrice: -1 } }
      : {}),
    storageProfile: { imageReference: spec.image, osDisk: osDisk(spec) },
    osProfile: {
      computerName: of.parameter('vmName'),
      adminUsername: username,
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: of.keyPath, keyData: of.parameter('sshPublicKey') }] },
      },
      customData: userData(spec).toString('base64'),
    },
    // Unlike custom data it can be changed while the VM is there; the agent takes what is new.
    userData: Buffer.from(yaml(spec.config)).toString('base64'),
    networkProfile: { networkInterfaces: [{ id: of.networkInterfaceId }] },
  }
}

function osDisk({ template, diskGib }: AzureSpec): object {
  const common = { createOption: 'FromImage', ...(diskGib === undefined ? {} : { diskSizeGB: diskGib }) }
  if (template.ephemeral_os_disk === true)
    return {
      ...common,
      caching: 'ReadOnly',
      diffDiskSettings: { option: 'Local' },
      managedDisk: { storageAccountType: 'Standard_LRS' },
    }
  return { ...common, caching: 'ReadWrite', managedDisk: { storageAccountType: 'StandardSSD_LRS' } }
}

/** What makes Linux hibernate when Azure asks (cloud.md 2.3). */
export const hibernateExtension = {
  publisher: 'Microsoft.CPlat.Core',
  type: 'LinuxHibernateExtension',
  typeHandlerVersion: '1.0',
  autoUpgradeMinorVersion: true,
} as const

/** What each action is for, by the list beside the calls. */
export function roleDescription(): string {
  return `Assigned at a VM, it may there, and nothing else: ${azurePermissions.map(({ reason }) => reason).join('; ')}`
}

/** Properties of the role definition: what the VM's identity may do, to the VM alone once it is assigned there. */
export function roleDefinition(title: Reference, scope: Reference): object {
  return {
    roleName: title,
    description: roleDescription(),
    type: 'CustomRole',
    permissions: [{ actions: azurePermissions.map(({ action }) => action), notActions: [] }],
    assignableScopes: [scope],
  }
}
