/** What `doctor` tells the operator of an Azure VM. */
import { setupTool } from './azure-readiness.ts'
import type { Help } from './cloud.ts'

const [swapFile = ''] = setupTool.swapFiles

export const help: Help = {
  metadata: 'no firewall and no proxy may be in the way; the request must leave by the primary network interface',
  identity:
    'switch on the system-assigned managed identity of this VM, and assign it, at the VM, a role with ' +
    'Microsoft.Compute/virtualMachines/deallocate/action and Microsoft.Resources/tags/write',
  identityCodes: ['no-identity', 'no-token', 'credentials'],
  api: 'let this machine reach Azure Resource Manager: a route out (NAT or a private link), its security group, DNS',
  operatorTags: 'allow Microsoft.Resources/tags/read: the metadata of a member of a scale set shows old tags',
  grantTo: "in a role that is assigned to this VM's identity at the VM",
  spare: {
    'Microsoft.Resources/tags/read': '; a VM that is in no scale set does without',
    'Microsoft.Authorization/permissions/read': '; only doctor needs it',
  },
  hibernation: {
    unit: setupTool.unit,
    swapFile,
    extension: 'Microsoft.CPlat.Core.LinuxHibernateExtension',
    prepare:
      'install the extension LinuxHibernateExtension (it needs the VM agent), or hibernation-setup-tool itself; else set action: stop',
    notEnabled: 'the VM has it not enabled: it will be deallocated without its memory instead',
    enable: 'deallocate it and set additionalCapabilities.hibernationEnabled, or set action: stop',
    failed: 'Azure will refuse to hibernate it, and after not_ready_minutes it is deallocated without its memory',
    provider: 'Azure',
  },
  shutdown:
    'a VM that is shut down from inside (poweroff) stays allocated, and is paid for; only a deallocation ends that',
}
