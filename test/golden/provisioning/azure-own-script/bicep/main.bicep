metadata description = 'Statistik für Ärzte, with idle-agent'

@description('Name of the VM.')
param vmName string = 'statistik-fur-arzte'

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

var tags = {
  owner: '[alice]'
  note: 'it\'s \${x}'
  'CloudWorkstation:Protected': 'true'
}

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
      vmSize: 'Standard_E4ps_v5'
    }
    additionalCapabilities: {
      hibernationEnabled: false
    }
    storageProfile: {
      imageReference: {
        publisher: 'Debian'
        offer: 'debian-12'
        sku: '12-arm64'
        version: 'latest'
      }
      osDisk: {
        createOption: 'FromImage'
        diskSizeGB: 30
        caching: 'ReadWrite'
        managedDisk: {
          storageAccountType: 'StandardSSD_LRS'
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
      customData: '(4440 characters of base64, sha256 249bb665a0653b06)'
    }
    userData: 'aWRsZV9kZXRlY3Rpb246CiAgb3BlcmF0b3JfdGFnczogcmVxdWlyZWQKICBrZWVwOgogICAgY2VpbGluZ19ob3VyczogOAo='
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
