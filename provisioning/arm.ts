/** A template of Azure Resource Manager, in JSON. */

import { azureNext } from './azure-next.ts'
import {
  apiVersions,
  hibernateExtension,
  networkInterface,
  type ParameterName,
  parameters,
  type References,
  roleDefinition,
  roleTitle,
  virtualMachine,
} from './azure-vm.ts'
import { jsonFile, type Output } from './output.ts'
import type { AzureSpec } from './spec.ts'

const vm = `resourceId('Microsoft.Compute/virtualMachines', parameters('vmName'))`
const nic = `resourceId('Microsoft.Network/networkInterfaces', variables('networkInterface'))`
const role = `resourceId('Microsoft.Authorization/roleDefinitions', variables('role'))`

const references: References = {
  parameter: (name) => `[parameters('${name}')]`,
  networkInterfaceName: `[variables('networkInterface')]`,
  networkInterfaceId: `[${nic}]`,
  keyPath: `[format('/home/{0}/.ssh/authorized_keys', parameters('adminUsername'))]`,
  tags: `[union(parameters('existingTags'), variables('tags'))]`,
}

/** Text that the template language shall take as it is: one that begins and ends with a bracket would be an expression. */
export function armLiteral(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? `[${text}` : text
}

/** The same of a name; `copy` would begin a loop. */
function armKey(key: string): string {
  return key === 'copy' ? `[string('copy')]` : armLiteral(key)
}

/** The template of the VM, its network interface, its role and the assignment of that at the VM itself. */
export function arm(spec: AzureSpec): Output {
  const at = { location: `[parameters('location')]` }
  const template = {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    metadata: { description: armLiteral(spec.template.description ?? `${spec.template.name}, with idle-agent`) },
    parameters: armParameters(spec),
    variables: {
      networkInterface: `[format('{0}-nic', parameters('vmName'))]`,
      role: `[guid(resourceGroup().id, 'idle-agent')]`,
      tags: Object.fromEntries(Object.entries(spec.tags).map(([key, value]) => [armKey(key), armLiteral(value)])),
    },
    resources: [
      {
        type: 'Microsoft.Network/networkInterfaces',
        apiVersion: apiVersions.networkInterface,
        name: references.networkInterfaceName,
        ...at,
        properties: networkInterface(references),
      },
      {
        type: 'Microsoft.Compute/virtualMachines',
        apiVersion: apiVersions.virtualMachine,
        name: `[parameters('vmName')]`,
        ...at,
        identity: { type: 'SystemAssigned' },
        tags: references.tags,
        dependsOn: [`[${nic}]`],
        properties: virtualMachine(spec, references),
      },
      ...(spec.hibernation ? [extension(at)] : []),
      ...roleResources(),
    ],
    outputs: { vmId: { type: 'string', value: `[${vm}]` } },
  }
  return { files: [jsonFile('main.json', template)], next: azureNext(spec, 'main.json') }
}

function armParameters({ slug }: AzureSpec): object {
  const values: Readonly<Record<ParameterName, object>> = {
    vmName: { type: 'string', defaultValue: slug },
    location: { type: 'string', defaultValue: '[resourceGroup().location]' },
    adminUsername: { type: 'string', defaultValue: 'azureuser' },
    sshPublicKey: { type: 'string' },
    subnetId: { type: 'string' },
    existingTags: { type: 'object', defaultValue: {} },
    generation: { type: 'int', defaultValue: 1 },
  }
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { about }]) => [
      name,
      { ...values[name as ParameterName], metadata: { description: about } },
    ]),
  )
}

function extension(at: object): object {
  return {
    type: 'Microsoft.Compute/virtualMachines/extensions',
    apiVersion: apiVersions.virtualMachine,
    name: `[format('{0}/LinuxHibernateExtension', parameters('vmName'))]`,
    ...at,
    dependsOn: [`[${vm}]`],
    properties: hibernateExtension,
  }
}

/** The name of an assignment is computed before the identity is there: from the VM, not from its principal (cloud.md 2.5). */
function roleResources(): readonly object[] {
  return [
    {
      type: 'Microsoft.Authorization/roleDefinitions',
      apiVersion: apiVersions.roleDefinition,
      name: `[variables('role')]`,
      properties: roleDefinition(
        `[format('${roleTitle} ({0})', uniqueString(resourceGroup().id))]`,
        '[resourceGroup().id]',
      ),
    },
    {
      type: 'Microsoft.Authorization/roleAssignments',
      apiVersion: apiVersions.roleAssignment,
      scope: `[format('Microsoft.Compute/virtualMachines/{0}', parameters('vmName'))]`,
      name: `[guid(${vm}, variables('role'), string(parameters('generation')))]`,
      dependsOn: [`[${vm}]`, `[${role}]`],
      properties: {
        roleDefinitionId: `[${role}]`,
        principalId: `[reference(${vm}, '${apiVersions.virtualMachine}', 'Full').identity.principalId]`,
        principalType: 'ServicePrincipal',
      },
    },
  ]
}
