/** Role, instance profile and launch template in Terraform's JSON syntax, for the provider hashicorp/aws. */
import { awsTrust, type Policy } from './iam.ts'
import { type LaunchTemplateData, launchTemplateData } from './launch-template.ts'
import type { Output } from './output.ts'
import { policyOf, roleNameOf } from './role.ts'
import type { AwsSpec } from './spec.ts'
import { expression, literal, literals, terraformFile } from './terraform.ts'

/** In the partition of the provider. A variable of the policy is written `&{…}` in the data source. */
function instances(end: string): string {
  return `arn:${expression('data.aws_partition.current.partition')}:ec2:*:*:instance/${end.replace('$', '&')}`
}

/** The configuration; with `-var create_role=false` where the account has the role already. */
export function terraformAws(spec: AwsSpec): Output {
  const roleName = roleNameOf(spec)
  const policy = policyOf(spec, instances)
  const once = { count: expression('var.create_role ? 1 : 0') }
  const configuration = {
    terraform: { required_providers: { aws: { source: 'hashicorp/aws', version: '>= 5.0' } } },
    variable: {
      create_role: { type: 'bool', default: true, description: `false where the account has ${roleName} already` },
    },
    data: {
      aws_partition: { current: {} },
      aws_iam_policy_document: { idle_agent: { statement: policy.Statement.map(statement) } },
    },
    resource: {
      aws_iam_role: {
        idle_agent: { ...once, name: roleName, assume_role_policy: literal(JSON.stringify(awsTrust())) },
      },
      aws_iam_role_policy: {
        idle_agent: {
          ...once,
          name: 'idle-agent',
          role: expression('aws_iam_role.idle_agent[0].id'),
          policy: expression('data.aws_iam_policy_document.idle_agent.json'),
        },
      },
      aws_iam_instance_profile: {
        idle_agent: { ...once, name: roleName, role: expression('aws_iam_role.idle_agent[0].name') },
      },
      aws_launch_template: { machine: launchTemplate(spec) },
    },
    output: { launch_template_id: { value: expression('aws_launch_template.machine.id') } },
  }
  return {
    files: [terraformFile(configuration)],
    next: [
      'terraform -chdir=DIR init',
      'terraform -chdir=DIR apply',
      `aws ec2 run-instances --launch-template 'LaunchTemplateName=${spec.slug},Version=$Latest'`,
    ],
  }
}

function statement({ Sid, Effect, Action, Resource, Condition }: Policy['Statement'][number]): object {
  const condition = Object.entries(Condition).flatMap(([test, keys]) =>
    Object.entries(keys).map(([variable, value]) => ({ test, variable, values: [value].flat() })),
  )
  return { sid: Sid, effect: Effect, actions: [Action], resources: [Resource], condition }
}

function launchTemplate(spec: AwsSpec): object {
  const data = launchTemplateData(spec)
  const { MetadataOptions: metadata, InstanceMarketOptions: market } = data
  const { description } = spec.template
  return {
    ...(literals({
      name: spec.slug,
      ...(description === undefined ? {} : { description }),
      image_id: data.ImageId,
      instance_type: data.InstanceType,
      tag_specifications: data.TagSpecifications.map(tagSpecification),
    }) as object),
    update_default_version: true,
    iam_instance_profile: { name: data.IamInstanceProfile.Name },
    metadata_options: {
      http_endpoint: metadata.HttpEndpoint,
      http_tokens: metadata.HttpTokens,
      http_put_response_hop_limit: metadata.HttpPutResponseHopLimit,
      instance_metadata_tags: metadata.InstanceMetadataTags,
    },
    instance_initiated_shutdown_behavior: data.InstanceInitiatedShutdownBehavior,
    hibernation_options: { configured: data.HibernationOptions.Configured },
    ...(market === undefined ? {} : { instance_market_options: spot(market) }),
    block_device_mappings: data.BlockDeviceMappings.map(({ DeviceName, Ebs }) => ({
      device_name: DeviceName,
      ebs: {
        encrypted: Ebs.Encrypted,
        ...(Ebs.VolumeSize === undefined ? {} : { volume_size: Ebs.VolumeSize }),
        volume_type: Ebs.VolumeType,
        delete_on_termination: Ebs.DeleteOnTermination,
      },
    })),
    user_data: data.UserData,
    depends_on: ['aws_iam_instance_profile.idle_agent'],
  }
}

function tagSpecification({ ResourceType, Tags }: LaunchTemplateData['TagSpecifications'][number]): object {
  return { resource_type: ResourceType, tags: Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])) }
}

function spot({ MarketType, SpotOptions }: NonNullable<LaunchTemplateData['InstanceMarketOptions']>): object {
  return {
    market_type: MarketType,
    spot_options: {
      spot_instance_type: SpotOptions.SpotInstanceType,
      instance_interruption_behavior: SpotOptions.InstanceInterruptionBehavior,
    },
  }
}
