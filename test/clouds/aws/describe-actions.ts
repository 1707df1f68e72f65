// DescribeInstances, DescribeInstanceAttribute and DescribeInstanceStatus, in the element names of the service model.

import { type Call, type Filter, filters, find, flag, list, matches, paged, permit, required } from './call.ts'
import { Ec2Error } from './errors.ts'
import { type Instance, regionOf } from './instance.ts'
import { stateXml } from './power-actions.ts'
import type { Xml } from './xml.ts'

/** DescribeInstances. */
export function describeInstances(call: Call): Xml {
  const { page, nextToken } = paged(call, select(call))
  return { reservationSet: page.map((instance) => reservation(call, instance)), nextToken }
}

function select(call: Call): Instance[] {
  const ids = list(call.params, 'InstanceId')
  if (ids.length > 0 && call.params.has('MaxResults')) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    )
  }
  const instances = ids.length > 0 ? find(call, ids) : [...call.account.instances.values()]
  permit(call, [])
  const wanted = filters(call)
  return instances.filter((instance) => wanted.every((filter) => fits(instance, filter)))
}

function fits(instance: Instance, { name, values }: Filter): boolean {
  if (name.startsWith('tag:')) {
    const value = instance.tags.get(name.slice(4))
    return value !== undefined && matches(value, values)
  }
  if (name === 'tag-key') return [...instance.tags.keys()].some((key) => matches(key, values))
  const field = filterFields[name]
  if (!field) throw new Ec2Error('InvalidParameterValue', `The filter '${name}' is invalid`)
  return matches(field(instance), values)
}

const filterFields: Readonly<Record<string, (instance: Instance) => string>> = {
  'availability-zone': (instance) => instance.availabilityZone,
  'hibernation-options.configured': (instance) => String(instance.hibernation),
  'image-id': (instance) => instance.imageId,
  'instance-id': (instance) => instance.id,
  'instance-lifecycle': (instance) => (instance.lifecycle === 'spot' ? 'spot' : ''),
  'instance-state-name': (instance) => instance.state,
  'instance-type': (instance) => instance.instanceType,
  'root-device-type': (instance) => instance.rootDeviceType,
  'state-reason-code': (instance) => instance.stateReason?.code ?? '',
}

function reservation(call: Call, instance: Instance): Xml {
  return {
    reservationId: `r-${instance.id.slice(2)}`,
    ownerId: call.account.id,
    groupSet: [],
    instancesSet: [
      { ...identityXml(instance), ...stateOf(instance), ...placementXml(instance), ...optionsXml(call, instance) },
    ],
  }
}

function identityXml(instance: Instance): Readonly<Record<string, Xml | undefined>> {
  const spot = instance.lifecycle === 'spot'
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceType: instance.instanceType,
    architecture: instance.architecture,
    amiLaunchIndex: 0,
    productCodes: [],
    rootDeviceType: instance.rootDeviceType,
    rootDeviceName: instance.rootDeviceName,
    virtualizationType: 'hvm',
    hypervisor: 'xen', // the API says so of Nitro instances too
    instanceLifecycle: spot ? 'spot' : undefined,
    spotInstanceRequestId: spot ? `sir-${instance.id.slice(2, 10)}` : undefined,
    tagSet: [...instance.tags].map(([key, value]) => ({ key, value })),
  }
}

function stateOf(instance: Instance): Readonly<Record<string, Xml | undefined>> {
  return {
    instanceState: stateXml(instance.state),
    stateReason: instance.stateReason === undefined ? undefined : { ...instance.stateReason },
    reason: instance.transitionReason,
    launchTime: new Date(instance.launchTime).toISOString(),
    monitoring: { state: 'disabled' },
  }
}

function placementXml(instance: Instance): Readonly<Record<string, Xml | undefined>> {
  return {
    placement: { availabilityZone: instance.availabilityZone, groupName: '', tenancy: 'default' },
    privateDnsName: instance.hostname,
    privateIpAddress: instance.privateIp,
    dnsName: '',
    subnetId: `subnet-${instance.id.slice(2)}`,
    vpcId: `vpc-${instance.id.slice(2)}`,
  }
}

