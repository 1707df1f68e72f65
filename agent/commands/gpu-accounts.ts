/** GPU accounting, without which nobody knows what ran on a GPU between two checks: switched on by `install`, looked at by `doctor`. */

import { within } from '../check/within.ts'
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { gpuUnitPath } from '../install/files.ts'
import { gpu } from '../sensors/gpu.ts'
import { findGpus } from '../sensors/gpu-devices.ts'
import type { Gpu, GpuSample } from '../sensors/gpu-sample.ts'
import type { StoredSample } from '../state.ts'
import type { CommandContext } from './context.ts'
import { exists, systemctl } from './installation.ts'

/** A driver that has to wake eight large GPUs takes half a minute. */
const COMMAND_MS = 120_000
const LOOK_MS = 15_000

/** Lets NVIDIA's driver account what runs, until it is unloaded. Nothing of this keeps `install` from going on. */
export async function accountGpus({ host, out }: CommandContext): Promise<void> {
  try {
    const devices = host.root === '/' ? await findGpus(host) : []
    if (!devices.some(({ driver }) => driver === 'nvidia')) return
    // Kept ready, or else the accounts end with the last program.
    await host.run(['nvidia-smi', '-pm', '1'], { timeoutMs: COMMAND_MS })
    const result = await host.run(['nvidia-smi', '-am', '1'], { timeoutMs: COMMAND_MS })
    const said = result?.stdout.trim().split('\n')[0] ?? 'nvidia-smi is not there'
    out(`GPU accounting is ${result?.status === 0 ? '' : 'not switched '}on (${said || `exit ${result?.status}`})`)
  } catch (error) {
    out(`GPU accounting is not switched on (${messageOf(error)})`)
  }
}

/** At each boot from now on. */
export async function enableGpuUnit(context: CommandContext): Promise<void> {
  if (await exists(context, gpuUnitPath)) await systemctl(context, ['enable', 'idle-agent-gpu.service'])
}

/** Before its file is removed; true if it is there. What it switched on stays so until the next boot. */
export async function disableGpuUnit(context: CommandContext): Promise<boolean> {
  if (!(await exists(context, gpuUnitPath))) return false
  await systemctl(context, ['disable', 'idle-agent-gpu.service'])
  if (await exists(context, '/usr/bin/nvidia-smi')) context.out('GPU accounting stays on until the next boot')
  return true
}

/** The sensor by the form that its samples are stored in; whoever stored one of the same version stored what it gave. */
const sensor: { read(host: Host, signal: AbortSignal, before?: unknown): Promise<GpuSample> } = gpu

/**
 * A look at each GPU as a check takes it, `last` is the one that the last check stored: while a command of that hangs, no
 * other is started. None where there are none. Throws if the bus cannot be read.
 */
export async function lookAtGpus(host: Host, last: StoredSample | undefined): Promise<readonly Gpu[]> {
  const before = last?.version === gpu.sampleVersion ? last.sample : undefined
  const limit = { ms: LOOK_MS, what: gpu.name }
  return (await within(host, limit, (signal) => sensor.read(host, signal, before))).gpus
}
