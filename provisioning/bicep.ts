/** The same deployment as arm.ts in Bicep: values are serialised here, and text in them is taken as it is. */
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
import type { Output } from './output.ts'
import type { AzureSpec } from './spec.ts'

/** Code of Bicep; a class, so that nothing of a template can pass for it. */
class Expression {
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}

function expression(code: string): Expression {
  return new Expression(code)
}

const references: References = {
  parameter: (name) => expression(name),
  networkInterfaceName: expression(`'\${vmName}-nic'`),
  networkInterfaceId: expression('networkInterface.id'),
  keyPath: expression(`'/home/\${adminUsername}/.ssh/authorized_keys'`),
  tags: expression('union(existingTags, tags)'),
}

/** Text that Bicep takes as it is. */
export function bicepText(text: string): string {
  const escaped = text.replace(/[\\']|\$(?=\{)/g, (one) => `\\${one}`)
  return `'${escaped.replace(/[^\P{C}\n]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`).replaceAll('\n', '\\n')}'`
}

/** A value, `depth` blocks inside. */
export function bicepValue(value: unknown, depth = 0): string {
  const indent = '  '.repeat(depth + 1)
  const end = '  '.repeat(depth)
  if (typeof value === 'string') return bicepText(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[\n${value.map((one) => `${indent}${bicepValue(one, depth + 1)}\n`).join('')}${end}]`
  }
  if (value instanceof Expression) return value.code
  const entries = Object.entries(value)
  if (entries.length === 0) return '{}'
  const line = ([key, one]: readonly [string, unknown]) =>
    `${indent}${/^(?!true$|false$|null$)[A-Za-z_]\w*$/.test(key) ? key : bicepText(key)}: ${bicepValue(one, depth + 1)}\n`
  return `{\n${entries.map(line).join('')}${end}}`
}

const types = {
  networkInterface: `Microsoft.Network/networkInterfaces@${apiVersions.networkInterface}`,
  vm: `Microsoft.Compute/virtualMachines@${apiVersions.virtualMachine}`,
  extension: `Microsoft.Compute/virtualMachines/extensions@${apiVersions.virtualMachine}`,
  role: `Microsoft.Authorization/roleDefinitions@${apiVersions.roleDefinition}`,
  assignment: `Microsoft.Authorization/roleAssignments@${apiVersions.roleAssignment}`,
} as const

/** The template, in Bicep. */
export function bicep(spec: AzureSpec): Output {
  const { template } = spec
  const resources: Partial<Record<keyof typeof types, object>> = { ...machine(spec), ...roleResources() }
  const statements = [
    `metadata description = ${bicepText(template.description ?? `${template.name}, with idle-agent`)}`,
    ...bicepParameters(spec),
    `var tags = ${bicepValue(spec.tags)}`,
    ...Object.entries(resources).map(
      ([name, value]) => `resource ${name} ${bicepText(types[name as keyof typeof types])} = ${bicepValue(value)}`,
    ),
    'output vmId string = vm.id',
  ]
  return { files: [{ name: 'main.bicep', text: `${statements.join('\n\n')}\n` }], next: azureNext(spec, 'main.bicep') }
}

function machine(spec: AzureSpec): Partial<Record<keyof typeof types, object>> {
  const location = expression('location')
  const name = 'LinuxHibernateExtension'
  return {
    networkInterface: {
      name: references.networkInterfaceName,
      location,
      properties: networkInterface(references),
    },
    vm: {
      name: expression('vmName'),
      location,
      identity: { type: 'SystemAssigned' },
      tags: references.tags,
      properties: virtualMachine(spec, references),
    },
    ...(spec.hibernation
      ? { extension: { parent: expression('vm'), name, location, properties: hibernateExtension } }
      : {}),
  }
}

/** The name of an assignment has to be known before the identity is there: from the VM, not from its principal (cloud.md 2.5). */
function roleResources(): Partial<Record<keyof typeof types, object>> {
  const title = expression(`'${roleTitle} (\${uniqueString(resourceGroup().id)})'`)
  return {
    role: {
      name: expression(`guid(resourceGroup().id, 'idle-agent')`),
      properties: roleDefinition(title, expression('resourceGroup().id')),
    },
    assignment: {
      scope: expression('vm'),
      name: expression('guid(vm.id, role.name, string(generation))'),
      properties: {
        roleDefinitionId: expression('role.id'),
        principalId: expression('vm.identity.principalId'),
        principalType: 'ServicePrincipal',
      },
    },
  }
}

function bicepParameters({ slug }: AzureSpec): readonly string[] {
  const types: Readonly<Record<ParameterName, string>> = {
    vmName: `string = ${bicepText(slug)}`,
    location: 'string = resourceGroup().location',
    adminUsername: `string = 'azureuser'`,
    sshPublicKey: 'string',
    subnetId: 'string',
    existingTags: 'object = {}',
    generation: 'int = 1',
  }
  return Object.entries(parameters).map(
    ([name, { about }]) => `@description(${bicepText(about)})\nparam ${name} ${types[name as ParameterName]}`,
  )
}
