/** What an operator leaves out, beside what the agent knows by itself: put around the sensors that see it, so that a check without it loads nothing. */
import type { Host } from '../host/host.ts'
import type { ListOption } from '../types/options.ts'
import type { CpuSample } from './cpu-sample.ts'
import type { DiskSample } from './disk.ts'
import { leftOutUnits } from './disk-users.ts'
import { matches } from './glob.ts'
import { type Group, groupRoot, readGroup } from './groups.ts'
import { askRuns, endedAtMostMs, endedMs, ranBetween } from './housekeeping.ts'
import { isSystemUser } from './known-agents.ts'
import { nameFits } from './listed-match.ts'
import type { NetworkSample } from './network.ts'
import { ifPermitted, type Process, parseUid, whileItLives } from './processes.ts'
import type { Context, Sensor } from './sensor.ts'

const most = 64
const device = {
  type: 'texts',
  most,
  pattern: '^[A-Za-z0-9*][A-Za-z0-9*._:@-]{0,31}$',
  rule: 'a name, where * stands for any characters',
} as const

/** By the names of the settings. */
export const ignoreOptions = {
  'ignore.programs': {
    type: 'texts',
    most,
    pattern: '^[!-.0-~]([ -.0-~]{0,62}[!-.0-~])?$',
    rule: '1 to 64 printable characters without /',
    about:
      'Programs whose own CPU time is no activity, by their whole name, where * stands for any characters: only where they run as root or as a ' +
      "user of the system; what they start, and a person's program of that name, counts",
  },
  'ignore.interfaces': { ...device, about: 'Network interfaces whose traffic is no activity' },
  'ignore.disks': { ...device, about: 'Disks, as /proc/diskstats names them, whose traffic is no activity' },
  'ignore.units': {
    type: 'texts',
    most: 16,
    pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,79}\\.(service|timer)$',
    rule: 'the name of a systemd service or timer',
    about:
      'Services of systemd that count as housekeeping: their CPU time is no activity, disk traffic and downloads while they run only ' +
      'hold the machine, and their timers, or timers listed here, are not waited for',
  },
} as const satisfies Readonly<Record<string, ListOption>>

/** What is left out; each empty where it is not configured. */
export interface Ignored {
  readonly programs: readonly string[]
  readonly interfaces: readonly string[]
  readonly disks: readonly string[]
  /** Services only. */
  readonly units: readonly string[]
}

/** Has it one of these names? One that the kernel has cut is looked up; where that is refused, no. */
async function isOneOf(
  host: Host,
  named: Pick<Process, 'pid' | 'comm'>,
  programs: readonly string[],
): Promise<boolean> {
  for (const name of programs) if ((await ifPermitted(() => nameFits(host, named, name))) === true) return true
  return false
}

/** Moves processes of these programs to the known agents, as cpu.ts sorts them. */
async function withKnown(host: Host, sample: CpuSample, programs: readonly string[]): Promise<CpuSample> {
  const known = [...sample.known]
  const processes: CpuSample['processes'][number][] = []
  for (const one of sample.processes) {
    const [pid, start, ticks, , , comm] = one
    const status = (await isOneOf(host, { pid, comm }, programs))
      ? await whileItLives(host, pid, () => host.readText(`/proc/${pid}/status`))
      : undefined
    if (status !== undefined && isSystemUser(parseUid(status))) known.push([pid, start, ticks])
    else processes.push(one)
  }
  return { ...sample, known, processes }
}

/** Below system.slice those of a template lie in a slice of their own, with `-` in its name written as \x2d (systemd.slice(5), systemd-escape(1)). */
function groupOf(unit: string): string {
  const [, template] = /^([^@]+)@/.exec(unit) ?? []
  const slice = template === undefined ? '' : `system-${template.replaceAll('-', '\\x2d')}.slice/`
  return `system.slice/${slice}${unit}`
}

/** The groups of the units that are there, marked as housekeeping. */
async function unitGroups(host: Host, units: readonly string[]): Promise<readonly Group[]> {
  const root = await groupRoot(host)
  const found: Group[] = []
  for (const unit of root === undefined ? [] : units) {
    const group = await readGroup(host, root?.mount ?? '', groupOf(unit))
    if (group !== undefined) found.push([group[0], group[1], group[2], 'housekeeping'])
  }
  return found
}

/** The sample of the cpu sensor, with the units that were asked for. */
interface WithUnits extends CpuSample {
  readonly units?: readonly string[]
}

