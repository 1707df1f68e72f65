/** Reads on the machine what `doctor` judges. */
import type { Parts } from '../check/parts.ts'
import type { HibernationHelp } from '../clouds/cloud.ts'
import type { Folder, MachineFacts, Owned, Space } from '../doctor/facts.ts'
import type { Finding } from '../doctor/finding.ts'
import { cronPath, executablePath, hookPath, predecessors, timerPath } from '../install/files.ts'
import { lockHolders } from '../lock.ts'
import { parseObject, textAt } from '../parse.ts'
import type { CommandContext } from './context.ts'
import { attempt } from './doctor-attempt.ts'
import { extensionProblem } from './doctor-extension.ts'
import { exists, schedulers } from './installation.ts'
import { running } from './running.ts'

const COMMAND_MS = 5_000

/** Gives what `work` gives, or `undefined` where it throws; then what hangs on it, by the name of its finding, is told apart. */
type Read = <T>(name: string, work: () => Promise<T>) => Promise<T | undefined>

/** What could be read, and faults for the rest. `help`: how the cloud has machines prepared for hibernation. */
export async function readFacts(
  context: CommandContext,
  parts: Parts,
  help: HibernationHelp | undefined,
): Promise<{ readonly facts: MachineFacts; readonly failed: readonly Finding[] }> {
  const failed: Finding[] = []
  const read: Read = (name, work) => attempt(failed, name, work)
  const facts = {
    ...(await scheduleFacts(context, parts, read)),
    ...(await fileFacts(context, parts, read)),
    ...(await systemFacts(context, help, read)),
  }
  return { facts, failed }
}

async function scheduleFacts(context: CommandContext, parts: Parts, read: Read) {
  const { host } = context
  const schedule = <T>(work: () => Promise<T>): Promise<T | undefined> => read('schedule', work)
  const cronRuns = async (): Promise<boolean> =>
    (await active(context, 'cron')) || (await active(context, 'crond')) || (await isRunning(context))
  const timerUnit = async (): Promise<string | undefined> =>
    (await isFile(context, timerPath)) ? await host.readText(timerPath) : undefined
  return {
    cronEntry: await schedule(() => cronEntry(context)),
    timerUnit: await schedule(timerUnit),
    cronRuns: (await schedule(cronRuns)) ?? false,
    timerRuns: (await schedule(() => active(context, 'idle-agent.timer'))) ?? false,
    timerEnabled: (await schedule(() => say(context, ['systemctl', 'is-enabled', 'idle-agent.timer']))) ?? '',
    resident: (await schedule(() => running(context)))?.find(({ command }) => command === 'run')?.pid,
    schedulable: (await schedule(async () => Object.values(await schedulers(context)).includes(true))) ?? true,
    intervalMs: parts.policy.checkIntervalMs,
    lastCheckMs: await read('last check', () => lastCheckMs(context, parts)),
    lockedBy: (await read('last check', () => lockHolders(host, parts.paths.lockDir)))?.[0],
  }
}

async function fileFacts(context: CommandContext, { paths }: Parts, read: Read) {
  const { stateDir, runDir, leases, logDir } = paths
  const wanted = [
    { path: stateDir, wanted: 0o700 },
    { path: runDir, wanted: 0o755 },
    { path: leases, wanted: 0o1733 },
    { path: logDir, wanted: 0o750 },
  ]
  const folders: Folder[] = []
  for (const one of wanted) folders.push({ ...one, found: await read('folders', () => owned(context, one.path)) })
  const spaces = await read('disk', async () => [await space(context, stateDir), await space(context, logDir)])
  const there = await read('leftovers', () => Promise.all(predecessors.map((path) => exists(context, path))))
  // A name in the folder: what was put aside may be anything.
  const names = await read('leftovers', () => context.host.store.list(stateDir))
  return {
    executable: await read('executable', () => owned(context, executablePath)),
    folders,
    space: (spaces ?? []).flatMap((one) => one ?? []),
    predecessorsThere: predecessors.filter((_, index) => there?.[index] === true),
    corruptState: names?.includes('state.json.corrupt') === true ? `${paths.state}.corrupt` : undefined,
  }
}

async function systemFacts(context: CommandContext, help: HibernationHelp | undefined, read: Read) {
  const { host } = context
  const clock = () => say(context, ['timedatectl', 'show', '-p', 'NTPSynchronized', '--value'])
  const topic = 'hibernation'
  return {
    hookThere: (await read('resume hook', () => exists(context, hookPath))) ?? false,
    systemd: (await read('resume hook', () => exists(context, '/run/systemd/system'))) ?? false,
    ssThere: (await read('tools', () => hasSs(context))) ?? false,
    clockSynchronised: (await read('clock', clock)) || undefined,
    memoryKb: await read(topic, () => memoryKb(context)),
    swapKb: (await read(topic, () => swapKb(context))) ?? 0,
    swapFileKb: Math.round(((await read(topic, () => host.stat(help?.swapFile ?? '/swap')))?.size ?? 0) / 1024),
    preparer: help === undefined ? undefined : await read(topic, () => preparer(context, help.unit)),
    extensionProblem: await read(topic, () => extensionProblem(host, help?.extension)),
  }
}

