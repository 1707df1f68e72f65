/** What an instance of EC2 may do to itself. */
import { permissions as awsPermissions } from '../agent/clouds/aws-send.ts'

/** The name that the source gives to role and instance profile. */
export const roleName = 'CloudWorkstation-Instance-Profile'

/** A value of JSON, or of the language around it, such as `{"Ref": "AWS::Partition"}`. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json }

/** What a policy depends on. */
export interface PolicyWish {
  /** Keys that the agent may write. */
  readonly tagKeys: readonly string[]
  /** The operator's tags have to be asked for. */
  readonly describeTags: boolean
  /** Any instance, of any region and account, in a partition: `arn:aws:ec2:*:*:instance/` and the end given. */
  instances(end: string): Json
}

/** One statement of a policy. */
export interface Statement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: string
  readonly Resource: Json
  /** By operator, then by key. */
  readonly Condition: Readonly<Record<string, Readonly<Record<string, Json>>>>
}

export interface Policy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly Statement[]
}

type AwsAction = (typeof awsPermissions)[number]['action']

/** The name of each statement says which call needs it; the list beside the calls says which there are. */
const sids: Readonly<Record<AwsAction, string>> = {
  'ec2:StopInstances': 'HibernateOrStopItself',
  'ec2:CreateTags': 'TagItself',
  'ec2:DescribeTags': 'ReadOperatorTags',
}

/** On instances in the plain form of an ARN. */
export function instancesIn(partition: string): (end: string) => Json {
  return (end) => `arn:${partition}:ec2:*:*:instance/${end}`
}

/**
 * The policy of the role. The caller is the instance whose id is asked for: the pattern of AWS's own
 * AWSEC2VssSnapshotPolicy (cloud.md 1.5). Of tags only the agent's keys, and at least one of them: a condition on all
 * values is met where there is none.
 */
export function awsPolicy(wish: PolicyWish): Policy {
  const itself = { ArnLike: { 'ec2:SourceInstanceARN': wish.instances(`\${ec2:InstanceID}`) } }
  const own = { Effect: 'Allow' as const, Resource: wish.instances('*') }
  const more: Readonly<Record<AwsAction, Omit<Statement, 'Sid' | 'Action'> | undefined>> = {
    'ec2:StopInstances': { ...own, Condition: itself },
    'ec2:CreateTags': {
      ...own,
      Condition: {
        ...itself,
        'ForAllValues:StringEquals': { 'aws:TagKeys': wish.tagKeys },
        Null: { 'aws:TagKeys': 'false', 'ec2:CreateAction': 'true' },
      },
    },
    // No resource can be named for it (cloud.md 1.5): of use to an instance only.
    'ec2:DescribeTags': wish.describeTags
      ? { Effect: 'Allow', Resource: '*', Condition: { Null: { 'ec2:SourceInstanceARN': 'false' } } }
      : undefined,
  }
  const statements = awsPermissions.flatMap(({ action }): readonly Statement[] => {
    const rest = more[action]
    return rest === undefined ? [] : [{ Sid: sids[action], Action: action, ...rest }]
  })
  return { Version: '2012-10-17', Statement: statements }
}

/** Who may take the role: EC2, for its instances. */
export function awsTrust(): Json {
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'InstancesOfEc2', Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  }
}
