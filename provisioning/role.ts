/** The role of the instances of a template: its name and its policy. */
import { general } from '../agent/config/options.ts'
import { awsPolicy, type Json, type Policy, roleName } from './iam.ts'
import type { AwsSpec } from './spec.ts'
import { describesTags, writtenKeys } from './tags.ts'

/** Longest name of a role, in characters. */
const longest = 64

/** What it is for, for whoever finds it in the account. */
export const roleDescription = 'An instance may stop and tag itself, and nothing else'

/** Its own where it allows something else: whoever makes one role for all machines must not take from those that are there. */
export function roleNameOf(spec: AwsSpec): string {
  const isUsual = spec.tagPrefix === general.tag_prefix.default && !describesTags(spec)
  return isUsual ? roleName : `${roleName}-${spec.slug}`.slice(0, longest)
}

/** The policy, on instances as the format writes them. */
export function policyOf(spec: AwsSpec, instances: (end: string) => Json): Policy {
  return awsPolicy({ tagKeys: writtenKeys(spec.tagPrefix), describeTags: describesTags(spec), instances })
}
