/** A stack of CloudFormation: role, instance profile, launch template. */
import { UsageError } from '../agent/errors.ts'
import { awsTrust, type Json } from './iam.ts'
import { launchTemplateData } from './launch-template.ts'
import { jsonFile, type Output } from './output.ts'
import { policyOf, roleDescription, roleNameOf } from './role.ts'
import type { AwsSpec } from './spec.ts'

/** In the stack's own partition. `Fn::Join`, since `Fn::Sub` would take the variables of the policy for its own. */
function instances(end: string): Json {
  return { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:ec2:*:*:instance/${end}`]] }
}

/** The stack, in JSON. */
export function cloudFormation(spec: AwsSpec): Output {
  const { description } = spec.template
  refuseReferences(spec)
  const roleName = roleNameOf(spec)
  const profile = { 'Fn::If': ['NeedsRole', { Ref: 'InstanceProfile' }, roleName] }
  const stack = {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: description ?? `Launch template of ${spec.template.name}, with idle-agent`,
    Parameters: {
      CreateRole: {
        Type: 'String',
        AllowedValues: ['true', 'false'],
        Default: 'true',
        Description: `false where the account has ${roleName} already`,
      },
    },
    Conditions: { NeedsRole: { 'Fn::Equals': [{ Ref: 'CreateRole' }, 'true'] } },
    Resources: {
      ...roleResources(spec),
      LaunchTemplate: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateName: spec.slug,
          ...(description === undefined ? {} : { VersionDescription: description }),
          LaunchTemplateData: { ...launchTemplateData(spec), IamInstanceProfile: { Name: profile } },
        },
      },
    },
    Outputs: {
      LaunchTemplateId: { Value: { Ref: 'LaunchTemplate' } },
      LaunchTemplateVersion: { Value: { 'Fn::GetAtt': ['LaunchTemplate', 'LatestVersionNumber'] } },
    },
  }
  return {
    files: [jsonFile('stack.json', stack)],
    next: [
      `aws cloudformation deploy --stack-name ${spec.slug} --template-file DIR/stack.json --capabilities CAPABILITY_NAMED_IAM`,
      `aws ec2 run-instances --launch-template 'LaunchTemplateName=${spec.slug},Version=$Latest'`,
    ],
  }
}

/** CloudFormation has no way to write such a text as it is. Throws UsageError. */
function refuseReferences({ template: { name, description = '' }, tags }: AwsSpec): void {
  const texts = [name, description, ...Object.entries(tags).flat()]
  if (!texts.some((text) => text.includes('{{resolve:'))) return
  throw new UsageError(
    'CloudFormation would replace what begins with {{resolve: in name, description or tags; leave it out',
  )
}

function roleResources(spec: AwsSpec): object {
  const roleName = roleNameOf(spec)
  const policy = policyOf(spec, instances)
  return {
    Role: {
      Condition: 'NeedsRole',
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: roleName,
        Description: roleDescription,
        AssumeRolePolicyDocument: awsTrust(),
        Policies: [{ PolicyName: 'idle-agent', PolicyDocument: policy }],
      },
    },
    InstanceProfile: {
      Condition: 'NeedsRole',
      Type: 'AWS::IAM::InstanceProfile',
      Properties: { InstanceProfileName: roleName, Roles: [{ Ref: 'Role' }] },
    },
  }
}
