/** Looks at the GPUs, each by its driver; loaded only on machines that have one. */
import { messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Instant } from '../types.ts'
import { readAmd } from './gpu-amd.ts'
import { type Asking, beginAsking } from './gpu-ask.ts'
import type { GpuDevice } from './gpu-devices.ts'
import { readNvidia } from './gpu-nvidia.ts'
import type { Gpu, GpuSample } from './gpu-sample.ts'

type Draft = Omit<Gpu, 'peaks'>

/** No window is longer than a day. */
const REMEMBERED_MS = 86_400_000

/** Looks at `devices`; `before` is the last look. What cannot be read is a problem of that GPU. Throws only when given up. */
export async function readGpus(
  host: Host,
  devices: readonly GpuDevice[],
  given: { readonly signal: AbortSignal; readonly before: GpuSample | undefined },
): Promise<GpuSample> {
  const { signal, before } = given
  const asking = await beginAsking(host, signal, before?.stuck ?? [])
  const drafts: Draft[] = []
  for (const [driver, own] of Map.groupBy(devices, (device) => device.driver)) {
    drafts.push(...(await readDriven(asking, driver, own)))
  }
  const now = host.clocks().monoMs
  const gpus = drafts.map((draft) =>
    withPast(
      draft,
      before?.gpus.find(({ id }) => id === draft.id),
      now,
    ),
  )
  return { gpus, stuck: asking.stuck }
}

async function readDriven(
  asking: Asking,
  driver: string | undefined,
  devices: readonly GpuDevice[],
): Promise<readonly Draft[]> {
  const drafts = (facts: Partial<Draft>) => devices.map(({ id }) => ({ id, name: `GPU ${id}`, ...facts }))
  if (driver === undefined) return drafts({ undriven: true })
  try {
    if (driver === 'nvidia') return await readNvidia(asking, devices)
    if (driver === 'amdgpu') return await readAmd(asking, devices)
  } catch (error) {
    return drafts({ problem: messageOf(error) })
  }
  return drafts({ problem: `its driver ${driver.slice(0, 32)} does not tell how busy it is` })
}

/** With the heights of the looks so far, less those that a later one has reached, and with the last look that had no problem. */
function withPast(draft: Draft, before: Gpu | undefined, now: Instant): Gpu {
  const busy = draft.busy ?? 0
  const kept = (before?.peaks ?? []).filter(([at, percent]) => percent > busy && at <= now && at > now - REMEMBERED_MS)
  const peaks: Gpu['peaks'] = busy > 0 ? [...kept, [now, busy]] : kept
  const last = before?.problem === undefined ? before : before.last
  return { ...draft, peaks, ...(draft.problem === undefined || last === undefined ? {} : { last }) }
}
