/** Containers, read and judged: loaded only where there are any. */
import type { Host } from '../host/host.ts'
import type { Reading } from '../types.ts'
import { activityLabel } from './container-facts.ts'
import { type Known, knownContainers, remembered } from './container-known.ts'
import type { containersOptions } from './containers.ts'
import { msPerTick } from './counts.ts'
import type { Subject } from './gated.ts'
import { groupTrees, groupUsage } from './group-trees.ts'
import { processTable } from './processes.ts'
import type { Context } from './sensor.ts'
import { counted, shown } from './words.ts'

/** What one container has used, and what it always uses. */
interface ContainerUse {
  /** Inode of its group: a container that was started again has another. */
  readonly ino: number
  readonly us: number
  /** Start of its first process, in ticks. */
  readonly start: number
  /** Boot-time clock at which the present stretch began, the least cores of an interval in it, and in the stretch before. */
  readonly usual?: { readonly since: number; readonly least: number; readonly before?: number }
}

export interface ContainersSample {
  /** Boot-time clock, in milliseconds. */
  readonly bootMs: number
  readonly known: readonly Known[]
  readonly problem?: string
  /** By the container's group. */
  readonly uses: Readonly<Record<string, ContainerUse>>
}

/** What a container always uses is the least of half a day to a day, once it has been seen for an hour; more than the bound is work. */
const stretchMs = 12 * 3_600_000
const settledMs = 3_600_000
const mostUsual = 0.3
/** A job of a CI runner counts for so long; what is left of one afterwards is forgotten. */
const jobMs = 24 * 3_600_000

type Usual = NonNullable<ContainerUse['usual']>

/** What it always uses, with one more interval. */
function usualAfter(usual: Usual | undefined, bootMs: number, cores: number): Usual {
  if (usual === undefined || bootMs < usual.since) return { since: bootMs, least: cores }
  if (bootMs - usual.since > stretchMs) return { since: bootMs, least: cores, before: usual.least }
  return { ...usual, least: Math.min(usual.least, cores) }
}

/** Cores that it always uses; 0 as long as too little of it was seen. */
function usualCores(usual: Usual | undefined, bootMs: number): number {
  if (usual === undefined || (usual.before === undefined && bootMs - usual.since < settledMs)) return 0
  return Math.min(mostUsual, usual.least, usual.before ?? mostUsual)
}

/** Milliseconds that a container used in the interval since `fromMs` of the boot-time clock; 0 where it was not seen then and had begun already. */
function usedMs(use: ContainerUse, old: ContainerUse | undefined, fromMs: number): number {
  if (old?.ino === use.ino && use.us >= old.us) return (use.us - old.us) / 1000
  return use.start * msPerTick >= fromMs ? use.us / 1000 : 0
}

async function read(host: Host, signal: AbortSignal, before?: ContainersSample): Promise<ContainersSample> {
  const table = await processTable(host, signal)
  const { bootMs } = host.clocks()
  const found = await knownContainers(host, table, { before: before?.known ?? [], signal })
  const trees = await groupTrees(host)
  const uses: Record<string, ContainerUse> = {}
  let problem = found.problem
  for (const { pid, id, path, start } of remembered(found.known)) {
    signal.throwIfAborted()
    const same = uses[path]
    const usage = same ?? (await groupUsage(host, trees, path))
    // The first process of a container is older than what is run in it later.
    if (usage !== undefined) uses[path] = { ...usage, start: Math.min(start, same?.start ?? start) }
    // What it uses shows nowhere else, as long as it is there; users move processes of their own out of any group.
    else if (trees.length > 0 && !path.startsWith('/user.slice/') && (await host.stat(`/proc/${pid}`)) !== undefined)
      problem ??= `CPU time of the container ${id.slice(0, 12)} cannot be read: it is not in its group`
  }
  for (const [path, use] of Object.entries(uses)) uses[path] = { ...use, ...usualOf(use, path, { bootMs, before }) }
  return { bootMs, known: remembered(found.known), ...(problem === undefined ? {} : { problem }), uses }
}

