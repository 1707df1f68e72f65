/** Which container a process belongs to, and what its labels ask for: read once for each, and remembered in the samples. */
import { HostError, messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { codeOf } from '../host/real-errors.ts'
import { type ContainerFacts, factsOf } from './container-facts.ts'
import { containerProcesses } from './container-processes.ts'
import { linesOf } from './counts.ts'
import { type GroupTree, groupOf, groupTrees } from './group-trees.ts'
import { breathe, type Process, type ProcessTable, whileItLives } from './processes.ts'

/** A process that a shim has started, and its container. */
export interface Known extends ContainerFacts {
  readonly pid: number
  readonly start: number
  /** All 64 digits; "" for a process that is in no container's group. */
  readonly id: string
  /** The container's group, below the mount of its tree. */
  readonly path: string
}

/** What one look at the containers found. */
export interface Containers {
  readonly known: readonly Known[]
  /** Why it is not known what another one asks for. */
  readonly problem?: string
}

/**
 * A container's own part of a path (kernel.md 1.3): docker, podman, nerdctl and CRI name it by their id of 64 digits, in a
 * scope of systemd or a plain folder. podman's monitor has a group beside it.
 */
const part = /^(?!libpod-conmon-)(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?$/

/** The container in a group's path, and the path up to it. The first one counts: what runs in it may be an engine itself. */
export function containerIn(path: string): Pick<Known, 'id' | 'path'> | undefined {
  const parts = path.split('/')
  const index = parts.findIndex((one) => part.test(one))
  const id = part.exec(parts[index] ?? '')?.[1]
  return id === undefined ? undefined : { id, path: parts.slice(0, index + 1).join('/') }
}

const nowhere = { id: '', path: '' } as const

/** Longer paths are no engine's; whoever may nest groups of their own can make them as long as the kernel lets them, and longer. */
const longestPath = 400

/** Text of /proc/PID/cgroup; that of a process in no container where it is longer than the kernel tells (PATH_MAX, cgroups(7)). */
async function groupsOf(host: Host, pid: number): Promise<string | undefined> {
  try {
    return await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cgroup`))
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === 'ENAMETOOLONG') return '0::/\n'
    throw error
  }
}

/** The container of a process; `undefined` once the process is gone. Throws where its group cannot be told. */
async function placeOf(
  host: Host,
  { pid }: Process,
  trees: readonly GroupTree[],
): Promise<Pick<Known, 'id' | 'path'> | undefined> {
  const text = await groupsOf(host, pid)
  if (text === undefined) return undefined
  const lines = linesOf(text, `/proc/${pid}/cgroup`).join('\n')
  const groups = trees.map((tree) => groupOf(lines, tree)).filter((group) => group !== undefined)
  // Every process is in a group of every tree.
  if (trees.length > 0 && groups.length === 0) throw new Error(`/proc/${pid}/cgroup is not understood`)
  for (const group of groups) {
    const found = containerIn(group)
    if (found !== undefined) return found.path.length > longestPath ? nowhere : found
  }
  return nowhere
}

/** What is already known of a container; nothing can be asked for one of a user's own, who keeps its engine below user.slice. */
function knownOf(place: Pick<Known, 'id' | 'path'>, known: readonly Known[]): ContainerFacts | undefined {
  if (place.id === '' || place.path.startsWith('/user.slice/')) return {}
  const found = known.find(({ id }) => id === place.id)
  if (found === undefined) return undefined
  const { name, wants } = found
  return { ...(name === undefined ? {} : { name }), ...(wants === undefined ? {} : { wants }) }
}

async function identify(
  host: Host,
  table: ProcessTable,
  { before, signal }: { readonly before: readonly Known[]; readonly signal: AbortSignal },
): Promise<Containers> {
  const seen = new Map(before.map((one) => [`${one.pid}:${one.start}`, one]))
  const trees = await groupTrees(host)
  const known: Known[] = []
  let problem: string | undefined
  for (const [step, process] of containerProcesses(table).entries()) {
    await breathe(host, step, signal)
    const { pid, start } = process
    const old = seen.get(`${pid}:${start}`)
    if (old !== undefined) {
      known.push(old)
      continue
    }
    let which = `of pid ${pid}`
    try {
      const place = await placeOf(host, process, trees)
      if (place === undefined) continue
      which = place.id.slice(0, 12)
      const facts = knownOf(place, known) ?? (await factsOf(host, place, signal))
      known.push({ pid, start, ...place, ...facts })
    } catch (error) {
      signal.throwIfAborted()
      // What is removed while it is looked at is no problem.
      if ((await host.stat(`/proc/${pid}`)) === undefined) continue
      problem ??= `labels of the container ${which} cannot be read: ${messageOf(error)}`
    }
  }
  return { known, ...(problem === undefined ? {} : { problem }) }
}

/** As many are remembered of a container, and as many containers; of those below users' own slices fewer, and one process of each. */
const mostOfContainer = 16
const mostContainers = 1000
const mostOfUsers = 64

/** A user makes as many groups as they like, below their own slice. What they use is in the cpu sensor, too. */
function isUsers({ path }: Known): boolean {
  return path.startsWith('/user.slice/')
}

function oldest(known: readonly Known[], { each, most }: { readonly each: number; readonly most: number }) {
  const groups = [...Map.groupBy(known, ({ path }) => path).values()]
  return groups
    .toSorted((a, b) => Number(b[0]?.wants !== undefined) - Number(a[0]?.wants !== undefined))
    .slice(0, most)
    .flatMap((own) => own.toSorted((a, b) => a.start - b.start).slice(0, each))
}

/** What is worth remembering, the oldest of each container; not what is in none, which may be on its way into one: anybody can call a process like a shim and start ten thousand from it. */
export function remembered(known: readonly Known[]): readonly Known[] {
  const within = known.filter(({ id }) => id !== '')
  const theirs = within.filter(isUsers)
  const others = within.filter((one) => !isUsers(one))
  return [
    ...oldest(others, { each: mostOfContainer, most: mostContainers }),
    ...oldest(theirs, { each: 1, most: mostOfUsers }),
  ]
}

/** A walk belongs to the Host object it was made through: every look of the loop has a Host object of its own. */
const walks = new WeakMap<Host, Promise<Containers>>()

/** The processes that shims have started, with their containers; `before` is what the caller remembers of them. */
export function knownContainers(
  host: Host,
  table: ProcessTable,
  given: { readonly before: readonly Known[]; readonly signal: AbortSignal },
): Promise<Containers> {
  const walk = walks.get(host) ?? identify(host, table, given)
  walks.set(host, walk)
  return walk
}
