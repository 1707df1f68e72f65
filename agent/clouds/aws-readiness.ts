/** Is the machine itself ready to hibernate? Asked of EC2's own hibernation agent, where that has set the machine up for it. */
import type { Host } from '../host/host.ts'

/** Left by the agent once it has seen that the instance was launched with hibernation (its source, agent/hibinit-agent). */
const ENABLED = '/var/lib/hibinit-agent/hibernation-enabled'

/** Where it keeps memory: Amazon Linux and Red Hat, Ubuntu. It is switched on as swap only while the machine hibernates. */
export const swapFiles = ['/swap', '/swap-hibinit']

const COMMAND_MS = 2_000

/**
 * Why EC2 would accept to hibernate and the machine then silently shut down, or `undefined` where nothing says so. Without
 * EC2's agent nothing is known, and EC2 is asked. Throws HostError.
 */
export async function hibernationProblem(host: Host): Promise<string | undefined> {
  if ((await host.stat(ENABLED)) === undefined) return undefined
  const unit = await host.run(['systemctl', 'is-active', 'hibinit-agent'], { timeoutMs: COMMAND_MS })
  const state = unit?.stdout.trim()
  if (state === 'failed') return 'the unit hibinit-agent failed'
  if (state === 'activating') return 'the unit hibinit-agent is still at work'
  const { usedKb, swapKb } = await readMemory(host)
  if (swapKb === 0) return 'there is no swap to keep memory in'
  if (usedKb === undefined || usedKb <= swapKb) return undefined
  return `${mib(usedKb)} of memory are in use, and swap has ${mib(swapKb)}`
}

function mib(kb: number): string {
  return `${Math.round(kb / 1024)} MiB`
}

/** Memory in use and room for it, in KiB: swap that is on, and the hibernation agent's file, which is off until it is needed. */
async function readMemory(host: Host): Promise<{ readonly usedKb: number | undefined; readonly swapKb: number }> {
  const info = (await host.readText('/proc/meminfo')) ?? ''
  const [total, available] = ['MemTotal', 'MemAvailable'].map((name) =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(info)?.[1] ?? Number.NaN),
  )
  const usedKb = (total ?? Number.NaN) - (available ?? Number.NaN)
  const lines = ((await host.readText('/proc/swaps')) ?? '').trim().split('\n').slice(1)
  const on = lines.map((line) => line.split(/\s+/))
  const offKb = await Promise.all(
    swapFiles
      .filter((path) => !on.some(([name]) => name === path))
      .map(async (path) => ((await host.stat(path))?.size ?? 0) / 1024),
  )
  const sizes = [...on.map(([, , size]) => Number(size) || 0), ...offKb]
  return { usedKb: Number.isNaN(usedKb) ? undefined : usedKb, swapKb: sizes.reduce((sum, kb) => sum + kb, 0) }
}
