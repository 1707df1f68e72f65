metadata description = 'Short-lived, with idle-agent'

@description('Name of the VM.')
param vmName string = 'short-lived'

@description('Region; unless it is given, that of the resource group.')
param location string = resourceGroup().location

@description('The account that the VM is made with.')
param adminUsername string = 'azureuser'

@description('Its public key.')
param sshPublicKey string

@description('Id of the subnet that the VM is in.')
param subnetId string

@description('The tags that the VM has, where it is deployed anew: a deployment replaces them all, and with them what operators asked of the agent.')
param existingTags object = {}

@description('To be raised where a VM of this name was deleted: its role assignment is still there.')
param generation int = 1

var tags = {}

resource networkInterface 'Microsoft.Network/networkInterfaces@2024-05-01' = {
  name: '${vmName}-nic'
  location: location
  properties: {
    ipConfigurations: [
      {
        name: 'first'
        properties: {
          privateIPAllocationMethod: 'Dynamic'
          subnet: {
            id: subnetId
          }
        }
      }
    ]
  }
}

resource vm 'Microsoft.Compute/virtualMachines@2024-07-01' = {
  name: vmName
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  tags: union(existingTags, tags)
  properties: {
    hardwareProfile: {
      vmSize: 'Standard_D4ads_v5'
    }
    additionalCapabilities: {
      hibernationEnabled: false
    }
    storageProfile: {
      imageReference: {
        publisher: 'Canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        version: 'latest'
      }
      osDisk: {
        createOption: 'FromImage'
        diskSizeGB: 30
        caching: 'ReadOnly'
        diffDiskSettings: {
          option: 'Local'
        }
        managedDisk: {
          storageAccountType: 'Standard_LRS'
        }
      }
    }
    osProfile: {
      computerName: vmName
      adminUsername: adminUsername
      linuxConfiguration: {
        disablePasswordAuthentication: true
        ssh: {
          publicKeys: [
            {
              path: '/home/${adminUsername}/.ssh/authorized_keys'
              keyData: sshPublicKey
            }
          ]
        }
      }
      customData: '(3568 characters of base64, sha256 f1e3c980ec4e6730)'
    }
    userData: 'aWRsZV9kZXRlY3Rpb246CiAgb3BlcmF0b3JfdGFnczogcmVxdWlyZWQK'
    networkProfile: {
      networkInterfaces: [
        {
          id: networkInterface.id
        }
      ]
    }
  }
}

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'idle-agent')
  properties: {
    roleName: 'idle-agent: a VM stops and tags itself (${uniqueString(resourceGroup().id)})'
    description: 'Assigned at a VM, it may there, and nothing else: hibernate or deallocate this VM; show in the portal since when it is idle, and why it was stopped; read the operator\'s tags of a member of a scale set, whose metadata shows old ones; let `doctor` tell which of these are allowed, without making the call'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Compute/virtualMachines/deallocate/action'
          'Microsoft.Resources/tags/write'
          'Microsoft.Resources/tags/read'
          'Microsoft.Authorization/permissions/read'
        ]
        notActions: []
      }
    ]
    assignableScopes: [
      resourceGroup().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vm
  name: guid(vm.id, role.name, string(generation))
  properties: {
    roleDefinitionId: role.id
    principalId: vm.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

output vmId string = vm.id