async function owned({ host }: CommandContext, path: string): Promise<Owned | undefined> {
  const found = await host.stat(path)
  return found === undefined ? undefined : { uid: found.uid, mode: found.mode & 0o7777 }
}

/** A masked unit is a link to /dev/null (systemctl(1)). */
async function isFile({ host }: CommandContext, path: string): Promise<boolean> {
  return (await host.stat(path))?.kind === 'file'
}

async function cronEntry(context: CommandContext): Promise<MachineFacts['cronEntry']> {
  const text = await context.host.readText(cronPath)
  const found = await owned(context, cronPath)
  return text === undefined || found === undefined ? undefined : { ...found, text }
}

/** One line of df(1) for the folder, and of proc_pid_mounts(5) for what it lies on; `undefined` where there is no df. */
async function space(context: CommandContext, path: string): Promise<Space | undefined> {
  const told = await say(context, ['df', '-k', '--output=avail,itotal,iavail,target', path])
  const [, freeKb, inodes, freeInodes, target] = /^\s*(\d+) +(\S+) +(\S+) +(.+)$/.exec(told.split('\n')[1] ?? '') ?? []
  if (freeKb === undefined || target === undefined) return undefined
  const mounts = ((await context.host.readText('/proc/self/mounts')) ?? '').split('\n').map((line) => line.split(' '))
  const options = mounts.findLast(([, at]) => at === target)?.[3] ?? ''
  return {
    path,
    freeKb: Number(freeKb),
    // btrfs has as many as it needs, and tells 0 or a dash.
    ...(Number(inodes) > 0 ? { freeInodes: Number(freeInodes) } : {}),
    readOnly: options.split(',').includes('ro'),
  }
}

/** `missing` also where it is masked. */
async function preparer(context: CommandContext, unit: string): Promise<MachineFacts['preparer']> {
  const told = await say(context, ['systemctl', 'show', '-p', 'LoadState', '-p', 'ActiveState', unit])
  if (told === '') return undefined
  if (told.includes('ActiveState=failed')) return 'failed'
  return told.includes('LoadState=loaded') ? 'there' : 'missing'
}

/** The trimmed output of a command, empty if it is not there. */
async function say({ host }: CommandContext, argv: readonly string[]): Promise<string> {
  const result = await host.run(argv, { timeoutMs: COMMAND_MS })
  return result?.stdout.trim() ?? ''
}

async function active(context: CommandContext, unit: string): Promise<boolean> {
  return (await say(context, ['systemctl', 'is-active', unit])) === 'active'
}

/** A cron that no systemd started. */
async function isRunning({ host }: CommandContext): Promise<boolean> {
  for (const path of ['/run/crond.pid', '/var/run/crond.pid']) {
    const pid = Number((await host.readText(path))?.trim())
    if (pid > 0 && (await host.stat(`/proc/${pid}`)) !== undefined) return true
  }
  return false
}

async function lastCheckMs({ host }: CommandContext, parts: Parts): Promise<number | undefined> {
  const text = await host.store.read(parts.paths.status)
  if (text === undefined) return undefined
  const ms = host.clocks().wallMs - writtenMs(text)
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function writtenMs(status: string): number {
  try {
    return Date.parse(textAt(parseObject(status), 'at'))
  } catch {
    return Number.NaN // damaged: the next check writes it anew, and none has left one that can be read
  }
}

async function hasSs(context: CommandContext): Promise<boolean> {
  const places = ['/usr/bin/ss', '/bin/ss', '/usr/sbin/ss', '/sbin/ss']
  const there = await Promise.all(places.map((path) => exists(context, path)))
  return there.includes(true)
}

async function memoryKb({ host }: CommandContext): Promise<number | undefined> {
  const kb = /^MemTotal: +(\d+) kB$/m.exec((await host.readText('/proc/meminfo')) ?? '')?.[1]
  return kb === undefined ? undefined : Number(kb)
}

/** Sum of the third column of /proc/swaps (swapon(8)), in KiB. */
async function swapKb({ host }: CommandContext): Promise<number> {
  const lines = ((await host.readText('/proc/swaps')) ?? '').trim().split('\n').slice(1)
  return lines.reduce((sum, line) => sum + (Number(line.split(/\s+/)[2]) || 0), 0)
}
