// What the metadata service knows of one instance, as a tree of directories and texts.

import type { CredentialStore } from './credentials.ts'
import { type Instance, regionOf } from './instance.ts'

/** A text, or a directory; `undefined` entries do not exist. */
export type Tree = string | Directory
export interface Directory {
  readonly [name: string]: Tree | undefined
}

export interface TreeSource {
  readonly instance: Instance
  readonly accountId: string
  readonly credentials: CredentialStore
}

/** Everything below `/latest/`. Built for each request, so that it is always live. */
export function metadataTree(source: TreeSource): Directory {
  return {
    dynamic: { 'instance-identity': { document: identityDocument(source) } },
    'meta-data': metaData(source),
    'user-data': source.instance.userData ?? undefined,
  }
}

/** The lines that a directory answers; as the vendor lists it, only the second level has no trailing slashes. */
export function listing(directory: Directory, path: readonly string[]): string {
  const names = Object.keys(directory).filter((name) => directory[name] !== undefined)
  if (path.length === 0) return names.sort().join('\n')
  if (path.at(-1) === 'public-keys') return names.map((name) => `${name}=idle-agent-test`).join('\n')
  return names
    .map((name) => (typeof directory[name] === 'string' ? name : `${name}/`))
    .sort()
    .join('\n')
}

function metaData(source: TreeSource): Directory {
  const { instance } = source
  return {
    'ami-id': instance.imageId,
    'ami-launch-index': '0',
    'ami-manifest-path': instance.rootDeviceType === 'ebs' ? '(unknown)' : 'images/idle.img.manifest.xml',
    autoscaling: wrap('target-lifecycle-state', instance.targetLifecycleState),
    'block-device-mapping': blockDevices(instance),
    events: events(instance),
    hibernation: { configured: String(instance.hibernation) },
    hostname: instance.hostname,
    iam: iam(source),
    'instance-action': 'none',
    'instance-id': instance.id,
    'instance-life-cycle': instance.lifecycle,
    'instance-type': instance.instanceType,
    'local-hostname': instance.hostname,
    'local-ipv4': instance.privateIp,
    mac: instance.mac,
    network: network(source),
    placement: placement(instance),
    profile: 'default-hvm',
    'public-keys': instance.publicKey === null ? undefined : { '0': { 'openssh-key': instance.publicKey } },
    'reservation-id': `r-${instance.id.slice(2)}`,
    'security-groups': 'default',
    services: { domain: 'amazonaws.com', partition: 'aws' },
    spot: spot(instance),
    system: instance.hypervisor === 'xen' ? undefined : 'nitro',
    tags: instance.metadataTags ? { instance: tags(instance) } : undefined,
  }
}

function blockDevices({ rootDeviceName, ephemerals }: Instance): Directory {
  const stores = ephemerals.map((device, index) => [`ephemeral${String(index)}`, device])
  return { ami: rootDeviceName.replace('/dev/', ''), root: rootDeviceName, ...Object.fromEntries(stores) }
}

function wrap(name: string, text: string | null): Directory | undefined {
  return text === null ? undefined : { [name]: text }
}

function tags(instance: Instance): Directory {
  return Object.fromEntries(instance.hypervisor === 'xen' ? instance.startTags : instance.tags)
}

function placement(instance: Instance): Directory {
  const zone = instance.availabilityZone
  return {
    'availability-zone': zone,
    'availability-zone-id': `euw1-az${String(zone.charCodeAt(zone.length - 1) - 96)}`,
    region: regionOf(zone),
  }
}

function events(instance: Instance): Directory {
  return {
    maintenance: { history: '[]', scheduled: instance.scheduledMaintenance },
    recommendations: wrap('rebalance', instance.rebalance),
  }
}

function spot(instance: Instance): Directory | undefined {
  const { spotInstanceAction, spotTerminationTime } = instance
  if (spotInstanceAction === null && spotTerminationTime === null) return undefined
  return { 'instance-action': spotInstanceAction ?? undefined, 'termination-time': spotTerminationTime ?? undefined }
}

function network({ instance, accountId }: TreeSource): Directory {
  const suffix = instance.id.slice(2)
  const card: Directory = {
    'device-number': '0',
    'interface-id': `eni-${suffix}`,
    'local-hostname': instance.hostname,
    'local-ipv4s': instance.privateIp,
    mac: instance.mac,
    'owner-id': accountId,
    'security-group-ids': `sg-${suffix}`,
    'security-groups': 'default',
    'subnet-id': `subnet-${suffix}`,
    'subnet-ipv4-cidr-block': '10.77.0.0/24',
    'vpc-id': `vpc-${suffix}`,
    'vpc-ipv4-cidr-block': '10.77.0.0/16',
    'vpc-ipv4-cidr-blocks': '10.77.0.0/16',
  }
  return { interfaces: { macs: { [instance.mac]: card } } }
}

function iam({ instance, accountId, credentials }: TreeSource): Directory | undefined {
  if (instance.role === null) return undefined
  const session = credentials.session(instance.id, instance.role)
  const info = {
    Code: 'Success',
    LastUpdated: seconds(session.issuedAt),
    InstanceProfileArn: `arn:aws:iam::${accountId}:instance-profile/${instance.role}`,
    InstanceProfileId: 'AIPAIDLEAGENTTESTBED',
  }
  const document = {
    Code: 'Success',
    LastUpdated: seconds(session.issuedAt),
    Type: 'AWS-HMAC',
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    Token: session.token,
    Expiration: seconds(session.expiresAt),
  }
  return { info: json(info), 'security-credentials': { [instance.role]: json(document) } }
}

function identityDocument({ instance, accountId }: TreeSource): string {
  return json({
    accountId,
    architecture: instance.architecture,
    availabilityZone: instance.availabilityZone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: instance.imageId,
    instanceId: instance.id,
    instanceType: instance.instanceType,
    kernelId: null,
    pendingTime: seconds(instance.launchTime),
    privateIp: instance.privateIp,
    ramdiskId: null,
    region: regionOf(instance.availabilityZone),
    version: '2017-09-30',
  })
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

/** An ISO time without fractions, as metadata writes it. */
function seconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}
