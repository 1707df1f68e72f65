// What the metadata service says of a VM: every value is a text, and what does not apply is an empty one.

import { resourceIdOf, scopesOf, type Vm } from './vm.ts'

export type Document = string | readonly Document[] | { readonly [name: string]: Document }

/** The document of `/metadata/instance` in the form that the version has. */
export function instanceDocument(vm: Vm, version: string): Document {
  return { compute: only(computeOf(vm), version), network: networkOf(vm) }
}

/** When a field came, for those that tests and clients ask with more than one version. */
const introduced: Readonly<Record<string, string>> = {
  additionalCapabilities: '2021-11-01',
  azEnvironment: '2018-10-01',
  evictionPolicy: '2020-12-01',
  extendedLocation: '2021-03-01',
  host: '2021-11-15',
  hostGroup: '2021-11-15',
  isHostCompatibilityLayerVm: '2020-06-01',
  licenseType: '2020-09-01',
  osProfile: '2020-07-15',
  physicalZone: '2023-11-15',
  placementGroupId: '2017-08-01',
  plan: '2018-04-02',
  platformSubFaultDomain: '2021-10-01',
  priority: '2020-12-01',
  provider: '2018-10-01',
  publicKeys: '2018-04-02',
  resourceGroupName: '2017-08-01',
  resourceId: '2019-03-11',
  securityProfile: '2020-06-01',
  storageProfile: '2019-06-01',
  subscriptionId: '2017-08-01',
  tags: '2017-08-01',
  tagsList: '2019-06-04',
  userData: '2021-01-01',
  virtualMachineScaleSet: '2021-03-01',
  vmScaleSetName: '2017-12-01',
  zone: '2017-12-01',
}

function only(compute: Readonly<Record<string, Document>>, version: string): Document {
  const entries = Object.entries(compute).filter(([name]) => (introduced[name] ?? '') <= version)
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)))
}

function computeOf(vm: Vm): Readonly<Record<string, Document>> {
  const tags = [...(vm.scaleSet === null ? vm.tags : vm.startTags)]
  return {
    ...identityOf(vm),
    ...imageOf(),
    additionalCapabilities: { hibernationEnabled: flag(vm.hibernation) },
    evictionPolicy: vm.evictionPolicy,
    extendedLocation: { name: '', type: '' },
    host: { id: '' },
    hostGroup: { id: '' },
    isHostCompatibilityLayerVm: 'false',
    osProfile: {
      adminUsername: vm.adminUsername,
      computerName: vm.computerName,
      disablePasswordAuthentication: 'true',
    },
    placementGroupId: '',
    platformFaultDomain: '0',
    platformSubFaultDomain: '',
    platformUpdateDomain: '0',
    priority: vm.priority,
    publicKeys: vm.publicKeys.map((keyData) => ({ keyData, path: `/home/${vm.adminUsername}/.ssh/authorized_keys` })),
    securityProfile: securityOf(vm),
    storageProfile: storageOf(vm),
    tags: tags.map(([name, value]) => `${name}:${value}`).join(';'),
    tagsList: tags.map(([name, value]) => ({ name, value })),
    userData: vm.userData === null ? '' : Buffer.from(vm.userData).toString('base64'),
  }
}

function identityOf(vm: Vm): Readonly<Record<string, Document>> {
  const flexible = vm.scaleSet !== null && vm.orchestration === 'Flexible'
  const setId = `${scopesOf(vm).group}/providers/Microsoft.Compute/virtualMachineScaleSets/${vm.scaleSet ?? ''}`
  return {
    azEnvironment: vm.environment,
    location: vm.location,
    name: vm.name,
    osType: 'Linux',
    physicalZone: `${vm.location}-AZ0${vm.zone}`,
    provider: 'Microsoft.Compute',
    resourceGroupName: vm.resourceGroup,
    resourceId: resourceIdOf(vm),
    subscriptionId: vm.subscriptionId,
    virtualMachineScaleSet: { id: flexible ? setId : '' },
    vmId: vm.id,
    vmScaleSetName: vm.scaleSet ?? '',
    vmSize: vm.size,
    zone: vm.zone,
  }
}

function imageOf(): Readonly<Record<string, Document>> {
  return {
    licenseType: '',
    offer: 'debian-12',
    plan: { name: '', product: '', publisher: '' },
    publisher: 'Debian',
    sku: '12-gen2',
    version: '0.20261101.1920',
  }
}

function securityOf(vm: Vm): Document {
  const trusted = flag(vm.securityType !== '')
  return {
    encryptionAtHost: 'false',
    secureBootEnabled: trusted,
    securityType: vm.securityType,
    virtualTpmEnabled: trusted,
  }
}

function storageOf(vm: Vm): Document {
  return {
    dataDisks: vm.dataDisks.map((name, lun) => dataDiskOf(vm, name, lun)),
    imageReference: {
      communityGalleryImageId: '',
      exactVersion: '',
      id: '',
      offer: 'debian-12',
      publisher: 'Debian',
      sharedGalleryImageId: '',
      sku: '12-gen2',
      version: 'latest',
    },
    osDisk: {
      ...diskOf(vm, `${vm.name}_OsDisk_1`),
      createOption: 'FromImage',
      diffDiskSettings: { option: vm.ephemeralOsDisk ? 'Local' : '' },
      encryptionSettings: { enabled: 'false' },
      osType: 'Linux',
    },
    resourceDisk: { size: String(vm.resourceDiskKb) },
  }
}

/** The figures of throttles and capacity are for Ultra disks only. */
function dataDiskOf(vm: Vm, name: string, lun: number): Document {
  return {
    ...diskOf(vm, name),
    bytesPerSecondThrottle: '',
    createOption: 'Empty',
    diskCapacityBytes: '',
    isSharedDisk: 'false',
    isUltraDisk: 'false',
    lun: String(lun),
    opsPerSecondThrottle: '',
  }
}

function diskOf(vm: Vm, name: string): Readonly<Record<string, Document>> {
  return {
    caching: 'ReadWrite',
    diskSizeGB: '30',
    image: { uri: '' },
    managedDisk: {
      id: `${scopesOf(vm).group}/providers/Microsoft.Compute/disks/${name}`,
      storageAccountType: 'Premium_LRS',
    },
    name,
    vhd: { uri: '' },
    writeAcceleratorEnabled: 'false',
  }
}

function networkOf(vm: Vm): Document {
  const octets = vm.privateIp.split('.').slice(0, 3).join('.')
  return {
    interface: [
      {
        ipv4: {
          ipAddress: [{ privateIpAddress: vm.privateIp, publicIpAddress: '' }],
          subnet: [{ address: `${octets}.0`, prefix: '24' }],
        },
        ipv6: { ipAddress: [] },
        macAddress: vm.mac.replaceAll(':', '').toUpperCase(),
      },
    ],
  }
}

function flag(value: boolean): string {
  return value ? 'true' : 'false'
}