function optionsXml(call: Call, instance: Instance): Readonly<Record<string, Xml | undefined>> {
  const { role, operator } = instance
  return {
    blockDeviceMapping: blockDevices(instance),
    iamInstanceProfile:
      role === null
        ? undefined
        : { arn: `arn:aws:iam::${call.account.id}:instance-profile/${role}`, id: 'AIPAIDLEAGENTTESTBED' },
    hibernationOptions: { configured: instance.hibernation },
    metadataOptions: {
      state: 'applied',
      httpTokens: instance.metadataTokens,
      httpPutResponseHopLimit: 1,
      httpEndpoint: instance.metadataEndpoint ? 'enabled' : 'disabled',
      httpProtocolIpv6: 'disabled',
      instanceMetadataTags: instance.metadataTags ? 'enabled' : 'disabled',
    },
    enclaveOptions: { enabled: false },
    platformDetails: 'Linux/UNIX',
    operator: operator === null ? { managed: false } : { managed: true, principal: operator },
  }
}

function blockDevices(instance: Instance): Xml {
  if (instance.rootDeviceType === 'instance-store') return []
  const attachTime = new Date(instance.bootTime).toISOString()
  const ebs = { volumeId: `vol-${instance.id.slice(2)}`, status: 'attached', attachTime, deleteOnTermination: true }
  return [{ deviceName: instance.rootDeviceName, ebs }]
}

const attributes: Readonly<Record<string, (instance: Instance) => Xml>> = {
  blockDeviceMapping: blockDevices,
  disableApiStop: (instance) => ({ value: instance.disableApiStop }),
  disableApiTermination: (instance) => ({ value: instance.disableApiTermination }),
  ebsOptimized: () => ({ value: true }),
  enaSupport: () => ({ value: true }),
  groupSet: (instance) => [{ groupId: `sg-${instance.id.slice(2)}` }],
  instanceInitiatedShutdownBehavior: (instance) => ({ value: instance.shutdownBehavior }),
  instanceType: (instance) => ({ value: instance.instanceType }),
  kernel: () => ({}),
  productCodes: () => [],
  ramdisk: () => ({}),
  rootDeviceName: (instance) => ({ value: instance.rootDeviceName }),
  sourceDestCheck: () => ({ value: true }),
  sriovNetSupport: () => ({ value: 'simple' }),
  userData: ({ userData }) => (userData === null ? {} : { value: Buffer.from(userData).toString('base64') }),
}

/** DescribeInstanceAttribute: one attribute of one instance. */
export function describeInstanceAttribute(call: Call): Xml {
  const instances = find(call, [required(call, 'InstanceId')])
  const name = required(call, 'Attribute')
  const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined
  if (!attribute) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Value (${name}) for parameter attribute is invalid. Unknown attribute.`,
    )
  }
  permit(call, instances)
  const [instance] = instances
  return instance ? { instanceId: instance.id, [name]: attribute(instance) } : {}
}

/** DescribeInstanceStatus: running instances only, unless all are asked for. */
export function describeInstanceStatus(call: Call): Xml {
  const all = flag(call, 'IncludeAllInstances')
  const shown = select(call).filter((instance) => all || instance.state === 'running')
  const { page, nextToken } = paged(call, shown)
  return { instanceStatusSet: page.map(statusXml), nextToken }
}

function statusXml(instance: Instance): Xml {
  const status = instance.state === 'running' ? 'ok' : 'not-applicable'
  const check = { status, details: status === 'ok' ? [{ name: 'reachability', status: 'passed' }] : undefined }
  return {
    instanceId: instance.id,
    availabilityZone: instance.availabilityZone,
    availabilityZoneId: `${regionOf(instance.availabilityZone)}-az`,
    instanceState: stateXml(instance.state),
    systemStatus: check,
    instanceStatus: check,
    operator: { managed: instance.operator !== null },
  }
}
