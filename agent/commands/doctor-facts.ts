/** Reads on the machine what `doctor` judges. */
import type { Parts } from '../check/parts.ts'
import type { HibernationHelp } from '../clouds/cloud.ts'
import type { MachineFacts, Owned, Space } from '../doctor/facts.ts'
import { cronPath, executablePath, hookPath, predecessors, timerPath } from '../install/files.ts'
import { lockHolders } from '../lock.ts'
import { parseObject, textAt } from '../parse.ts'
import type { CommandContext } from './context.ts'
import { extensionProblem } from './doctor-extension.ts'
import { exists } from './installation.ts'

const COMMAND_MS = 5_000

/** `hibernation`: how the cloud has machines prepared for it. Throws HostError where a file is there and cannot be read. */
export async function readFacts(
  context: CommandContext,
  parts: Parts,
  hibernation: HibernationHelp | undefined,
): Promise<MachineFacts> {
  const { host } = context
  const there = await Promise.all(predecessors.map((path) => exists(context, path)))
  const { stateDir, runDir, leases, logDir, lockDir } = parts.paths
  return {
    executable: await owned(context, executablePath),
    cronEntry: await cronEntry(context),
    timerUnit: (await isFile(context, timerPath)) ? await host.readText(timerPath) : undefined,
    cronRuns: (await active(context, 'cron')) || (await active(context, 'crond')) || (await isRunning(context)),
    timerRuns: await active(context, 'idle-agent.timer'),
    timerEnabled: await say(context, ['systemctl', 'is-enabled', 'idle-agent.timer']),
    intervalMs: parts.policy.checkIntervalMs,
    lastCheckMs: await lastCheckMs(context, parts),
    lockedBy: (await lockHolders(host, lockDir))[0],
    folders: [
      { path: stateDir, wanted: 0o700, found: await owned(context, stateDir) },
      { path: runDir, wanted: 0o755, found: await owned(context, runDir) },
      { path: leases, wanted: 0o1733, found: await owned(context, leases) },
      { path: logDir, wanted: 0o750, found: await owned(context, logDir) },
    ],
    space: [await space(context, stateDir), await space(context, logDir)].flatMap((one) => one ?? []),
    hookThere: await exists(context, hookPath),
    systemd: await exists(context, '/run/systemd/system'),
    predecessorsThere: predecessors.filter((_, index) => there[index] === true),
    corruptState: (await host.store.read(`${parts.paths.state}.corrupt`)) !== undefined,
    ssThere: await hasSs(context),
    clockSynchronised: (await say(context, ['timedatectl', 'show', '-p', 'NTPSynchronized', '--value'])) || undefined,
    memoryKb: await memoryKb(context),
    swapKb: await swapKb(context),
    swapFileKb: Math.round(((await host.stat(hibernation?.swapFile ?? '/swap'))?.size ?? 0) / 1024),
    preparer: hibernation === undefined ? undefined : await preparer(context, hibernation.unit),
    extensionProblem: await extensionProblem(host, hibernation?.extension),
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
