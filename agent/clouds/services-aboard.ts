/** Who besides the operator manages this machine, told by the services' own agents that run on it. */
import type { Host } from '../host/host.ts'

/** Units that make a machine a node of somebody's cluster. A cluster in containers (kind, minikube) has none on the machine. */
const nodeUnits: readonly { readonly unit: RegExp; readonly service: string }[] = [
  { unit: /^(kubelet|snap\.kubelet(-eks)?\.daemon|k3s-agent|rke2-agent)\.service$/, service: 'Kubernetes' },
  { unit: /^ecs\.service$/, service: 'ECS' },
]

/** Where systemd keeps the cgroups of running units: v2, hybrid, v1. */
const unitFolders = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** Written on every EMR node before anything else runs. */
const emrFile = '/mnt/var/lib/info/job-flow.json'

/** Services whose own agent runs on this machine, each once. Throws HostError where that cannot be read. */
export async function servicesAboard(host: Host): Promise<readonly string[]> {
  const lists = await Promise.all(unitFolders.map((folder) => host.list(`${folder}/system.slice`)))
  const units = lists.flatMap((names) => names ?? [])
  const found = nodeUnits.filter(({ unit }) => units.some((name) => unit.test(name))).map(({ service }) => service)
  const emr = (await host.stat(emrFile)) === undefined ? [] : ['EMR']
  return [...found, ...emr]
}
