/** Is there room on the machine for what is in its memory, and did the program that prepares it for hibernation do its work? */
import type { Host } from '../host/host.ts'

/** The program that a cloud's images have for it. */
export interface Preparer {
  /** Its systemd unit. */
  readonly unit: string
  /** Where it keeps memory. It may be switched on as swap only while the machine hibernates. */
  readonly swapFiles: readonly string[]
}

const COMMAND_MS = 2_000

/** Why the cloud would accept to hibernate and the machine then silently shut down, or `undefined` where nothing says so. Throws HostError. */
export async function preparationProblem(host: Host, { unit, swapFiles }: Preparer): Promise<string | undefined> {
  const asked = await host.run(['systemctl', 'is-active', unit], { timeoutMs: COMMAND_MS })
  const state = asked?.stdout.trim()
  if (state === 'failed') return `the unit ${unit} failed`
  if (state === 'activating') return `the unit ${unit} is still at work`
  const { usedKb, swapKb } = await readMemory(host, swapFiles)
  if (swapKb === 0) return 'there is no swap to keep memory in'
  if (usedKb === undefined || usedKb <= swapKb) return undefined
  return `${mib(usedKb)} of memory are in use, and swap has ${mib(swapKb)}`
}

function mib(kb: number): string {
  return `${Math.round(kb / 1024)} MiB`
}

/** Memory in use and room for it, in KiB: swap that is on, and files that are off until they are needed. */
async function readMemory(
  host: Host,
  swapFiles: readonly string[],
): Promise<{ readonly usedKb: number | undefined; readonly swapKb: number }> {
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
