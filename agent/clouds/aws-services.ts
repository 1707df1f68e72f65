/** Who besides the operator manages an EC2 instance: told by the tags that services put on it. */

/** The group that an Auto Scaling member belongs to; the group's own tag. */
export const GROUP_TAG = 'aws:autoscaling:groupName'

/** Put on each instance that a fleet launched, and left there when the fleet is deleted (cloud.md 1.3). */
const fleetTags: ReadonlySet<string> = new Set(['aws:ec2:fleet-id', 'aws:ec2spot:fleet-request-id'])

/** Keys by which a service marks its instances. A stack or a launch template is no owner: it starts machines and leaves them alone. */
const serviceTags: readonly { readonly key: RegExp; readonly service: string }[] = [
  { key: /^(aws:eks:|eks:|alpha\.eksctl\.io\/)/, service: 'EKS' },
  { key: /^(kubernetes\.io\/cluster\/|k8s\.io\/|karpenter\.sh\/)/, service: 'Kubernetes' },
  { key: /^(AmazonECSManaged$|aws:ecs:)/, service: 'ECS' },
  { key: /^AWSBatchServiceTag$/, service: 'AWS Batch' },
  { key: /^aws:elasticmapreduce:/, service: 'EMR' },
  { key: /^elasticbeanstalk:/, service: 'Elastic Beanstalk' },
  { key: /^parallelcluster:/, service: 'ParallelCluster' },
  // Replication servers and whatever else says so of itself.
  { key: /^(AWS|Amazon)[A-Za-z]+Managed$/, service: 'an AWS service' },
]

/** Those of an instance's tag keys that mark an owner. */
export function ownerTags(keys: Iterable<string>): readonly string[] {
  return [...keys].filter((key) => key === GROUP_TAG || isFleetTag(key) || serviceOfTag(key) !== undefined)
}

export function isFleetTag(key: string): boolean {
  return fleetTags.has(key)
}

/** The service that a tag belongs to, or `undefined`. */
export function serviceOfTag(key: string): string | undefined {
  return serviceTags.find((one) => one.key.test(key))?.service
}
