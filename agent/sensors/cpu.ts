/** The cpu sensor: CPU time of the whole machine less that of known agents, distribution housekeeping and this agent itself. */
import type { Host } from '../host/host.ts'
import type { Options } from '../types/options.ts'
import type { Reading } from '../types.ts'
import { containerProcesses } from './container-processes.ts'
import { grown, msPerTick, parseCount, secondsOf } from './counts.ts'
import type { CpuSample, Own } from './cpu-sample.ts'
import { editorNames } from './editor-names.ts'
import { readGroups } from './groups.ts'
import { endedAtMostMs, endedMs, runningMs, unitRuns } from './housekeeping.ts'
import { agentNames, isSystemUser } from './known-agents.ts'
import { own as comparing, ownWork, type ProcessTimes } from './own-work.ts'
import {
  breathe,
  ownProcess,
  type Process,
  type ProcessTable,
  parseUid,
  processTable,
  whileItLives,
} from './processes.ts'
import type { Context, Sensor } from './sensor.ts'

export const cpuOptions = {
  cores: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 64,
    unit: 'cores',
    about: 'more work than this is activity; in core-seconds per second, whatever the number of cores',
  },
} as const satisfies Options

/** Most processes in a sample, those with most CPU time; the rest can only go unnamed, not uncounted. */
const mostProcesses = 400

/**
 * Busy milliseconds of all cores since boot out of /proc/stat: user, nice, system, irq, softirq (proc_stat(5)). Not idle,
 * iowait or steal, which are no work; guest time is inside user. Throws if the first line is not understood.
 */
export function parseBusy(text: string): number {
  const line = text.slice(0, Math.max(0, text.indexOf('\n')))
  const columns = line.split(/ +/)
  if (columns[0] !== 'cpu') throw new Error('/proc/stat does not begin with the line of all cores')
  let ticks = 0
  for (const index of [1, 2, 3, 6, 7])
    ticks += parseCount(columns[index], `column ${index} of the cpu line in /proc/stat`)
  return ticks * msPerTick
}

/** Adds what the agent used after sampling: `ms` is `host.self.cpuMs()` just before the sample is stored. Unchanged where the agent runs on another machine. */
export function withOwnCpu(sample: CpuSample, ms: number): CpuSample {
  return sample.own === undefined ? sample : { ...sample, own: { ...sample.own, endMs: ms } }
}

async function ownUse(host: Host): Promise<Own | undefined> {
  const own = await ownProcess(host)
  const ms = host.self.cpuMs()
  return own === undefined ? undefined : { ...own, ms, endMs: ms }
}

