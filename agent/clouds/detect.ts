/** Tells which cloud the observed host runs in and where that is reached, from firmware files and environment only. */
import { HostError, UsageError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { endpointFrom } from './reach.ts'

export type CloudName = 'aws' | 'azure' | 'gcp' | 'local'

export interface Detected {
  readonly name: CloudName
  /** Why, in words for a person. */
  readonly because: string
  /** Where metadata is asked; absent where it must not be asked at all. */
  readonly metadataUrl?: string
  /** Where the cloud's API is asked instead of the vendor's own address. */
  readonly apiUrl?: string
}

/** A cloud that was recognised, and by what. */
interface Named {
  readonly name: Exclude<CloudName, 'local'>
  readonly because: string
}

const DMI = '/sys/class/dmi/id'

/** Chassis asset tag of every Azure VM; Hyper-V elsewhere has another. */
const AZURE_ASSET_TAG = '7783-7084-3265-9085-8269-3286-77'

const AWS_METADATA = 'AWS_EC2_METADATA_SERVICE_ENDPOINT'
const AWS_METADATA_MODE = 'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE'
const AWS_API = ['AWS_ENDPOINT_URL_EC2', 'AWS_ENDPOINT_URL'] as const
const AZURE_METADATA = 'AZURE_POD_IDENTITY_AUTHORITY_HOST'
const AZURE_API = 'AZURE_RESOURCE_MANAGER_ENDPOINT'

/** IMDS addresses of EC2 and Azure (cloud.md 1.1, 2.1); the IPv6 one is EC2's, opt-in and Nitro only. */
const IMDS_IPV4 = 'http://169.254.169.254'
const IMDS_IPV6 = 'http://[fd00:ec2::254]'

/**
 * Which cloud this is. Firmware decides; where it names none, an explicit metadata endpoint does; else there is none.
 * Contacts nothing. Throws UsageError for a malformed endpoint of the cloud found.
 */
export async function detectCloud(host: Host): Promise<Detected> {
  const named = (await namedByFirmware(host)) ?? namedByEnvironment(host)
  if (named === undefined) return { name: 'local', because: whyLocal(host) }
  if (named.name === 'aws') return locateAws(host, named)
  return named.name === 'azure' ? locateAzure(host, named) : named
}

async function namedByFirmware(host: Host): Promise<Named | undefined> {
  const vendor = await firmware(host, 'sys_vendor')
  if (vendor === 'Amazon EC2') return { name: 'aws', because: 'firmware: sys_vendor is Amazon EC2' }
  if ((await firmware(host, 'chassis_asset_tag')) === AZURE_ASSET_TAG) {
    return { name: 'azure', because: "firmware: chassis_asset_tag is Azure's" }
  }
  if ((await firmware(host, 'product_name')) === 'Google Compute Engine') {
    return { name: 'gcp', because: 'firmware: product_name is Google Compute Engine' }
  }
  return namedByXen(host, vendor)
}

// Instances of the Xen generations: sys_vendor is "Xen" there, as on any other Xen.
async function namedByXen(host: Host, vendor: string): Promise<Named | undefined> {
  const version = await firmware(host, 'bios_version')
  if (/amazon/i.test(version)) return { name: 'aws', because: `firmware: bios_version is ${version}` }
  if (/^ec2/i.test(await quiet(host, '/sys/hypervisor/uuid'))) {
    return { name: 'aws', because: 'firmware: /sys/hypervisor/uuid begins with ec2' }
  }
  // One random UUID in 4096 begins with ec2, so under a hypervisor that names itself and is not Xen it says nothing.
  const maker = (await firmware(host, 'bios_vendor')) || vendor
  if (maker !== '' && !/xen/i.test(`${maker} ${vendor}`)) return undefined
  if (!/^ec2/i.test(await firmware(host, 'product_uuid'))) return undefined
  return { name: 'aws', because: 'firmware: product_uuid begins with ec2' }
}

function firmware(host: Host, name: string): Promise<string> {
  return quiet(host, `${DMI}/${name}`)
}

/** A file's first words; '' where it is absent, or kept from this user (product_uuid is root's). */
async function quiet(host: Host, path: string): Promise<string> {
  try {
    return ((await host.readText(path, 4096)) ?? '').trim().slice(0, 200)
  } catch (error) {
    if (error instanceof HostError) return ''
    throw error
  }
}

function namedByEnvironment(host: Host): Named | undefined {
  if (isSet(host, AWS_METADATA)) return { name: 'aws', because: `firmware names no cloud, ${AWS_METADATA} is set` }
  if (isSet(host, AZURE_METADATA))
    return { name: 'azure', because: `firmware names no cloud, ${AZURE_METADATA} is set` }
  return undefined
}

function whyLocal(host: Host): string {
  const set = [AWS_METADATA_MODE, ...AWS_API, AZURE_API].filter((name) => isSet(host, name))
  if (set.length === 0) return 'firmware names no cloud, and no endpoint is set'
  return `firmware names no cloud; ${set.join(' and ')} alone ${set.length > 1 ? 'do' : 'does'} not say where metadata is`
}

function isSet(host: Host, name: string): boolean {
  return (host.env(name)?.trim() ?? '') !== ''
}

function locateAws(host: Host, named: Named): Detected {
  const metadataUrl = endpointFrom(host, AWS_METADATA, 'http') ?? defaultMetadata(host)
  const [first, second] = AWS_API.map((variable) => endpointFrom(host, variable, 'http or https'))
  return located(named, metadataUrl, first ?? second)
}

/** A token is sent with each call, and never over a connection that others can read. */
function locateAzure(host: Host, named: Named): Detected {
  const metadataUrl = endpointFrom(host, AZURE_METADATA, 'http') ?? (host.root === '/' ? IMDS_IPV4 : undefined)
  return located(named, metadataUrl, endpointFrom(host, AZURE_API, 'https'))
}

function located({ name, because }: Named, metadataUrl: string | undefined, apiUrl: string | undefined): Detected {
  return {
    name,
    because: metadataUrl === undefined ? `${because}; metadata is not asked below --root` : because,
    ...(metadataUrl === undefined ? {} : { metadataUrl }),
    ...(apiUrl === undefined ? {} : { apiUrl }),
  }
}

// Below --root the files are another machine's, so this machine's own metadata says nothing about it.
function defaultMetadata(host: Host): string | undefined {
  const mode = host.env(AWS_METADATA_MODE)?.trim() ?? ''
  if (!/^(ipv[46])?$/i.test(mode)) {
    throw new UsageError(`${AWS_METADATA_MODE}: '${mode.slice(0, 100)}' is neither IPv4 nor IPv6`)
  }
  if (host.root !== '/') return undefined
  return /6/.test(mode) ? IMDS_IPV6 : IMDS_IPV4
}
