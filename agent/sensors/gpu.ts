/** The gpu sensor: whether any GPU of this machine works, or is held by a program. */
import type { Host } from '../host/host.ts'
import { findGpus } from './gpu-devices.ts'
import { gpuOptions, judgeGpus } from './gpu-judge.ts'
import type { GpuSample } from './gpu-sample.ts'
import type { Sensor } from './sensor.ts'

async function read(host: Host, signal: AbortSignal, before?: GpuSample): Promise<GpuSample> {
  signal.throwIfAborted()
  const devices = await findGpus(host)
  if (devices.length === 0) return { gpus: [], stuck: [] }
  const { readGpus } = await import('./gpu-read.ts')
  return readGpus(host, devices, { signal, before })
}

/** Work on any GPU of NVIDIA or AMD, over the interval where the driver accounts it, else at both its ends. */
export const gpu: Sensor<GpuSample, typeof gpuOptions> = {
  name: 'gpu',
  sampleVersion: 1,
  options: gpuOptions,
  // The driver's 5 s, half a second to end a command, and a walk of /proc.
  readMs: 6_500,
  read,
  judge: judgeGpus,
}
