/** The input of the AWS CLI: a file for each call that takes one. */
import { awsTrust, instancesIn } from './iam.ts'
import { launchTemplateData } from './launch-template.ts'
import { jsonFile, type Output } from './output.ts'
import { policyOf, roleDescription, roleNameOf } from './role.ts'
import type { AwsSpec } from './spec.ts'

/** Before a template that is there gets a new version. */
const laterOnAws = ['(with --key-name, --subnet-id and --security-group-ids as for any instance)', 'after a change:']

/** Role, policy and launch template as the CLI takes them (`--cli-input-json`). */
export function awsCli(spec: AwsSpec): Output {
  const policy = policyOf(spec, instancesIn('aws'))
  const description = spec.template.description
  const template = {
    LaunchTemplateName: spec.slug,
    ...(description === undefined ? {} : { VersionDescription: description }),
    LaunchTemplateData: launchTemplateData(spec),
  }
  const roleName = roleNameOf(spec)
  const iam = 'aws iam'
  return {
    files: [
      jsonFile('role.json', {
        RoleName: roleName,
        Description: roleDescription,
        AssumeRolePolicyDocument: JSON.stringify(awsTrust()),
      }),
      jsonFile('role-policy.json', {
        RoleName: roleName,
        PolicyName: 'idle-agent',
        PolicyDocument: JSON.stringify(policy),
      }),
      jsonFile('launch-template.json', template),
    ],
    next: [
      `${iam} create-role --cli-input-json file://DIR/role.json`,
      `${iam} put-role-policy --cli-input-json file://DIR/role-policy.json`,
      `${iam} create-instance-profile --instance-profile-name ${roleName}`,
      `${iam} add-role-to-instance-profile --instance-profile-name ${roleName} --role-name ${roleName}`,
      'aws ec2 create-launch-template --cli-input-json file://DIR/launch-template.json',
      `aws ec2 run-instances --launch-template 'LaunchTemplateName=${spec.slug},Version=$Latest'`,
      ...laterOnAws,
      'aws ec2 create-launch-template-version --cli-input-json file://DIR/launch-template.json',
    ],
  }
}
