/** Reads on the machine what `doctor` judges. */
import type { Parts } from '../check/parts.ts'
import type { MachineFacts } from '../doctor/machine.ts'
import { cronPath, hookPath, predecessors, timerPath } from '../install/files.ts'
import { parseObject, textAt } from '../parse.ts'
import type { CommandContext } from './context.ts'
import { exists } from './installation.ts'

const COMMAND_MS = 5_000

/** Throws HostError where a file is there and cannot be read. */
export async function readFacts(context: CommandContext, parts: Parts): Promise<MachineFacts> {
  const { host } = context
  const there = await Promise.all(predecessors.map((path) => exists(context, path)))
  return {
    cronEntry: await host.readText(cronPath),
    timerUnit: await host.readText(timerPath),
    cronRuns: (await active(context, 'cron')) || (await active(context, 'crond')) || (await isRunning(context)),
    timerRuns: await active(context, 'idle-agent.timer'),
    intervalMs: parts.policy.checkIntervalMs,
    lastCheckMs: await lastCheckMs(context, parts),
    hookThere: await exists(context, hookPath),
    systemd: await exists(context, '/run/systemd/system'),
    predecessorsThere: predecessors.filter((_, index) => there[index] === true),
    corruptState: (await host.store.read(`${parts.paths.state}.corrupt`)) !== undefined,
    ssThere: await hasSs(context),
    clockSynchronised: (await say(context, ['timedatectl', 'show', '-p', 'NTPSynchronized', '--value'])) || undefined,
    memoryKb: await memoryKb(context),
    swapKb: await swapKb(context),
    swapFileKb: Math.round(((await host.stat('/swap'))?.size ?? 0) / 1024),
    hibinit: (await say(context, ['systemctl', 'is-active', 'hibinit-agent'])) || undefined,
  }
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
  const ms = host.clocks().wallMs - Date.parse(textAt(parseObject(text), 'at'))
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
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