async function isKnownAgent(host: Host, { comm, pid }: Process): Promise<boolean> {
  if (!agentNames.has(comm)) return false
  const status = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/status`))
  return status !== undefined && isSystemUser(parseUid(status))
}

async function sortOut(
  host: Host,
  {
    table,
    own,
    apart,
  }: { readonly table: ProcessTable; readonly own: Own | undefined; readonly apart: ReadonlySet<number> | undefined },
  signal: AbortSignal,
): Promise<Pick<CpuSample, 'known' | 'processes' | 'cut'>> {
  const known: [number, number, number][] = []
  const workers: ProcessTimes[] = []
  for (const [step, process] of [...table.values()].entries()) {
    await breathe(host, step, signal)
    const { pid, start } = process
    const ticks = process.utime + process.stime
    const ended = process.cutime + process.cstime
    if (ticks + ended === 0 || (pid === own?.pid && start === own.start) || apart?.has(pid) === true) continue
    if (await isKnownAgent(host, process)) known.push([pid, start, ticks])
    else workers.push([pid, start, ticks, ended, process.ppid, process.comm])
  }
  workers.sort((a, b) => b[2] + b[3] - a[2] - a[3])
  const firstCut = workers[mostProcesses]
  return {
    known,
    processes: workers.slice(0, mostProcesses),
    cut: firstCut === undefined ? 0 : firstCut[2] + firstCut[3],
  }
}

async function read(host: Host, signal: AbortSignal, before?: CpuSample): Promise<CpuSample> {
  const stat = await host.readText('/proc/stat')
  if (stat === undefined) throw new Error('/proc/stat is absent')
  const own = await ownUse(host)
  const { container, groups } = await readGroups(host, signal, before?.watch)
  const whole: CpuSample['whole'] =
    container === undefined
      ? { of: 'machine', ino: 0, ms: parseBusy(stat) }
      : { of: 'container', ino: container[1], ms: container[2] / 1000 }
  const { bootMs } = host.clocks()
  const table = await processTable(host, signal)
  // Nothing is loaded where there is no container.
  const { readApart } = containerProcesses(table).length > 0 ? await import('./container-apart.ts') : {}
  const found = await readApart?.(host, table, { before, signal })
  const sorted = await sortOut(host, { table, own, apart: found?.pids }, signal)
  return {
    whole,
    bootMs,
    ...sorted,
    ...(found === undefined ? {} : { apart: found.apart }),
    ...(before?.watch === undefined ? {} : { watch: before.watch }),
    groups,
    ...(own === undefined ? {} : { own }),
  }
}

/** Busy time of the whole in the interval. A container whose root group was made anew begins at 0. */
function wholeMs({ whole }: CpuSample, before: CpuSample): number {
  if (whole.of !== before.whole.of) throw new Error('the source of CPU time changed between machine and container')
  const base = whole.ino === before.whole.ino ? before.whole.ms : 0
  return grown(whole.ms, base, `CPU time of the ${whole.of}`)
}

/** Ticks that a known agent had at the earlier sample. One that went by another name then (a process can rename itself) had them there. */
function knownBefore([pid, start, ticks]: CpuSample['known'][number], before: CpuSample): number {
  const known = before.known.find((entry) => entry[0] === pid && entry[1] === start)
  if (known !== undefined) return known[2]
  if (start * msPerTick >= before.bootMs) return 0
  const renamed = before.processes.find((entry) => entry[0] === pid && entry[1] === start)
  // Not stored at all: it had no ticks, unless the list was cut; then nothing is taken as known.
  return renamed?.[2] ?? (before.cut > 0 ? ticks : 0)
}

/** Own CPU time of known agents, by process: one that ended counts as work, one that is new counts from its start. */
function knownMs(now: CpuSample, before: CpuSample): number {
  let ticks = 0
  for (const entry of now.known) ticks += grown(entry[2], knownBefore(entry, before), `CPU time of pid ${entry[0]}`)
  return ticks * msPerTick
}

/** What this agent used in the interval: the rest of the check that took the earlier sample, and this one so far. */
function ownMs(now: CpuSample, before: CpuSample): number {
  const [own, earlier] = [now.own, before.own]
  if (own === undefined) return 0
  if (earlier === undefined) return own.start * msPerTick >= before.bootMs ? own.ms : 0
  if (own.pid === earlier.pid && own.start === earlier.start) return grown(own.ms, earlier.ms, 'own CPU time')
  const rest = grown(earlier.endMs, earlier.ms, 'own CPU time of the check before')
  // A process older than the earlier sample may have used its time before it.
  return own.start * msPerTick >= before.bootMs ? rest + own.ms : rest
}

/** The earlier sample with known agents among its processes: one may go by another name now, and has not used again what it had. */
function withAgents(before: CpuSample): CpuSample {
  const agents = before.known.map(([pid, start, ticks]): ProcessTimes => [pid, start, ticks, 0, 0, ''])
  return { ...before, processes: [...before.processes, ...agents] }
}

/** What nobody known used, in milliseconds. */
function workMs(now: CpuSample, before: CpuSample): number {
  const rest =
    wholeMs(now, before) - knownMs(now, before) - ownMs(now, before) - (now.apart?.ms ?? 0) - (now.endedMs ?? 0)
  // The kernel may count the whole by sampling at its clock tick, and a container's root group may not hold everybody in
  // it, but what processes used is exact: the larger one counts. It holds nobody who has ended.
  return Math.max(rest, ownWork(now, withAgents(before))) - runningMs(now.groups, before.groups)
}

/** Two digits, or more where two would show value and limit as equal though one is larger. */
function figure(cores: number, limit: number): string {
  const digits = [2, 3, 4].find((count) => cores <= limit || cores.toFixed(count) !== limit.toFixed(count)) ?? 5
  return cores.toFixed(digits)
}

function judge(now: CpuSample, before: CpuSample, { span, limits }: Context<typeof cpuOptions>): Reading {
  const limit = limits.cores
  const ms = workMs(now, before)
  const cores = Math.max(0, ms / 1000 / secondsOf(span.ms))
  if (!Number.isFinite(cores) || !Number.isFinite(limit)) throw new Error('CPU time in cores is not a number')
  const measure = { value: Number(cores.toFixed(3)), unit: 'cores', limit }
  const said = `, limit ${limit.toFixed(2)}`
  if (cores <= limit) return { kind: 'idle', reason: `${figure(cores, limit)} cores busy${said}`, ...measure }
  const { name = 'work', by } = now.culprit ?? {}
  const reason = `${name}: ${figure(cores, limit)} cores${said}`
  return { kind: 'active', reason, ...measure, ...(by === undefined ? {} : { by }) }
}

type Given = Context<typeof cpuOptions> & { readonly now: CpuSample; readonly before: CpuSample }

/** Leaves out what runs an editor's extensions, where nobody is at the editor, and housekeeping units that ended; and names the culprit. */
async function excuse(host: Host, given: Given, signal: AbortSignal): Promise<CpuSample> {
  const { before } = given
  const { culprit } = await import('./culprit.ts')
  const editors = given.now.processes.some((times) => editorNames.test(times[5]))
  const left = editors
    ? await (await import('./editors-judge.ts')).remoteEditors.withoutIdleEditors(host, given.now, signal)
    : undefined
  const now = left ?? given.now
  const last = (await excuseEnded(host, { ...given, now }, signal)) ?? now
  return { ...last, culprit: culprit(last, withAgents(before), { workMs: workMs(last, before), own: comparing }) }
}

/** Asks systemd what housekeeping units that ended had used; not where even all that their slice used would change nothing. */
async function excuseEnded(
  host: Host,
  { now, before, span, limits }: Given,
  signal: AbortSignal,
): Promise<CpuSample | undefined> {
  const atMost = endedAtMostMs(now.groups, before.groups)
  if (workMs({ ...now, endedMs: atMost }, before) > limits.cores * span.ms) return undefined
  // Of the earlier moment the one after its counters were read: what began later lies within the interval for certain.
  const from = span.now.monoMs - (span.now.bootMs - before.bootMs)
  const between = { from, to: span.now.monoMs, before: before.groups, now: now.groups }
  const ended = endedMs(await unitRuns(host, signal), between)
  return { ...now, endedMs: Math.min(ended, atMost) }
}

/** Work in cores over the whole interval (kernel.md 1): one busy thread on 96 cores is work, iowait and steal are not. */
export const cpu: Sensor<CpuSample, typeof cpuOptions> = {
  name: 'cpu',
  sampleVersion: 1,
  options: cpuOptions,
  read,
  learns: true,
  settle: (sample, { cpuMs, watch = sample.watch ?? [] }) => ({
    ...(cpuMs === undefined ? sample : withOwnCpu(sample, cpuMs)),
    ...(watch.length === 0 ? {} : { watch }),
  }),
  judge,
  excuse,
}
