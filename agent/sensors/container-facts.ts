/** What is said of one container where its engine keeps it on disk: its name, and what its labels ask for. No daemon is asked. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { isObject, listAt, objectAt, optional, parseObject, textAt } from '../parse.ts'

/** `force`: active while it runs. `ignore`: its CPU time is nobody's work. `job`: a CI runner's. */
export type Wants = 'force' | 'ignore' | 'job'

export interface ContainerFacts {
  readonly name?: string
  readonly wants?: Wants
}

/** The label, or annotation, by which an operator says what a container means. */
export const activityLabel = 'idle-agent.activity'

/** Labels, or the beginning of a name, that CI runners give to the containers in which jobs run: gitlab-runner, drone-runner-docker, act_runner. */
const jobLabels = ['com.gitlab.gitlab-runner.job.id', 'io.drone']
const jobName = /^(GITEA|FORGEJO)-ACTIONS-TASK-\d/

/** What labels and the name ask for; a value that is neither word asks for nothing. */
export function factsIn(labels: unknown, name: string | undefined): ContainerFacts {
  const found = isObject(labels) ? labels : {}
  const named = name === undefined || name === '' ? {} : { name }
  const word = found[activityLabel]
  if (word === 'force' || word === 'ignore') return { ...named, wants: word }
  const isJob = jobLabels.some((label) => found[label] !== undefined) || jobName.test(name ?? '')
  return isJob ? { ...named, wants: 'job' } : named
}

/** Where docker keeps what it knows: as /etc/docker/daemon.json says, else its default, and that of its snap. */
async function dockerRoots(host: Host): Promise<readonly string[]> {
  const text = await host.readText('/etc/docker/daemon.json')
  const given = text === undefined || text.trim() === '' ? {} : optional(parseObject(text), 'data-root', textAt)
  return [given['data-root'] ?? '/var/lib/docker', '/var/snap/docker/common/var-lib-docker']
}

/** Out of config.v2.json (moby, daemon/container): `Name` with a slash before it, and `Config.Labels`. */
async function ofDocker(host: Host, id: string): Promise<ContainerFacts | undefined> {
  for (const root of await dockerRoots(host)) {
    const text = await readConfig(host, root, id)
    if (text === undefined) continue
    const config = parseObject(text)
    return factsIn(objectAt(config, 'Config')['Labels'], textAt(config, 'Name').replace(/^\//, ''))
  }
  return undefined
}

/** From docker's folder, or the one in it for a range of user ids, `UID.GID` (moby, userns-remap). */
async function readConfig(host: Host, root: string, id: string): Promise<string | undefined> {
  const file = `containers/${id}/config.v2.json`
  const text = await host.readText(`${root}/${file}`)
  if (text !== undefined) return text
  for (const name of (await host.list(root)) ?? []) {
    const remapped = /^\d+\.\d+$/.test(name) ? await host.readText(`${root}/${name}/${file}`) : undefined
    if (remapped !== undefined) return remapped
  }
  return undefined
}

/** Where containerd keeps its bundles by namespace: its own, those of k3s and RKE2, and of MicroK8s. */
const containerdStates = ['/run/containerd', '/run/k3s/containerd', '/var/snap/microk8s/common/run/containerd']
const podmanStores = ['overlay', 'vfs', 'btrfs', 'zfs'].map(
  (driver) => `/var/lib/containers/storage/${driver}-containers`,
)

/** Paths at which a container's OCI configuration may lie; all of them root's. */
async function bundles(host: Host, id: string): Promise<readonly string[]> {
  const paths = podmanStores.map((store) => `${store}/${id}/userdata/config.json`)
  for (const state of containerdStates) {
    const folder = `${state}/io.containerd.runtime.v2.task`
    for (const namespace of (await host.list(folder)) ?? []) paths.push(`${folder}/${namespace}/${id}/config.json`)
  }
  return paths
}

/** Out of the annotations in the OCI configuration: nerdctl puts its names there, CRI those of pods. */
async function ofBundle(host: Host, id: string): Promise<ContainerFacts | undefined> {
  for (const path of await bundles(host, id)) {
    const text = await host.readText(path)
    if (text === undefined) continue
    const annotations = parseObject(text)['annotations']
    const words = isObject(annotations) ? annotations : {}
    const name = [words['nerdctl/name'], words['io.kubernetes.cri.sandbox-name']].find((one) => typeof one === 'string')
    return factsIn(words, typeof name === 'string' ? name : undefined)
  }
  return undefined
}

/** Out of the list that `podman ps --format json` prints, by id. Throws where it is none. */
export function parsePodman(text: string): ReadonlyMap<string, ContainerFacts> {
  const entries = listAt(parseObject(`{"list":${text}}`), 'list', (one) => {
    if (!isObject(one)) throw new Error('the list has something other than objects')
    const names: unknown = one['Names']
    const name: unknown = Array.isArray(names) ? names[0] : undefined
    return [textAt(one, 'Id'), factsIn(one['Labels'], typeof name === 'string' ? name : undefined)] as const
  })
  return new Map(entries)
}

const ASK_MS = 2_500

/** Podman writes labels into its database only, and has no daemon: the command reads it. Asked when a new container of root's has come. */
async function askPodman(host: Host, signal: AbortSignal): Promise<ReadonlyMap<string, ContainerFacts>> {
  const argv = ['podman', 'ps', '--no-trunc', '--format', 'json']
  const answer = await host.run(argv, { timeoutMs: ASK_MS, signal })
  if (answer === undefined) return new Map()
  if (answer.status !== 0) throw new HostError(`podman ps ended with ${answer.status}`)
  return parsePodman(answer.stdout)
}

const answers = new WeakMap<Host, Promise<ReadonlyMap<string, ContainerFacts>>>()

/**
 * What is said of the container whose group is at this path. Throws where docker's is not where docker keeps it, where a
 * file is not understood, or podman does not answer. Of engines that keep it elsewhere nothing is known, and nothing asked.
 */
export async function factsOf(
  host: Host,
  { id, path }: { readonly id: string; readonly path: string },
  signal: AbortSignal,
): Promise<ContainerFacts> {
  const docker = await ofDocker(host, id)
  if (docker !== undefined) return docker
  if (/^\/(system\.slice\/docker-|docker\/)[0-9a-f]{64}(\.scope)?$/.test(path))
    throw new Error(
      'it is not in docker\'s folder; name that as "data-root" in /etc/docker/daemon.json, not in dockerd\'s arguments',
    )
  const bundle = (await ofBundle(host, id)) ?? {}
  if (bundle.wants !== undefined || !path.includes('/libpod-')) return bundle
  const answer = answers.get(host) ?? askPodman(host, signal)
  answers.set(host, answer)
  return (await answer).get(id) ?? bundle
}