/** Without the mark on units that the earlier sample was not asked for: what they used before it would be taken for the interval's. */
function comparable(now: WithUnits, before: WithUnits): WithUnits {
  const knew = (path: string) => before.units?.some((unit) => path === groupOf(unit)) === true
  return { ...now, groups: now.groups.filter(([path, , , mark]) => mark === undefined || knew(path)) }
}

/** The cpu sensor without these programs and units. */
export function ignoringCpu(inner: Sensor<CpuSample>, { programs, units }: Ignored): Sensor<WithUnits> {
  return {
    ...inner,
    async read(host, signal, before) {
      const sample = await withKnown(host, await inner.read(host, signal, before), programs)
      if (units.length === 0) return sample
      const own = await unitGroups(host, units)
      const others = sample.groups.filter(([path]) => !own.some(([name]) => name === path))
      return { ...sample, groups: [...others, ...own], units }
    },
    judge: (now, before, context) => inner.judge(comparable(now, before), before, context),
    async excuse(host, { now, before, ...context }, signal) {
      const given = { ...context, before, now: comparable(now, before) }
      const excused = await inner.excuse?.(host, given, signal)
      if (units.length === 0) return excused
      const { span } = context
      const between = {
        from: span.now.monoMs - (span.now.bootMs - before.bootMs),
        to: span.now.monoMs,
        before: before.groups,
        now: now.groups,
      }
      const ended = endedMs(await askRuns(host, units, signal), between, (unit) => units.includes(unit))
      const all = Math.min((excused?.endedMs ?? 0) + ended, endedAtMostMs(given.now.groups, before.groups))
      return { ...(excused ?? now), groups: now.groups, endedMs: all, units }
    },
  }
}

/** The service of the list that ran in the interval, without its suffix. */
async function ran(
  host: Host,
  { units, span }: Pick<Context, 'span'> & Pick<Ignored, 'units'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (units.length === 0) return undefined
  return ranBetween(await askRuns(host, units, signal), span.now.monoMs - span.ms, span.now.monoMs)[0]
}

/** The network sensor without these interfaces, and with downloads of these units. */
export function ignoringNetwork(inner: Sensor<NetworkSample>, { interfaces, units }: Ignored): Sensor<NetworkSample> {
  const counts = ({ name }: { readonly name: string }) => !interfaces.some((pattern) => matches(pattern, name))
  return {
    ...inner,
    async read(host, signal, before) {
      const sample = await inner.read(host, signal, before)
      return { ...sample, interfaces: sample.interfaces.filter(counts) }
    },
    judge(now, before, context) {
      // An interface that the earlier sample still had is not lost, it is left out since.
      const known = { ...before, interfaces: before.interfaces.filter(counts) }
      if (now.interfaces.length + known.interfaces.length === 0 && interfaces.length > 0)
        return { kind: 'absent', reason: 'no network interface that is not left out by the configuration' }
      return inner.judge(now, known, context)
    },
    async excuse(host, given, signal) {
      const excused = await inner.excuse?.(host, given, signal)
      const fetcher = excused?.fetcher ?? (await ran(host, { units, span: given.span }, signal))
      return fetcher === undefined ? excused : { ...given.now, fetcher }
    },
  }
}

/** The disk sensor without these disks, and with traffic of these units. */
export function ignoringDisk(inner: Sensor<DiskSample>, { disks, units }: Ignored): Sensor<DiskSample> {
  const filtered = (sample: DiskSample): DiskSample => ({
    ...sample,
    disks: sample.disks?.filter(({ name }) => !disks.some((pattern) => matches(pattern, name))),
  })
  return {
    ...inner,
    read: async (host, signal, before) => filtered(await inner.read(host, signal, before)),
    judge(now, before, context) {
      if (now.disks?.length === 0 && filtered(before).disks?.length === 0 && disks.length > 0)
        return { kind: 'absent', reason: 'no disk that is not left out by the configuration' }
      return inner.judge(now, filtered(before), context)
    },
    async excuse(host, given, signal) {
      leftOutUnits.set(host, new Set(units))
      const excused = await inner.excuse?.(host, given, signal)
      const found = excused?.found
      if (excused === undefined || found === undefined || found.unit !== undefined) return excused
      const unit = await ran(host, { units, span: given.span }, signal)
      return unit === undefined ? excused : { ...excused, found: { ...found, unit } }
    },
  }
}
