/** Pods that somebody's work runs in, by their control groups, named by the folders of their logs: no API is asked. */
import type { Host } from '../host/host.ts'
import { groupTrees } from './group-trees.ts'
import { type Process, uidOf, whileItLives } from './processes.ts'

/** Namespaces of Kubernetes itself, of clouds and of what clusters are made with; `kube-` is reserved (Kubernetes, namespaces). */
const ofTheSystem = new Set([
  ...['calico-system', 'calico-apiserver', 'tigera-operator', 'cilium', 'cilium-secrets', 'metallb-system'],
  ...['gatekeeper-system', 'cert-manager', 'ingress-nginx', 'istio-system', 'linkerd', 'local-path-storage'],
  ...['longhorn-system', 'gke-managed-system', 'gmp-system', 'gmp-public', 'aks-command', 'azure-arc'],
  ...['amazon-cloudwatch', 'amazon-guardduty', 'aws-observability', 'cattle-system', 'cattle-fleet-system'],
  ...['cattle-impersonation-system', 'node-feature-discovery', 'gpu-operator', 'container-registry'],
])

function isSystem(namespace: string): boolean {
  return namespace.startsWith('kube-') || ofTheSystem.has(namespace)
}

/** A pod's own group: `pod<uid>`, in slices with `_` for `-`; a static pod's uid is a hash (kubelet, pod_container_manager_linux.go). */
const podGroup = /(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/

/** Uid of the pod whose group is called so. */
export function podUid(name: string): string | undefined {
  return podGroup.exec(name)?.[1]?.replaceAll('_', '-')
}

/** The folders in which pods have their groups: guaranteed ones in the first, the others by class below it. */
const classes = /^(kubepods-)?(burstable|besteffort)(\.slice)?$/

/** Uids of the pods that have a control group; `undefined` where the kubelet has made none for pods at all. */
async function podUids(host: Host, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  const uids = new Set<string>()
  let found = false
  const folders = (await groupTrees(host)).flatMap(({ mount }) => [`${mount}/kubepods.slice`, `${mount}/kubepods`])
  for (const folder of folders) {
    signal.throwIfAborted()
    if ((await host.stat(folder))?.kind !== 'directory') continue
    found = true
    for (const name of (await host.list(folder)) ?? []) {
      const names = classes.test(name) ? ((await host.list(`${folder}/${name}`)) ?? []) : [name]
      for (const uid of names.flatMap((one) => podUid(one) ?? [])) uids.add(uid)
    }
  }
  return found ? uids : undefined
}

/** Is it a kubelet of this machine itself, and not a user's process of that name, or that of a cluster in a container (kind, minikube)? */
async function isOurs(host: Host, { pid }: Process): Promise<boolean> {
  if ((await uidOf(host, pid)) !== 0) return false
  const groups = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cgroup`))
  return groups !== undefined && !/[0-9a-f]{64}/.test(groups)
}

interface Pods {
  /** "default/web-0": pods outside the namespaces of the system. */
  readonly names: readonly string[]
  /** Why there may be more. */
  readonly problem?: string
}

/**
 * Pods of a machine with these kubelets. /var/log/pods has a folder `NAMESPACE_NAME_UID` for each (kubelet,
 * kuberuntime/helpers.go BuildPodLogsDirectory); a name in Kubernetes holds no "_".
 */
export async function readPods(host: Host, kubelets: readonly Process[], signal: AbortSignal): Promise<Pods> {
  const uids = await podUids(host, signal)
  if (uids === undefined) {
    for (const kubelet of kubelets)
      if (await isOurs(host, kubelet))
        return { names: [], problem: `a kubelet (pid ${kubelet.pid}) runs, and its pods cannot be told` }
    return { names: [] }
  }
  const logs = new Map(
    ((await host.list('/var/log/pods')) ?? []).map((name) => [name.slice(name.lastIndexOf('_') + 1), name.split('_')]),
  )
  const names: string[] = []
  const nameless: string[] = []
  for (const uid of uids) {
    const [namespace, name] = logs.get(uid) ?? []
    if (namespace === undefined || name === undefined) nameless.push(uid)
    else if (!isSystem(namespace)) names.push(`${namespace}/${name}`)
  }
  const problem = `whose pod ${nameless[0]} is cannot be told: it is not in /var/log/pods`
  return nameless.length === 0 ? { names } : { names, problem }
}
