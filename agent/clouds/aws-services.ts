/** Who besides the operator manages an EC2 instance: told by the tags that services put on it, and by agents that run on it. */
import type { Host } from '../host/host.ts'

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

/** Units that make a machine a node of somebody's cluster. A cluster in containers (kind, minikube) has none on the machine. */
const nodeUnits: readonly { readonly unit: RegExp; readonly service: string }[] = [
  { unit: /^(kubelet|snap\.kubelet(-eks)?\.daemon|k3s-agent|rke2-agent)\.service$/, service: 'Kubernetes' },
  { unit: /^ecs\.service$/, service: 'ECS' },
]

/** Where systemd keeps the cgroups of running units: v2, hybrid, v1. */
const unitFolders = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** Written on every EMR node before anything else runs. */
const emrFile = '/mnt/var/lib/info/job-flow.json'

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

/** Services whose own agent runs on this machine, each once. Throws HostError where that cannot be read. */
export async function servicesAboard(host: Host): Promise<readonly string[]> {
  const lists = await Promise.all(unitFolders.map((folder) => host.list(`${folder}/system.slice`)))
  const units = lists.flatMap((names) => names ?? [])
  const found = nodeUnits.filter(({ unit }) => units.some((name) => unit.test(name))).map(({ service }) => service)
  const emr = (await host.stat(emrFile)) === undefined ? [] : ['EMR']
  return [...found, ...emr]
}