/** What the container always uses, with the interval that ends now, if it was seen at its beginning. */
function usualOf(
  use: ContainerUse,
  path: string,
  { bootMs, before }: { readonly bootMs: number; readonly before: ContainersSample | undefined },
): Pick<ContainerUse, 'usual'> {
  const old = before?.uses[path]
  const ms = bootMs - (before?.bootMs ?? bootMs)
  const seen = old?.ino === use.ino && ms > 0
  const usual = seen ? usualAfter(old.usual, bootMs, usedMs(use, old, bootMs) / ms) : old?.usual
  return usual === undefined ? {} : { usual }
}

/** "container web (3f2a90d1c2b4)"; of one without a name, by its id alone. */
function named({ id, name }: Known): string {
  const short = id.slice(0, 12)
  return name === undefined ? `container ${short}` : `container ${shown(name)} (${short})`
}

interface Busy {
  readonly one: Known
  readonly cores: number
  /** Cores that it always uses. */
  readonly usual: number
}

/** The container that uses most over what it always uses. */
function busiest(
  all: readonly Known[],
  {
    now,
    before,
    ms,
  }: { readonly now: ContainersSample; readonly before: ContainersSample | undefined; readonly ms: number },
): Busy | undefined {
  const fromMs = before?.bootMs ?? now.bootMs - ms
  const found = all.map((one): Busy => {
    const use = now.uses[one.path]
    const old = before?.uses[one.path]
    const cores = use === undefined ? 0 : usedMs(use, old, fromMs) / ms
    return { one, cores, usual: usualCores(old?.usual, now.bootMs) }
  })
  return found.sort((a, b) => b.cores - b.usual - (a.cores - a.usual))[0]
}

/** What labels say. */
function told(all: readonly Known[], now: ContainersSample): Reading | undefined {
  const forced = all.find(({ wants }) => wants === 'force')
  if (forced !== undefined) return { kind: 'active', reason: `${named(forced)} is labelled ${activityLabel}=force` }
  const began = ({ path }: Known) => (now.uses[path]?.start ?? 0) * msPerTick
  const job = all.find((one) => one.wants === 'job' && now.bootMs - began(one) <= jobMs)
  return job === undefined ? undefined : { kind: 'active', reason: `${named(job)} is a job of a CI runner` }
}

/** One that asked to be taken for need, and has ended since: until then it was. */
function endedOne(before: ContainersSample | undefined, present: readonly Known[]): Reading | undefined {
  const ended = before?.known.find(({ id, wants }) => wants === 'force' && !present.some((one) => one.id === id))
  if (ended === undefined) return undefined
  return { kind: 'active', reason: `${named(ended)}, labelled ${activityLabel}=force, has ended` }
}

/** A label that says so, a container that works, labels that cannot be read, or nothing of all that. */
function judge(
  now: ContainersSample,
  before: ContainersSample | undefined,
  { span, limits }: Context<typeof containersOptions>,
): Reading {
  const all = [...new Map(now.known.filter(({ id }) => id !== '').map((one) => [one.id, one])).values()]
  const labelled = told(all, now) ?? endedOne(before, all)
  if (labelled !== undefined) return labelled
  const counting = all.filter(({ wants }) => wants !== 'ignore')
  const most = busiest(counting, { now, before, ms: span.ms })
  const over = most === undefined ? 0 : Math.max(0, most.cores - most.usual)
  const measure = { value: Number(over.toFixed(3)), unit: 'cores', limit: limits.cores_over_usual }
  if (most !== undefined && over > limits.cores_over_usual) {
    const figures = `${most.cores.toFixed(2)} cores, ${most.usual.toFixed(2)} as always, limit ${limits.cores_over_usual.toFixed(2)}`
    return { kind: 'active', reason: `${named(most.one)}: ${figures}`, ...measure }
  }
  if (now.problem !== undefined) return { kind: 'unknown', reason: now.problem }
  const left = all.length - counting.length
  const others = left === 0 ? '' : `; ${left} labelled ignore`
  return { kind: 'idle', reason: `${counted(counting.length, 'container')}, none at work${others}`, ...measure }
}

export const subject: Subject<ContainersSample, typeof containersOptions> = {
  read,
  judge,
  gone: (before) => endedOne(before, []),
}
