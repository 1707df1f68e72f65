/** A VM of Azure with its role in Terraform's JSON syntax, for the provider hashicorp/azurerm. */
import { permissions as azurePermissions } from '../agent/clouds/azure-send.ts'
import { operatorTagNames } from '../agent/clouds/tags.ts'
import { hibernateExtension, roleDescription, roleTitle } from './azure-vm.ts'
import { yaml } from './bootstrap.ts'
import { userData } from './cloud-init.ts'
import type { AzureImage } from './images.ts'
import type { Output } from './output.ts'
import type { AzureSpec } from './spec.ts'
import { writtenKeys } from './tags.ts'
import { expression, literal, literals, terraformFile } from './terraform.ts'

const group = 'data.azurerm_resource_group.group'
const vm = 'azurerm_linux_virtual_machine.machine'

/** The configuration. */
export function terraformAzure(spec: AzureSpec): Output {
  const at = { resource_group_name: expression(`${group}.name`), location: expression(`${group}.location`) }
  const configuration = {
    terraform: { required_providers: { azurerm: { source: 'hashicorp/azurerm', version: '>= 4.0' } } },
    provider: { azurerm: { features: {} } },
    variable: {
      resource_group: { type: 'string' },
      vm_name: { type: 'string', default: spec.slug },
      admin_username: { type: 'string', default: 'azureuser' },
      ssh_public_key: { type: 'string' },
      subnet_id: { type: 'string' },
    },
    data: { azurerm_resource_group: { group: { name: expression('var.resource_group') } } },
    resource: {
      azurerm_network_interface: { machine: networkInterface(at) },
      azurerm_linux_virtual_machine: { machine: machine(spec, at) },
      ...(spec.hibernation ? { azurerm_virtual_machine_extension: { hibernate: extension() } } : {}),
      azurerm_role_definition: { idle_agent: roleDefinition() },
      azurerm_role_assignment: {
        idle_agent: {
          scope: expression(`${vm}.id`),
          role_definition_id: expression('azurerm_role_definition.idle_agent.role_definition_resource_id'),
          principal_id: expression(`${vm}.identity[0].principal_id`),
          principal_type: 'ServicePrincipal',
        },
      },
    },
    output: { vm_id: { value: expression(`${vm}.id`) } },
  }
  return {
    files: [terraformFile(configuration)],
    next: ['export ARM_SUBSCRIPTION_ID=SUBSCRIPTION', 'terraform -chdir=DIR init', 'terraform -chdir=DIR apply'],
  }
}

function networkInterface(at: object): object {
  return {
    name: `${expression('var.vm_name')}-nic`,
    ...at,
    ip_configuration: {
      name: 'first',
      subnet_id: expression('var.subnet_id'),
      private_ip_address_allocation: 'Dynamic',
    },
  }
}

function machine(spec: AzureSpec, at: object): object {
  const { template } = spec
  const spot = { priority: 'Spot', eviction_policy: 'Deallocate', max_bid_price: -1 }
  return {
    name: expression('var.vm_name'),
    ...at,
    size: spec.size.name,
    admin_username: expression('var.admin_username'),
    admin_ssh_key: { username: expression('var.admin_username'), public_key: expression('var.ssh_public_key') },
    network_interface_ids: [expression('azurerm_network_interface.machine.id')],
    ...(template.spot === true ? spot : {}),
    additional_capabilities: { hibernation_enabled: spec.hibernation },
    os_disk: osDisk(spec),
    ...image(spec.image),
    identity: { type: 'SystemAssigned' },
    custom_data: userData(spec).toString('base64'),
    user_data: Buffer.from(yaml(spec.config)).toString('base64'), // can be changed while the VM is there
    tags: literals(spec.tags),
    // What the agent and operators write while it runs is not Terraform's to take back; custom data is of the first boot, and a
    // change of it would replace the VM and its disk.
    lifecycle: {
      ignore_changes: ['custom_data', ...keptTags(spec).map((key) => `tags[${JSON.stringify(key)}]`)],
    },
  }
}

function keptTags({ tagPrefix, tags }: AzureSpec): readonly string[] {
  const operators = operatorTagNames.map((name) => `${tagPrefix}:${name}`)
  return [...writtenKeys(tagPrefix), ...operators.filter((key) => !Object.hasOwn(tags, key))]
}

function osDisk({ template, diskGib }: AzureSpec): object {
  const size = diskGib === undefined ? {} : { disk_size_gb: diskGib }
  if (template.ephemeral_os_disk === true) {
    const local = { diff_disk_settings: { option: 'Local' } }
    return { caching: 'ReadOnly', storage_account_type: 'Standard_LRS', ...size, ...local }
  }
  return { caching: 'ReadWrite', storage_account_type: 'StandardSSD_LRS', ...size }
}

function image(of: AzureImage): object {
  return 'id' in of ? { source_image_id: literals(of.id) } : { source_image_reference: literals(of) }
}

function extension(): object {
  return {
    name: 'LinuxHibernateExtension',
    virtual_machine_id: expression(`${vm}.id`),
    publisher: hibernateExtension.publisher,
    type: hibernateExtension.type,
    type_handler_version: hibernateExtension.typeHandlerVersion,
    auto_upgrade_minor_version: hibernateExtension.autoUpgradeMinorVersion,
  }
}

function roleDefinition(): object {
  return {
    name: `${roleTitle} (${expression('var.vm_name')} ${expression(`substr(sha256(${group}.id), 0, 12)`)})`,
    scope: expression(`${group}.id`),
    description: literal(roleDescription()),
    permissions: { actions: azurePermissions.map(({ action }) => action), not_actions: [] },
    assignable_scopes: [expression(`${group}.id`)],
  }
}
