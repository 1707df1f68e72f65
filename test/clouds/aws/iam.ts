// What a role of the simulated account may do: an allow-list of actions, self only, and of tag keys.

import type { Principal } from './credentials.ts'
import { Ec2Error } from './errors.ts'

export interface RolePolicy {
  /** EC2 actions without the `ec2:` prefix; `*` is all. */
  readonly actions: readonly string[]
  /** Actions on an instance are allowed on the caller's own only (`ec2:SourceInstanceARN`). */
  readonly selfOnly: boolean
  /** Keys that CreateTags may write; any unless given. */
  readonly tagKeys?: readonly string[]
}

export interface AccessRequest {
  readonly principal: Principal
  readonly action: string
  readonly region: string
  readonly accountId: string
  readonly instanceIds: readonly string[]
  readonly tagKeys: readonly string[]
}

/** What the role of iam/ allows, and no more, where metadata shows no tags; of tags any, for prefixes of all kinds. */
export const agentPolicy: RolePolicy = {
  actions: ['CreateTags', 'DescribeTags', 'StopInstances'],
  selfOnly: true,
}

/** The same with questions that other clients ask, with the role's credentials, of servers under test. */
export const readingPolicy: RolePolicy = {
  ...agentPolicy,
  actions: [...agentPolicy.actions, 'DescribeInstanceAttribute', 'DescribeInstances', 'DescribeInstanceStatus'],
}

// These have no resource types in the service authorization table: they are allowed for `*` or not at all.
const withoutResource: readonly string[] = ['DescribeInstances', 'DescribeInstanceStatus', 'DescribeTags']

/** Throws UnauthorizedOperation unless the policy allows the request; an operator, who has no policy, may do all. */
export function authorize(request: AccessRequest, policies: ReadonlyMap<string, RolePolicy>): void {
  const { principal, action } = request
  if (principal.role === undefined) return
  const policy = policies.get(principal.role)
  const onResource = !withoutResource.includes(action)
  const targets = onResource ? request.instanceIds : []
  const refused = targets.find((id) => policy?.selfOnly === true && id !== principal.instanceId)
  const allowed = policy !== undefined && (policy.actions.includes('*') || policy.actions.includes(action))
  const keys = policy?.tagKeys
  const keysFit = action !== 'CreateTags' || !keys || request.tagKeys.every((key) => keys.includes(key))
  if (allowed && refused === undefined && keysFit) return
  throw denial(request, refused ?? targets[0])
}

function denial({ principal, action, region, accountId }: AccessRequest, instanceId: string | undefined): Ec2Error {
  const on = instanceId ? ` on resource: arn:aws:ec2:${region}:${accountId}:instance/${instanceId}` : ''
  return new Ec2Error(
    'UnauthorizedOperation',
    'You are not authorized to perform this operation. ' +
      `User: ${principal.arn} is not authorized to perform: ec2:${action}${on} ` +
      `because no identity-based policy allows the ec2:${action} action`,
  )
}
