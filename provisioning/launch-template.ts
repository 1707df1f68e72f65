/** The launch template of EC2, with which role and instance profile go. */
import { userData } from './cloud-init.ts'
import { roleNameOf } from './role.ts'
import type { AwsSpec } from './spec.ts'

/** What is set of the launch template, in the words of the API. */
export interface LaunchTemplateData {
  readonly ImageId: string
  readonly InstanceType: string
  readonly IamInstanceProfile: { readonly Name: string }
  readonly MetadataOptions: {
    readonly HttpEndpoint: 'enabled'
    readonly HttpTokens: 'required'
    readonly HttpPutResponseHopLimit: number
    readonly InstanceMetadataTags: 'enabled' | 'disabled'
  }
  readonly InstanceInitiatedShutdownBehavior: 'stop'
  readonly HibernationOptions: { readonly Configured: boolean }
  readonly InstanceMarketOptions?: {
    readonly MarketType: 'spot'
    readonly SpotOptions: {
      readonly SpotInstanceType: 'persistent'
      readonly InstanceInterruptionBehavior: 'hibernate' | 'stop'
    }
  }
  readonly BlockDeviceMappings: readonly {
    readonly DeviceName: string
    readonly Ebs: {
      readonly Encrypted: boolean
      readonly VolumeSize?: number
      readonly VolumeType: 'gp3'
      readonly DeleteOnTermination: boolean
    }
  }[]
  readonly TagSpecifications: readonly {
    readonly ResourceType: 'instance' | 'volume'
    readonly Tags: readonly { readonly Key: string; readonly Value: string }[]
  }[]
  /** Base64. */
  readonly UserData: string
}

/** The launch template of these machines. */
export function launchTemplateData(spec: AwsSpec): LaunchTemplateData {
  const { template, image, size } = spec
  const tags = Object.entries(spec.tags).map(([Key, Value]) => ({ Key, Value }))
  return {
    ImageId: image.id,
    InstanceType: size.name,
    IamInstanceProfile: { Name: roleNameOf(spec) },
    // Version 2 only, and one hop: nothing in a container reaches the role. Tags explicitly: the account has a default (cloud.md 1.2).
    MetadataOptions: {
      HttpEndpoint: 'enabled',
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
      InstanceMetadataTags: spec.metadataTags ? 'enabled' : 'disabled',
    },
    InstanceInitiatedShutdownBehavior: 'stop',
    HibernationOptions: { Configured: spec.hibernation },
    ...(template.spot === true ? { InstanceMarketOptions: spotOptions(spec.hibernation) } : {}),
    BlockDeviceMappings: [
      {
        DeviceName: image.rootDevice,
        Ebs: {
          Encrypted: true,
          ...(spec.diskGib === undefined ? {} : { VolumeSize: spec.diskGib }),
          VolumeType: 'gp3',
          DeleteOnTermination: true,
        },
      },
    ],
    TagSpecifications: (['instance', 'volume'] as const).map((ResourceType) => ({ ResourceType, Tags: tags })),
    UserData: userData(spec).toString('base64'),
  }
}

/** Only a persistent request can be stopped (cloud.md 1.3); with hibernation its interruption can be nothing else. */
function spotOptions(hibernation: boolean): NonNullable<LaunchTemplateData['InstanceMarketOptions']> {
  return {
    MarketType: 'spot',
    SpotOptions: { SpotInstanceType: 'persistent', InstanceInterruptionBehavior: hibernation ? 'hibernate' : 'stop' },
  }
}
