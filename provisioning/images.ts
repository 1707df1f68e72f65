/** The systems that a template can name, as images of each cloud, and images by their ids. */
import { type CloudName, type System, systems } from './fields.ts'
import type { Architecture } from './sizes.ts'

/** What a machine boots from on EC2. */
export interface AwsImage {
  /** For a launch template: an id, or `resolve:ssm:` and the vendor's public parameter for the newest image. */
  readonly id: string
  /** As the image names it; a mapping of another name would make a second disk. */
  readonly rootDevice: string | undefined
}

/** What a VM boots from on Azure: of the marketplace, or a resource. */
export type AzureImage =
  | { readonly publisher: string; readonly offer: string; readonly sku: string; readonly version: string }
  | { readonly id: string }

/** Whether a base is one of the names. */
export function systemOf(base: string): System | undefined {
  return systems.find((one) => one === base)
}

/** Public parameters of the vendors, and the root device of their images; RHEL has no such parameter. */
const awsSystems: Readonly<Record<System, ((architecture: Architecture) => AwsImage) | undefined>> = {
  'ubuntu-22.04': ubuntu('22.04', 'ebs-gp2'),
  'ubuntu-24.04': ubuntu('24.04', 'ebs-gp3'),
  'debian-12': (architecture) => parameter(`/aws/service/debian/release/12/latest/${deb(architecture)}`, '/dev/xvda'),
  'amazon-linux-2023': (architecture) =>
    parameter(
      `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture === 'x64' ? 'x86_64' : 'arm64'}`,
      '/dev/xvda',
    ),
  'rhel-9': undefined,
}

function ubuntu(release: string, storage: string): (architecture: Architecture) => AwsImage {
  const stable = `/aws/service/canonical/ubuntu/server/${release}/stable/current`
  return (architecture) => parameter(`${stable}/${deb(architecture)}/hvm/${storage}/ami-id`, '/dev/sda1')
}

function parameter(name: string, rootDevice: string): AwsImage {
  return { id: `resolve:ssm:${name}`, rootDevice }
}

function deb(architecture: Architecture): string {
  return architecture === 'x64' ? 'amd64' : 'arm64'
}

/** The image on EC2; `undefined` where the base is neither a system that has one nor `ami-…`. */
export function awsImage(base: string, architecture: Architecture): AwsImage | undefined {
  const system = systemOf(base)
  if (system !== undefined) return awsSystems[system]?.(architecture)
  return /^ami-[0-9a-f]{8,17}$/.test(base) ? { id: base, rootDevice: undefined } : undefined
}

const azureSystems: Readonly<Record<System, Readonly<Record<Architecture, string | undefined>>>> = {
  'ubuntu-22.04': {
    x64: 'Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest',
    arm64: 'Canonical:0001-com-ubuntu-server-jammy:22_04-lts-arm64:latest',
  },
  'ubuntu-24.04': {
    x64: 'Canonical:ubuntu-24_04-lts:server:latest',
    arm64: 'Canonical:ubuntu-24_04-lts:server-arm64:latest',
  },
  'debian-12': { x64: 'Debian:debian-12:12-gen2:latest', arm64: 'Debian:debian-12:12-arm64:latest' },
  'rhel-9': { x64: 'RedHat:RHEL:9-lvm-gen2:latest', arm64: undefined },
  'amazon-linux-2023': { x64: undefined, arm64: undefined },
}

/** The image on Azure; `undefined` where the base is no system that has one, no URN and no resource. */
export function azureImage(base: string, architecture: Architecture): AzureImage | undefined {
  if (base.startsWith('/subscriptions/')) return { id: base }
  const system = systemOf(base)
  const urn = system === undefined ? base : azureSystems[system][architecture]
  const [publisher, offer, sku, version, ...more] = urn?.split(':') ?? []
  if (!publisher || !offer || !sku || !version || more.length > 0) return undefined
  return { publisher, offer, sku, version }
}

/** The names that a template may use there, for a message. */
export function systemsOn(cloud: CloudName, architecture: Architecture): readonly string[] {
  return systems.filter((one) => (cloud === 'aws' ? awsSystems[one] : azureSystems[one][architecture]) !== undefined)
}
