/** AMD's GPUs by the files of the driver amdgpu: how busy at this moment, how much memory is taken, which programs compute. */
import { type Asking, ask } from './gpu-ask.ts'
import type { GpuDevice } from './gpu-devices.ts'
import type { Gpu } from './gpu-sample.ts'

type Draft = Omit<Gpu, 'peaks'>

/** By path: its text, or why there is none. */
type Texts = ReadonlyMap<string, { readonly text?: string; readonly problem?: string }>

const MIB = 1_048_576

function fileOf(id: string, name: string): string {
  return `/sys/bus/pci/devices/${id}/${name}`
}

/**
 * The files' texts. By grep(1), which prints each with its path and can be given up: the driver answers some of them itself
 * (amdgpu_pm.c), so that one that hangs would take us with it. Read directly where commands are not run: below another root.
 */
async function readAll(asking: Asking, paths: readonly string[]): Promise<Texts> {
  if (paths.length === 0) return new Map()
  const result = await ask(asking, ['grep', '-H', '.', ...paths])
  const found = new Map<string, { text?: string; problem?: string }>()
  for (const path of paths) {
    const begin = `${path}:`
    const line = result?.stdout.split('\n').find((one) => one.startsWith(begin))
    const said = result?.stderr.split('\n').find((one) => one.includes(begin))
    const text = result === undefined ? await asking.host.readText(path, 4096) : line?.slice(begin.length)
    if (text !== undefined) found.set(path, { text })
    else found.set(path, said === undefined ? {} : { problem: said.slice(said.indexOf(begin) + begin.length).trim() })
  }
  return found
}

/** Processes with compute queues, on any of the GPUs (drivers/gpu/drm/amd/amdkfd: a folder for each). */
async function programs(asking: Asking): Promise<number> {
  const names = (await asking.host.list('/sys/class/kfd/kfd/proc')) ?? []
  return names.length
}

function judgeFiles(id: string, texts: Texts, count: number): Draft {
  const name = `GPU ${id}`
  const [busy, memory] = ['gpu_busy_percent', 'mem_info_vram_used'].map((file) => texts.get(fileOf(id, file)))
  const percent = /^(\d{1,3})\s*$/.exec(busy?.text ?? '')?.[1]
  const bytes = /^(\d{1,15})\s*$/.exec(memory?.text ?? '')?.[1]
  // Without its memory nobody knows of programs that draw: perhaps one does.
  const held = bytes === undefined ? {} : { memoryMib: Math.floor(Number(bytes) / MIB) }
  const programs = bytes === undefined && count === 0 ? {} : { programs: count }
  if (percent === undefined || Number(percent) > 100) {
    const why =
      busy?.problem ?? (busy?.text === undefined ? 'gpu_busy_percent is missing' : 'gpu_busy_percent is no percentage')
    return { id, name, ...held, ...programs, problem: `it does not tell how busy it is (${why})` }
  }
  return { id, name, busy: Number(percent), ...held, ...programs }
}

/** Reads GPUs with the driver amdgpu. One that is asleep is left so: nobody uses it. Throws if the driver hangs. */
export async function readAmd(asking: Asking, devices: readonly GpuDevice[]): Promise<readonly Draft[]> {
  const awake: string[] = []
  for (const { id } of devices) {
    const status = await asking.host.readText(fileOf(id, 'power/runtime_status'))
    if (status?.trim() !== 'suspended') awake.push(id)
  }
  const paths = awake.flatMap((id) => [fileOf(id, 'gpu_busy_percent'), fileOf(id, 'mem_info_vram_used')])
  const texts = await readAll(asking, paths)
  const count = await programs(asking)
  return devices.map(({ id }) =>
    awake.includes(id) ? judgeFiles(id, texts, count) : { id, name: `GPU ${id}`, busy: 0, programs: 0, memoryMib: 0 },
  )
}
